"""The figures of a run, their aims, and how each is made of what was measured."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from pydantic import BaseModel

from benchmarks.history import Activity
from tidegate.contracts import StageTiming

BEFORE = {
    "recovery_find_traffic": "Find split traffic",
    "git_resolve": "Resolve revision",
    "sync_survey": "Render and validate",
    "sync_apply": "Apply manifests",
    "sync_await_health": "Wait for health",
    "workload_plan": "Plan",
}
"""Activities that come before a canary's first stage."""

REST = "Temporal and the workflows between them"


class Aim(BaseModel):
    """One line of the report: a figure and the most that it should be."""

    key: str
    title: str
    most: float
    unit: str = ""


AIMS = (
    Aim(key="overhead_ratio", title="Wall time over the sum of the bakes", most=1.10),
    Aim(
        key="abort_ms_p50", title="From abort to Envoy serving only the primary, median", most=500, unit="ms"
    ),
    Aim(key="actions_per_step", title="Billable actions per step", most=4),
    Aim(key="gateway_failures", title="Failed requests during twenty weight changes", most=0),
)


class Cost(BaseModel):
    """What a part of a release cost in wall time, in seconds; `times` is how often it was done."""

    part: str
    times: int
    seconds: float


class Overhead(BaseModel):
    """The ten-step release: wall time, its bakes, and where the rest went."""

    seconds: float
    bakes_seconds: float
    failed_checks: int
    breakdown: tuple[Cost, ...]
    """All of it, bakes without the time that they are meant to take."""

    @property
    def ratio(self) -> float:
        """Wall time over the sum of the bakes."""
        return self.seconds / self.bakes_seconds


class Steps(BaseModel):
    """What the steps of the ten-step release cost at Temporal."""

    count: int
    events: int
    actions: int
    """In the history."""
    heartbeats: int
    """Those that were sent, as Temporal's SDK counted them; billable too."""
    release_events: int
    """Of both workflows, from start to end."""
    release_actions: int

    @property
    def events_per_step(self) -> float:
        """History events for one routing, bake and judgement."""
        return self.events / self.count

    @property
    def actions_per_step(self) -> float:
        """Billable actions for one routing, bake and judgement, heartbeats included."""
        return (self.actions + self.heartbeats) / self.count


class Aborts(BaseModel):
    """Milliseconds from sending the signal to the last canary's answer being over, for each abort."""

    milliseconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.milliseconds)


class Gateway(BaseModel):
    """A release of twenty weight changes with visitors at the gateway."""

    weight_changes: int
    requests: int
    rate: float
    """Requests per second."""
    failures: dict[str, int]
    """By HTTP status or error."""

    @property
    def failed(self) -> int:
        """Requests that did not end in 200."""
        return sum(self.failures.values())


class Figures(BaseModel):
    """All that one run measured."""

    overhead: Overhead
    aborts: Aborts
    steps: Steps
    gateway: Gateway

    def headline(self) -> dict[str, float]:
        """The figures by the names under which they are published."""
        return {
            "overhead_ratio": round(self.overhead.ratio, 3),
            "abort_ms_p50": round(self.aborts.median, 1),
            "events_per_step": round(self.steps.events_per_step, 1),
            "actions_per_step": round(self.steps.actions_per_step, 1),
            "gateway_failures": self.gateway.failed,
        }

    def missed(self) -> list[str]:
        """The keys of the aims that this run missed."""
        found = self.headline()
        return [aim.key for aim in AIMS if found[aim.key] > aim.most]

    def document(self) -> dict[str, Any]:
        """The figures first, then the samples that they were made of."""
        return {**self.headline(), "missed": self.missed(), "samples": self.model_dump(mode="json")}


def breakdown(
    overhead_seconds: float,
    bake_seconds: float,
    activities: Sequence[Activity],
    stages: Sequence[StageTiming],
) -> tuple[Cost, ...]:
    """Where the wall time beyond the bakes went, by part in the order of the release.

    `activities` are both workflows'; `stages` the canary's. What no part accounts for is Temporal's, the
    workflows' and the way between them.
    """
    grouped: dict[str, list[float]] = {title: [] for title in BEFORE.values()}
    for activity in activities:
        if activity.name in BEFORE:
            grouped[BEFORE[activity.name]].append(activity.waited + activity.ran)
    for timing in stages:
        part, meant = _part(timing.stage, bake_seconds)
        grouped.setdefault(part, []).append(timing.seconds - meant)
    costs = [
        Cost(part=part, times=len(spent), seconds=sum(spent)) for part, spent in grouped.items() if spent
    ]
    rest = overhead_seconds - sum(cost.seconds for cost in costs)
    return (*costs, Cost(part=REST, times=1, seconds=rest))


def bakes_in(stages: Sequence[StageTiming]) -> int:
    """How many of the stages are bakes."""
    return sum(_is_bake(timing.stage) for timing in stages)


def _part(stage: str, bake_seconds: float) -> tuple[str, float]:
    """The line on which a stage is accounted for, and how long it is meant to take."""
    if _is_bake(stage):
        return "Bakes, beyond their time", bake_seconds
    if stage.startswith("Route ") and not stage.endswith("/0"):
        return "Routes to the canary", 0.0
    return stage, 0.0


def _is_bake(stage: str) -> bool:
    return stage.startswith("Bake ")

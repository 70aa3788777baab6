"""The figures of a fleet: how late its steps were, what a release cost, and where the knee is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from benchmarks.history import Event, History

JUDGE = "metrics_judge"
NEXT = ("traffic_route", "workload_promote")
"""What a step begins with: the next routing, or the promotion."""

LATE_SECONDS = 1.0
"""A fleet is past its knee when one step in a hundred begins later than this after its due time."""


class Cost(BaseModel):
    """CPU seconds of each process while a round ran; git and kubectl are the worker's children."""

    worker: float
    children: float
    server: float
    neighbours: float


class Round(BaseModel):
    """One fleet, started at once and followed to its end."""

    releases: int
    """In flight at once."""
    outcomes: dict[str, int]
    """How many ended how."""
    wrong: tuple[str, ...]
    """What is not as a finished release leaves it."""
    bakes_seconds: float
    """What the bakes of one release are meant to take."""
    starting_seconds: float
    """From the first start to the last answer to one."""
    seconds: float
    """From the first start to the last end, as Temporal recorded them."""
    late: tuple[float, ...]
    """For each step, seconds from the end of its bake to the start of what follows its judgement."""
    judged_late: tuple[float, ...]
    """The same to the start of its judgement."""
    calls: dict[str, float]
    """API calls for one release, by cluster, verb and resource."""
    actions: float
    """Billable actions of one release, without heartbeats."""
    events: float
    """History events of one release, both workflows'."""
    cost: Cost
    memory: float
    """Resident memory of the worker at the end, MiB."""
    threads: int
    """The worker's, at most."""

    @property
    def per_minute(self) -> float:
        """Releases completed in a minute."""
        return 60 * self.releases / self.seconds

    @property
    def calls_per_release(self) -> float:
        """API calls for one release."""
        return sum(self.calls.values())

    @property
    def per_core_minute(self) -> float:
        """Releases in a minute at most: the worker's Python runs on one core at a time."""
        return 60 * self.releases / self.cost.worker

    @property
    def complete(self) -> bool:
        """Whether every release ended as it should, and left everything as it should be."""
        return len(self.outcomes) == 1 and not self.wrong

    @property
    def limit(self) -> str:
        """The part that was busy, when one was."""
        cores = {
            "the worker's Python": self.cost.worker / self.seconds,
            "the worker's git processes": self.cost.children / self.seconds,
            "Temporal's server": self.cost.server / self.seconds,
            "the simulated neighbours": self.cost.neighbours / self.seconds,
        }
        busiest = max(cores, key=lambda name: cores[name])
        return f"{busiest}, with {cores[busiest]:.2f} cores"


class Waiting(BaseModel):
    """Releases that wait for somebody, all of them in mid-release."""

    releases: int
    seconds: float
    """Until all of them waited."""
    memory_before: float
    memory_cached: float
    memory_evicted: float
    """Of the worker, MiB: with the first tenth of them waiting, with all of them, and of one that took over.

    The first tenth warms the worker up: its threads and connections are no release's.
    """
    answer_cached_ms: float
    answer_evicted_ms: float
    """Median of a query, from the cache and with the history read first."""
    wake_cpu_ms: float
    """CPU of the worker to read one evicted release's history again."""
    outcomes: dict[str, int]
    """How they ended after all were told to go on at once."""
    wrong: tuple[str, ...]
    finishing_seconds: float

    @property
    def kib_per_release(self) -> float:
        """Memory for one waiting release in the cache."""
        later = self.releases - self.releases // 10
        return 1024 * (self.memory_cached - self.memory_before) / later

    @property
    def complete(self) -> bool:
        """Whether every release ended as it should, and left everything as it should be."""
        return len(self.outcomes) == 1 and not self.wrong


class Fleet(BaseModel):
    """All that one run measured."""

    initialisation: Round
    """First releases, which have no bakes: as many in a minute as the worker can do at all."""
    rounds: tuple[Round, ...]
    waiting: Waiting | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing was refused and nothing lost, in any round."""
        waited = self.waiting is None or self.waiting.complete
        return waited and all(each.complete for each in (self.initialisation, *self.rounds))

    def document(self) -> dict[str, Any]:
        """The figures by the names under which they are published, then the samples they were made of."""
        return {"knee": self.knee, "complete": self.complete, "samples": self.model_dump(mode="json")}

    @property
    def knee(self) -> int | None:
        """The largest fleet whose steps were in time, as were those of every smaller one."""
        within = None
        for each in self.rounds:
            if percentile(each.late, 99) > LATE_SECONDS:
                break
            within = each.releases
        return within


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent of the values do not exceed; 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]


def lateness(history: History) -> Iterator[tuple[float, float]]:
    """Of each bake in a Canary's history: seconds from its end until it was judged, and until what came next.

    A bake's end is its timer's start and duration, so that a timer which fires late counts too.
    """
    timers = [event for event in history.events if event.type == "TIMER_STARTED"]
    judged, following = (list(_started(history, names)) for names in ((JUDGE,), NEXT))
    for timer, after in pairwise([*timers, None]):
        if timer is None:
            return
        due = timer.at + _duration(timer)
        end = after.number if after else len(history.events) + 1
        judgement = _first(judged, timer.number, end)
        begun = _first(following, timer.number, end)
        if judgement and begun:
            yield (judgement.at - due).total_seconds(), (begun.at - due).total_seconds()


def per_release(before: Mapping[str, Any], after: Mapping[str, Any], releases: int) -> dict[str, float]:
    """Calls for one release, by "cluster: call", from two counts of each cluster's calls."""
    grown = {
        f"{cluster}: {call}": count - before.get(cluster, {}).get(call, 0)
        for cluster, calls in after.items()
        for call, count in calls.items()
    }
    return {call: round(count / releases, 2) for call, count in sorted(grown.items()) if count}


def _started(history: History, names: Iterable[str]) -> Iterator[Event]:
    scheduled = {
        event.number
        for event in history.events
        if event.type == "ACTIVITY_TASK_SCHEDULED" and event.attributes["activityType"]["name"] in names
    }
    for event in history.events:
        if event.type == "ACTIVITY_TASK_STARTED" and int(event.attributes["scheduledEventId"]) in scheduled:
            yield event


def _first(events: Sequence[Event], after: int, before: int) -> Event | None:
    return next((event for event in events if after < event.number < before), None)


def _duration(timer: Event) -> timedelta:
    return timedelta(seconds=float(str(timer.attributes["startToFireTimeout"]).removesuffix("s")))


def span(moments: Iterable[tuple[datetime, datetime]]) -> float:
    """Seconds from the first beginning to the last end."""
    pairs = list(moments)
    return (max(end for _, end in pairs) - min(begin for begin, _ in pairs)).total_seconds()

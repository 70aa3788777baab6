"""Scripts for a Canary: what its neighbours answer, and what people do to it at which step."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from tests.decisions.test_plan import STEPS, STRATEGIES
from tests.workflows.neighbours import BAD, GOOD, Neighbours, Stage
from tidegate.contracts import ABORT, APPROVE, PAUSE, PROMOTE, RESUME, AskReport, Consent
from tidegate.decisions.plan import compile_plan
from tidegate.domain.canary import Canary
from tidegate.domain.duration import format_duration
from tidegate.domain.hook import HookType
from tidegate.domain.plan import Plan, Purpose
from tidegate.domain.release_policy import ReleasePolicy
from tidegate.domain.verdict import Result, Verdict

CANCEL, STORM = "cancel", "storm"
FAILING = ("plan", "prepare", "scale_up", "route", "judge", "ask", "promote")
"""Those that fail. There is no load test: the server that skips time loses workflow tasks that cancel an
activity which has just ended."""
HOOKS = tuple(kind for kind in HookType if kind not in (HookType.ROLLOUT, HookType.EVENT))


@dataclass(frozen=True)
class Fault:
    """The n-th call of a step fails so many times, for good where `permanent`."""

    step: str
    nth: int
    times: int
    permanent: bool


@dataclass(frozen=True)
class Obstacle:
    """A step of the way back fails so many times before it works; `refused` is told as final each time."""

    step: str
    times: int
    refused: bool


@dataclass(frozen=True)
class Script:
    """One canary's fate. `acts` are what people do while the n-th call, of whichever step, is under way."""

    plan: Plan
    answers: dict[HookType, list[Consent]]
    verdicts: tuple[Verdict, ...]
    faults: tuple[Fault, ...]
    obstacles: tuple[Obstacle, ...]
    acts: tuple[tuple[int, str], ...]
    signals_per_run: int


faults = st.builds(
    Fault,
    step=st.sampled_from(FAILING),
    nth=st.integers(1, 3),
    times=st.integers(1, 3),
    permanent=st.booleans(),
)
ANALYSES: tuple[dict[str, Any], ...] = (
    {"stepWeights": [10]},
    {"stepWeights": [10, 50]},
    {"stepWeights": [5, 10, 20]},
    {"stepWeight": 100},
    {"stepWeights": [10], "mirror": True},
    {"stepWeights": [50], "stepWeightPromotion": 20},
    {"iterations": 2, "match": [{"headers": {"x-canary": {"exact": "yes"}}}]},
    {"iterations": 2},
    {"iterations": 2, "mirror": True, "stepWeightPromotion": 60},
)
"""Every strategy, as an analysis has it, so that none is missed; others are generated."""
LONGEST = 24
"""Stages of a plan, for a script to be played within seconds."""

POLICIES: tuple[dict[str, Any], ...] = (
    {"steps": [{"weight": 0.5, "checks": []}, {"weight": 33.33, "duration": "2s"}]},
    {"steps": [{"weight": 100}], "analysis": {"initialDelay": "1s"}},
    {
        "steps": [{"weight": 33.33}, {"weight": 50}, {"weight": 60}],
        "comparison": {"with": "baseline", "metrics": [{"name": "request-success-rate"}]},
    },
)
"""What a policy may say of steps, where the strategy has weights."""
WAITS = BAD.model_copy(update={"result": Result.INCONCLUSIVE, "waits": True})
DRY = BAD.model_copy(update={"dry_run": True})


def compiled(
    steps: dict[str, Any],
    threshold: int,
    seconds: float,
    kinds: tuple[HookType, ...] = HOOKS,
    policy: dict[str, Any] | None = None,
    skipped: bool = False,
) -> Plan:
    """The plan that a manifest with these steps, hooks and policy becomes; without a load test.

    `skipped` is its skipAnalysis.
    """
    hooks = [{"name": "sesame", "type": kind.value, "url": "http://gate.test/"} for kind in kinds]
    manifest = {
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "podinfo"},
            "service": {"port": 9898},
            "skipAnalysis": skipped,
            "analysis": {
                "interval": format_duration(seconds),
                "threshold": threshold,
                "metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 99}}],
                "webhooks": hooks,
                **steps,
            },
        },
    }
    unfit = {"iterations", "mirror"} if policy and "comparison" in policy else {"iterations"}
    said = policy if policy and unfit.isdisjoint(steps) else None
    spec = {"metadata": {"name": "careful"}, "spec": {"canaryRef": {"name": "podinfo"}, **(said or {})}}
    followed = ReleasePolicy.parse(spec) if said else None
    return compile_plan(Canary.parse(manifest), Purpose.RELEASE, 5.0, followed)


obstacles = st.one_of(
    st.builds(Obstacle, step=st.just("route"), times=st.integers(1, 3), refused=st.booleans()),
    st.builds(
        Obstacle,
        step=st.sampled_from(["restore", "scale_down"]),
        times=st.integers(1, 3),
        refused=st.just(False),
    ),
)
"""A refused restoring or scale-down is left undone and told: tests/workflows/test_canary.py."""
answers = st.lists(st.sampled_from([Consent.AGREED, Consent.LATER, Consent.LATER, Consent.NEVER]), max_size=3)
"""What the hooks of a type answer at first; after that they all agree, and none wants a rollback."""
acts = st.tuples(st.integers(2, 14), st.sampled_from([PAUSE, RESUME, PROMOTE, APPROVE, ABORT, CANCEL, STORM]))
generated = st.builds(lambda steps, strategy: {**steps, **strategy}, STEPS, STRATEGIES)
plans = st.builds(
    compiled,
    steps=st.sampled_from(ANALYSES) | generated,
    threshold=st.integers(1, 3),
    seconds=st.sampled_from([0.5, 30.0]),
    kinds=st.sampled_from([HOOKS, HOOKS, ()]),
    policy=st.sampled_from([None, None, *POLICIES]),
    skipped=st.sampled_from([False] * 7 + [True]),
).filter(lambda plan: len(plan.stages) <= LONGEST)
scripts = st.builds(
    Script,
    plan=plans,
    verdicts=st.lists(st.sampled_from([GOOD, GOOD, BAD, WAITS, DRY]), max_size=6).map(tuple),
    faults=st.lists(faults, max_size=2).map(tuple),
    answers=st.dictionaries(st.sampled_from(HOOKS), answers, max_size=3),
    obstacles=st.lists(obstacles, max_size=2).map(tuple),
    acts=st.lists(acts, max_size=4).map(tuple),
    signals_per_run=st.sampled_from([2, 5, 250]),
)


@dataclass
class Actors(Neighbours):
    """Neighbours that fail as a script says, and people who act while a step is under way."""

    script: Script | None = None
    client: Client | None = None
    asked: list[str] = field(default_factory=list)
    aborted_before: int | None = None
    """How many calls there had been when the first abort or cancellation was taken."""
    seen_weights: list[tuple[str, float]] = field(default_factory=list)
    heard: list[tuple[HookType, Consent]] = field(default_factory=list)
    """What the hooks answered, in order."""
    busy: int = 0
    """Steps under way."""
    _counts: dict[str, int] = field(default_factory=dict)
    _refusals: dict[Obstacle, int] = field(default_factory=dict)

    def answer(self, kind: HookType) -> AskReport:
        """The script's next answer of the hooks of a type."""
        assert self.script is not None
        given = self.script.answers.get(kind, [])
        count = sum(heard is kind for heard, _ in self.heard)
        at_last = Consent.LATER if kind is HookType.ROLLBACK else Consent.AGREED
        consent = given[count] if count < len(given) else at_last
        self.heard.append((kind, consent))
        return AskReport(consent=consent, hook="sesame", reason="" if consent is Consent.AGREED else "no")

    async def _did(self, call: str) -> None:
        step = call.split()[0]
        self.seen_weights.append((step, self.weight))
        first = activity.info().attempt == 1
        if first:
            self.calls.append(call)
            self._counts[step] = self._counts.get(step, 0) + 1
            self.busy += 1
            try:
                await self._act(len(self.calls), step)
            finally:
                self.busy -= 1
        self._fail(step, call)

    def _fail(self, step: str, call: str) -> None:
        assert self.script is not None
        if "restore" in self.calls or (call == "route 0" and "promote" not in self.calls):
            self._obstruct(step)
            return
        for fault in self.script.faults:
            hit = fault.step == step and fault.nth == self._counts.get(step)
            if hit and fault.permanent:
                raise ApplicationError("denied", type="AccessDenied", non_retryable=True)
            if hit and activity.info().attempt <= fault.times:
                raise ApplicationError("out of reach", type="Unreachable")

    def _obstruct(self, step: str) -> None:
        assert self.script is not None
        for obstacle in self.script.obstacles:
            if obstacle.step != step:
                continue
            if obstacle.refused and self._refusals.setdefault(obstacle, 0) < obstacle.times:
                self._refusals[obstacle] += 1
                raise ApplicationError("denied", type="AccessDenied", non_retryable=True)
            if not obstacle.refused and activity.info().attempt <= obstacle.times:
                raise ApplicationError("out of reach", type="Unreachable")

    async def _act(self, count: int, step: str) -> None:
        """What is cut off by this must not end before the workflow has turned back."""
        assert self.script is not None
        turning = "restore" in self.calls or "scale_down" in self.calls
        for at, act in self.script.acts:
            if at == count:
                await self._do(act)
                cut_off = act in (ABORT, CANCEL) or (step == "ask" and act in (PROMOTE, APPROVE))
                for _ in range(300 if cut_off and not turning else 0):
                    if len(self.calls) > count:
                        break
                    await asyncio.sleep(0.01)

    async def _do(self, act: str) -> None:
        assert self.client is not None
        handle = self.client.get_workflow_handle(activity.info().workflow_id or "")
        if act == CANCEL:
            await handle.cancel()
        else:
            for name in [PAUSE, RESUME] * 5 if act == STORM else [act]:
                await handle.signal(name)
        self.asked.append(act)
        if act in (ABORT, CANCEL) and self.aborted_before is None:
            self.aborted_before = len(self.calls)


def verdict_of(script: Script, count: int) -> Verdict:
    """Good ones when the script has no more."""
    return GOOD if count > len(script.verdicts) else script.verdicts[count - 1]


def actors(script: Script, stage: Stage) -> Actors:
    """The script's neighbours."""
    return Actors(
        plan=script.plan,
        verdicts=lambda count: verdict_of(script, count),
        script=script,
        client=stage.client,
    )

"""One canary in two workload clusters: a step is done when it is done in both, and both end on one side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from temporalio.testing import WorkflowEnvironment

from tests.workflows.neighbours import BAD, GOOD, Handle, Stage, release_plan, release_request
from tests.workflows.test_fates import EXAMPLES
from tests.workflows.wide import FURTHER, HOME, Wide
from tidegate.cli.punctual_worker import PunctualWorker
from tidegate.contracts import ABORT, CanaryOutcome
from tidegate.domain.plan import Plan
from tidegate.domain.release import Outcome
from workflows.canary import Canary
from workflows.release import Release

OLD_SIDE = (["old", "old"], 0, [0, 0])
NEW_SIDE = (["new", "new"], 0, [0, 0])


def quick_plan() -> Plan:
    """Two weights, over in a moment."""
    return release_plan(seconds=0.05, drain=0.05, hooks=())


@asynccontextmanager
async def among(environment: WorkflowEnvironment, neighbours: Wide) -> AsyncIterator[Stage]:
    """A worker among neighbours in two clusters."""
    neighbours.limits = neighbours.limits.model_copy(update={"drain_seconds": 0.05})
    stage = Stage(environment, neighbours, str(uuid4()))
    async with PunctualWorker(
        environment.client,
        task_queue=stage.task_queue,
        workflows=[Release, Canary],
        activities=neighbours.activities,
    ):
        yield stage


@pytest.fixture
async def wide(dev_environment: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """On the dev server: the one that skips time loses tasks that cancel a step which has just ended."""
    async with among(dev_environment, Wide(plan=quick_plan())) as stage:
        yield stage


def clusters_of(stage: Stage) -> Wide:
    """Its neighbours."""
    assert isinstance(stage.neighbours, Wide)
    return stage.neighbours


async def outcome_of(handle: Handle) -> CanaryOutcome:
    outcome: CanaryOutcome = await handle.result()
    return outcome


async def test_both_clusters_are_promoted(wide: Stage) -> None:
    outcome = await outcome_of(await wide.start_canary())
    assert (outcome.outcome, clusters_of(wide).side) == (Outcome.PROMOTED, NEW_SIDE)
    notes = [note.text for note in outcome.notes]
    assert {"mesh02: ready", "mesh03: ready"} <= set(notes)


async def test_no_traffic_moves_before_both_are_ready(wide: Stage) -> None:
    clusters_of(wide).hang = {"scale_up mesh03"}
    handle = await wide.start_canary()
    await wide.until(lambda: "scale_up mesh02" in wide.neighbours.calls)
    await wide.until(lambda: "scale_up mesh03" in wide.neighbours.calls)
    assert not [call for call in wide.neighbours.calls if call.startswith("route")]
    clusters_of(wide).hang = set()
    assert (await outcome_of(handle)).outcome is Outcome.PROMOTED


async def test_a_target_that_is_ready_in_one_cluster_only_takes_both_back(wide: Stage) -> None:
    clusters_of(wide).broken = {"scale_up mesh03"}
    outcome = await outcome_of(await wide.start_canary())
    assert (outcome.outcome, outcome.reason) == (Outcome.ROLLED_BACK, "mesh03: denied")
    assert clusters_of(wide).side == OLD_SIDE


async def test_a_check_that_fails_in_one_cluster_takes_both_back(wide: Stage) -> None:
    there = BAD.model_copy(update={"reason": f"{FURTHER}: {BAD.reason}"})
    wide.neighbours.verdicts = lambda _: there
    outcome = await outcome_of(await wide.start_canary())
    assert outcome.reason == "2 of 2 failed checks: mesh03: success rate 66% < 99%"
    assert (outcome.outcome, clusters_of(wide).side) == (Outcome.ROLLED_BACK, OLD_SIDE)


@pytest.mark.parametrize("broken", ["promote mesh02", "promote mesh03"])
async def test_a_promotion_that_fails_in_one_cluster_is_undone_in_both(wide: Stage, broken: str) -> None:
    clusters_of(wide).broken = {broken}
    outcome = await outcome_of(await wide.start_canary())
    assert (outcome.outcome, outcome.reason) == (Outcome.ROLLED_BACK, f"{broken.split()[1]}: denied")
    assert clusters_of(wide).side == OLD_SIDE


async def test_a_promotion_becomes_final_in_the_destination_first(wide: Stage) -> None:
    clusters_of(wide).hang = {"scale_down mesh02"}
    handle = await wide.start_canary()
    await wide.until(lambda: "scale_down mesh02" in wide.neighbours.calls)
    assert "scale_down mesh03" not in wide.neighbours.calls
    clusters_of(wide).hang = set()
    assert (await outcome_of(handle)).outcome is Outcome.PROMOTED
    assert clusters_of(wide).side == NEW_SIDE


async def test_what_cannot_be_scaled_down_in_a_further_cluster_is_told_and_stays_promoted(
    wide: Stage,
) -> None:
    clusters_of(wide).broken = {"scale_down mesh03"}
    outcome = await outcome_of(await wide.start_canary())
    assert (outcome.outcome, clusters_of(wide).side) == (Outcome.PROMOTED, (["new", "new"], 0, [0, 2]))
    assert "mesh03: left undone: denied" in [note.text for note in outcome.notes if note.warning]


async def test_a_further_cluster_that_stays_away_holds_no_promotion_up(wide: Stage) -> None:
    neighbours = clusters_of(wide)
    neighbours.limits = neighbours.limits.model_copy(update={"clearing_seconds": 1.0})
    neighbours.away = {"scale_down mesh03"}
    outcome = await outcome_of(await wide.start_canary())
    assert outcome.outcome is Outcome.PROMOTED
    assert [note.text for note in outcome.notes if note.warning] == [
        "mesh03: left undone: mesh03 is out of reach"
    ]


async def test_what_fails_in_the_destination_says_that_the_others_were_not_asked(wide: Stage) -> None:
    clusters_of(wide).broken = {"scale_down mesh02"}
    outcome = await outcome_of(await wide.start_canary())
    assert "scale_down mesh03" not in wide.neighbours.calls
    assert [note.text for note in outcome.notes if note.warning] == [
        "the target was not scaled down: mesh02: denied; nothing was done in mesh03"
    ]


async def test_what_is_left_in_one_cluster_on_the_way_back_does_not_hold_up_the_other(wide: Stage) -> None:
    clusters_of(wide).broken = {"promote mesh03", "restore mesh02"}
    outcome = await outcome_of(await wide.start_canary())
    assert outcome.outcome is Outcome.ROLLED_BACK
    assert "mesh02: the primary was not restored: denied" in outcome.reason
    assert clusters_of(wide).sites[FURTHER].primary == "old"


async def test_an_abort_in_a_promotion_restores_both(wide: Stage) -> None:
    clusters_of(wide).hang = {"promote mesh03"}
    handle = await wide.start_canary()
    await wide.until(lambda: clusters_of(wide).sites[HOME].primary == "new")
    await handle.signal(ABORT)
    assert (await outcome_of(handle)).outcome is Outcome.ABORTED
    assert clusters_of(wide).side == OLD_SIDE


async def test_a_recovery_puts_both_clusters_right(wide: Stage) -> None:
    neighbours = clusters_of(wide)
    neighbours.weight = 20
    for site in neighbours.sites.values():
        site.primary, site.replicas = "new", 2
    handle, _ = await wide.submit(release_request(mode="recover"))
    await handle.result()
    assert neighbours.side == OLD_SIDE


STEPS = [f"{step} {cluster}" for step in ("prepare", "scale_up", "promote") for cluster in (HOME, FURTHER)]
LATER = [f"{step} {cluster}" for step in ("restore", "scale_down") for cluster in (HOME, FURTHER)]


class Fate(NamedTuple):
    """What goes wrong, and when somebody aborts."""

    broken: frozenset[str]
    flaky: frozenset[str]
    abort_at: str
    fails_from: int


fates = st.builds(
    Fate,
    broken=st.frozensets(st.sampled_from(STEPS), max_size=1),
    flaky=st.frozensets(st.sampled_from([*STEPS, *LATER]), max_size=3),
    abort_at=st.sampled_from(["", "", *STEPS, *LATER]),
    fails_from=st.sampled_from([1, 2, 99]),
)


async def test_whatever_happens_the_primaries_agree_and_all_traffic_is_on_them(
    dev_environment: WorkflowEnvironment,
) -> None:
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=EXAMPLES // 4,
        deadline=None,
        database=None,
        derandomize=EXAMPLES <= 40,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(fates)
    def every(fate: Fate) -> None:
        asyncio.run_coroutine_threadsafe(ends_well(dev_environment, fate), loop).result(60)

    await asyncio.to_thread(every)


async def ends_well(environment: WorkflowEnvironment, fate: Fate) -> None:
    """Meet a fate in two clusters, and look where they stand in the end."""
    neighbours = Wide(plan=quick_plan(), broken=set(fate.broken), flaky=set(fate.flaky), act_at=fate.abort_at)
    neighbours.verdicts = lambda count: BAD if count >= fate.fails_from else GOOD
    async with among(environment, neighbours) as stage:
        handle = await stage.start_canary()
        neighbours.act = lambda: handle.signal(ABORT)
        outcome = (await outcome_of(handle)).outcome
    side = NEW_SIDE if outcome is Outcome.PROMOTED else OLD_SIDE
    assert neighbours.side == side, f"{outcome} {fate}: {neighbours.calls}"
    assert outcome in (Outcome.PROMOTED, Outcome.ROLLED_BACK, Outcome.ABORTED)

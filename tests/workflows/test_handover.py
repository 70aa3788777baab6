"""A canary may be held for weeks: it continues as new with all that it knows, and no signal is lost by it."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from tests.workflows.neighbours import BAD, GOOD, Handle, Stage, release_plan, release_request
from tidegate.contracts import ABORT, PAUSE, PROMOTE, RESUME, CanaryOutcome, CanaryStatus, ReleaseOutcome
from tidegate.domain.release import Outcome, Phase
from workflows.release import Release

SERVERS = ["stage", "dev_stage"]


@pytest.fixture(params=SERVERS)
def any_stage(request: pytest.FixtureRequest) -> Stage:
    """Once on the time-skipping server and once on the dev server.

    The first loses a run that continues as new while signals arrive: there they are sent during a step.
    """
    stage: Stage = request.getfixturevalue(request.param)
    stage.neighbours.plan = release_plan(seconds=0.3, drain=0.1, hooks=())
    return stage


async def storm(handle: Handle, count: int, *names: str) -> None:
    """Many signals at once, the names in turn; all of them were taken by the server when this returns."""
    await asyncio.gather(*(handle.signal(names[n % len(names)]) for n in range(count)))


async def interrupted(stage: Stage, limit: int = 30) -> Handle:
    """A canary with weight 10 whose run hands over after so many signals, its first bake under way."""
    stage.neighbours.plan = release_plan(seconds=0.5, drain=0.1)
    handle = await stage.come_to("load", signals_per_run=limit)
    stage.neighbours.hang.clear()
    return handle


async def held(stage: Stage, handle: Handle) -> CanaryStatus:
    for _ in range(500):
        if (status := await stage.status(handle)).phase is Phase.PAUSED:
            return status
        await asyncio.sleep(0.02)
    raise AssertionError(f"never held: {await stage.status(handle)}")


async def test_a_held_canary_carries_everything_over(any_stage: Stage) -> None:
    stage = any_stage
    stage.neighbours.verdicts = lambda count: BAD if count == 1 else GOOD
    handle = await stage.come_to("route 20", signals_per_run=10)
    await storm(handle, 30, PAUSE)
    stage.neighbours.hang.clear()
    await stage.until_runs(handle, 2)
    status = await held(stage, handle)
    assert (status.weight, status.failed_checks, status.paused) == (20, 1, True)
    await handle.signal(RESUME)
    outcome: CanaryOutcome = await handle.result()
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.PROMOTED, 1)
    assert [stage.neighbours.calls.count(call) for call in ("plan", "route 20", "promote")] == [1, 1, 1]
    assert [timing.stage for timing in outcome.stages][:4] == [
        "Prepare primary and routes", "Scale up target", "Route 90/10", "Bake 300ms at 10%, 1 check",
    ]  # fmt: skip
    assert [note.text for note in outcome.notes].count("Pause asked for by signal") == 1


async def test_the_fences_rise_across_the_runs_and_keep_the_first_ones_epoch(any_stage: Stage) -> None:
    stage = any_stage
    handle = await stage.come_to("scale_up", signals_per_run=5)
    await storm(handle, 50, RESUME)
    stage.neighbours.hang.clear()
    await handle.result()
    tokens = [(fence.epoch, fence.sequence) for fence in stage.neighbours.fences]
    assert len(await stage.runs(handle)) > 1
    assert len({epoch for epoch, _ in tokens}) == 1
    assert tokens == sorted(set(tokens))


async def test_what_is_left_of_a_bake_is_baked_by_the_next_run(stage: Stage) -> None:
    handle = await stage.start_canary(signals_per_run=20)
    await stage.until(lambda: "load 30" in stage.neighbours.calls)
    await stage.environment.sleep(10)
    await storm(handle, 20, RESUME)
    outcome = await handle.result()
    loads = [float(call.split()[1]) for call in stage.neighbours.calls if call.startswith("load")]
    assert loads == [30, pytest.approx(20, abs=3), 30]
    bakes = [timing.seconds for timing in outcome.stages if timing.stage.startswith("Bake")]
    assert len(bakes) == 2
    assert all(30 <= seconds < 34 for seconds in bakes)
    assert outcome.seconds >= 60


@pytest.mark.parametrize(("count", "limit"), [(29, 30), (30, 30), (31, 30), (400, 100)])
async def test_no_pause_is_lost_in_a_storm(dev_stage: Stage, count: int, limit: int) -> None:
    stage = dev_stage
    handle = await interrupted(stage, limit)
    await storm(handle, count, RESUME, PAUSE)
    await handle.signal(PAUSE)
    await held(stage, handle)
    await storm(handle, 30, PAUSE)
    assert (await stage.status(handle)).paused
    await handle.signal(RESUME)
    assert (await handle.result()).outcome is Outcome.PROMOTED


@pytest.mark.parametrize("offset", [-2, -1, 0, 1])
async def test_an_abort_around_the_boundary_wins(dev_stage: Stage, offset: int) -> None:
    stage = dev_stage
    handle = await interrupted(stage)
    await asyncio.gather(storm(handle, 30 + offset, PAUSE), handle.signal(ABORT, "pager"))
    outcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (Outcome.ABORTED, "pager")
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


@pytest.mark.parametrize("offset", [-2, -1, 0, 1])
async def test_a_cancellation_around_the_boundary_rolls_back(dev_stage: Stage, offset: int) -> None:
    stage = dev_stage
    handle = await interrupted(stage)
    await asyncio.gather(storm(handle, 30 + offset, PAUSE), handle.cancel())
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


async def test_a_promotion_by_hand_survives_the_handover(dev_stage: Stage) -> None:
    stage = dev_stage
    handle = await interrupted(stage)
    await asyncio.gather(storm(handle, 40, PAUSE), handle.signal(PROMOTE))
    await handle.signal(RESUME)
    outcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (
        Outcome.PROMOTED,
        "podinfo.test was promoted on request at 10 %, before its analysis was over",
    )


async def test_a_storm_leaves_the_status_small(dev_stage: Stage) -> None:
    stage = dev_stage
    handle = await interrupted(stage)
    await storm(handle, 150, PAUSE, RESUME)
    await handle.signal(PAUSE)
    await held(stage, handle)
    status = await stage.status(handle)
    assert len(status.notes) <= 100
    assert status.notes[0].text == "the pod template changed"
    assert len(status.model_dump_json()) < 64_000
    await handle.signal(ABORT)
    await handle.result()


async def test_the_server_decides_when_a_history_is_long(impatient_stage: Stage) -> None:
    stage = impatient_stage
    stage.neighbours.plan = release_plan(weights=(10, 20, 30, 40, 50), seconds=0.1, drain=0.1)
    handle = await stage.start_canary()
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    assert len(await stage.runs(handle)) > 2
    routes = [call for call in stage.neighbours.calls if call.startswith("route")]
    assert routes == [f"route {weight}" for weight in (10, 20, 30, 40, 50, 0)]
    assert len(outcome.stages) == 16


class TestBelowARelease:
    """On the dev server, which tells parents and children apart as Temporal does."""

    async def test_the_release_keeps_its_canary(self, dev_stage: Stage) -> None:
        release, canary = await handed_over_child(dev_stage)
        status = await release.query(Release.status)
        assert status.canaries == (canary.id,)
        await release.signal(RESUME)
        outcome: ReleaseOutcome = await release.result()
        assert (outcome.outcome, len(outcome.canaries)) == (Outcome.PROMOTED, 1)

    async def test_an_abort_of_the_release_reaches_it(self, dev_stage: Stage) -> None:
        release, _ = await handed_over_child(dev_stage)
        await release.signal(ABORT, "pager")
        outcome: ReleaseOutcome = await release.result()
        assert (outcome.outcome, dev_stage.neighbours.weight) == (Outcome.ABORTED, 0)

    async def test_a_cancellation_of_the_release_reaches_it(self, dev_stage: Stage) -> None:
        release, canary = await handed_over_child(dev_stage)
        await release.cancel()
        with pytest.raises(WorkflowFailureError):
            await release.result()
        assert dev_stage.neighbours.weight == 0
        assert (await stage_phase(dev_stage, canary)) is Phase.ABORTED

    async def test_a_terminated_release_takes_it_along(self, dev_stage: Stage) -> None:
        release, canary = await handed_over_child(dev_stage)
        await release.terminate()
        with pytest.raises(WorkflowFailureError):
            await canary.result()
        assert (dev_stage.neighbours.weight, dev_stage.neighbours.replicas) == (0, 0)

    async def test_the_release_puts_right_what_its_termination_left(self, dev_stage: Stage) -> None:
        release, canary = await handed_over_child(dev_stage)
        await canary.terminate()
        outcome: ReleaseOutcome = await release.result()
        assert outcome.reason == "terminated in Temporal; the release rolled it back"
        assert (dev_stage.neighbours.weight, dev_stage.neighbours.replicas) == (0, 0)


async def handed_over_child(stage: Stage) -> tuple[Handle, Handle]:
    """A release whose canary was paused at 10 % and has continued as new since."""
    stage.neighbours.plan = release_plan(seconds=0.3, drain=0.1)
    stage.neighbours.hang = {"load"}
    release, _ = await stage.submit(release_request())
    await stage.until(lambda: "route 10" in stage.neighbours.calls)
    await release.signal(PAUSE)
    canary = await stage.canary()
    stage.neighbours.hang.clear()
    await held(stage, canary)
    await storm(canary, 300, PAUSE)
    await stage.until_runs(canary, 2)
    return release, canary


async def stage_phase(stage: Stage, canary: Handle) -> Phase:
    return (await stage.status(canary)).phase

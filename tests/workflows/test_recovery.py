"""What a recovery does with a release that was cut off, and with starts that come meanwhile."""

import pytest
from temporalio.client import WorkflowContinuedAsNewError, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import Handle, Stage, release_plan, release_request
from tidegate.contracts import ABORT, Disposition, Fence, Mode, OnConflict, ReleaseOutcome
from tidegate.domain.release import Outcome

NEW = "b" * 40
DENIED = ApplicationError("cluster asm denied access", type="AccessDenied", non_retryable=True)
WAY_BACK = ["route 0", "restore", "scale_down"]


@pytest.fixture
def stage(dev_stage: Stage) -> Stage:
    """The dev server: the time-skipping one does not cancel a terminated release's children."""
    dev_stage.neighbours.plan = release_plan(seconds=0.2, drain=0.1)
    return dev_stage


async def test_a_recovery_puts_right_what_a_terminated_release_left(stage: Stage) -> None:
    await cut_off(stage)
    handle, submission = await stage.submit(release_request(mode=Mode.RECOVER))
    outcome: ReleaseOutcome = await handle.result()
    assert submission.disposition is Disposition.STARTED
    assert (outcome.outcome, outcome.outcome.exit_code) == (Outcome.RECOVERED, 0)
    assert outcome.reason == "podinfo.test was put right: traffic 90/10, podinfo has 2 replicas"
    assert (stage.neighbours.weight, stage.neighbours.replicas) == (0, 0)
    assert recovered(stage) == WAY_BACK


async def test_a_recovery_keeps_a_promotion_that_others_of_its_release_have_made_final(stage: Stage) -> None:
    await cut_off(stage)
    stage.neighbours.primary, stage.neighbours.promoted_by = "new", 7
    stage.neighbours.stands = True
    handle, _ = await stage.submit(release_request(mode=Mode.RECOVER))
    outcome: ReleaseOutcome = await handle.result()
    assert outcome.outcome is Outcome.RECOVERED
    assert (stage.neighbours.primary, stage.neighbours.weight, stage.neighbours.replicas) == ("new", 0, 0)


async def test_a_recovery_asks_git_for_nothing(stage: Stage) -> None:
    await cut_off(stage)
    stage.neighbours.calls.clear()
    handle, _ = await stage.submit(release_request(mode=Mode.RECOVER))
    await handle.result()
    assert not {"resolve", "survey", "plan"} & {call.split()[0] for call in stage.neighbours.calls}


async def test_where_nothing_is_wrong_a_recovery_only_shuts_out_late_steps(stage: Stage) -> None:
    stage.neighbours.fence = late = Fence(epoch=1, sequence=1)
    handle, _ = await stage.submit(release_request(mode=Mode.RECOVER))
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (Outcome.UNCHANGED, "podinfo.test: nothing was wrong")
    assert recovered(stage) == WAY_BACK
    assert late.is_older_than(stage.neighbours.fence)


async def test_without_any_canary_there_is_nothing_to_recover(stage: Stage) -> None:
    stage.neighbours.canaries = stage.neighbours.marked = 0
    handle, _ = await stage.submit(release_request(mode=Mode.RECOVER))
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (
        Outcome.UNCHANGED,
        "no canary of podinfo is known to its clusters",
    )


async def test_a_recovery_that_leaves_a_fault_has_failed(stage: Stage) -> None:
    await cut_off(stage)
    stage.neighbours.fail = {"scale_down": [ApplicationError("no", type="AccessDenied", non_retryable=True)]}
    handle, _ = await stage.submit(release_request(mode=Mode.RECOVER))
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (
        Outcome.FAILED,
        "podinfo.test: still podinfo has 2 replicas; the target was not scaled down: no; "
        "`tidegate recover podinfo@mesh02/test` mends it",
    )
    assert stage.neighbours.weight == 0


@pytest.mark.parametrize("marked", [0, 1])
async def test_a_canary_without_marks_is_put_right_beside_those_that_bear_them(
    stage: Stage, marked: int
) -> None:
    await cut_off(stage)
    stage.neighbours.canaries, stage.neighbours.marked = 2, marked
    handle, _ = await stage.submit(release_request(mode=Mode.RECOVER))
    outcome: ReleaseOutcome = await handle.result()
    assert [canary.canary for canary in outcome.canaries] == ["podinfo.test", "podinfo1.test"]
    assert recovered(stage).count("route 0") == 2


async def test_a_refused_routing_does_not_hold_up_a_canary_without_marks(stage: Stage) -> None:
    await cut_off(stage)
    stage.neighbours.canaries, stage.neighbours.marked = 2, 1
    stage.neighbours.fail = {"route": [DENIED]}
    handle, _ = await stage.submit(release_request(mode=Mode.RECOVER))
    outcome: ReleaseOutcome = await handle.result()
    assert outcome.outcome is Outcome.RECOVERED
    calls = recovered(stage)
    assert calls.count("route 0") == 3
    assert calls.index("restore") < len(calls) - 1 - calls[::-1].index("route 0")


async def test_a_start_brings_traffic_back_before_it_asks_git(stage: Stage) -> None:
    await cut_off(stage)
    broken = ApplicationError("no such branch", type="RevisionNotFound", non_retryable=True)
    outcome = await start_that_fails(stage, resolve=broken)
    assert (outcome.outcome, stage.neighbours.weight) == (Outcome.INVALID, 0)
    assert outcome.warnings == ("podinfo.test was left with traffic 90/10; routing it back to 100/0",)
    assert stage.neighbours.calls[-3:] == ["find_traffic", "route 0", f"resolve {NEW}"]


async def test_a_start_that_cannot_bring_traffic_back_goes_no_further(stage: Stage) -> None:
    await cut_off(stage)
    outcome = await start_that_fails(stage, route=DENIED)
    assert (outcome.outcome, outcome.reason) == (Outcome.FAILED, "cluster asm denied access")
    assert f"resolve {NEW}" not in stage.neighbours.calls


async def test_an_abort_does_not_end_the_way_back_of_a_start(stage: Stage) -> None:
    handle = await routing_back(stage)
    await handle.signal(ABORT)
    stage.neighbours.hang.clear()
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, stage.neighbours.weight) == (Outcome.ABORTED, 0)
    assert outcome.warnings == ("podinfo.test was left with traffic 90/10; routing it back to 100/0",)
    assert f"resolve {NEW}" not in stage.neighbours.calls


async def test_a_cancelled_start_brings_traffic_back_first(stage: Stage) -> None:
    handle = await routing_back(stage)
    await handle.cancel()
    stage.neighbours.hang.clear()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert stage.neighbours.weight == 0
    assert f"resolve {NEW}" not in stage.neighbours.calls


async def test_of_two_canaries_that_were_left_split_one_that_is_refused_does_not_hold_up_the_other(
    stage: Stage,
) -> None:
    await cut_off(stage)
    stage.neighbours.canaries = stage.neighbours.marked = 2
    outcome = await start_that_fails(stage, route=DENIED)
    assert (outcome.outcome, outcome.reason) == (Outcome.FAILED, "cluster asm denied access")
    assert stage.neighbours.weight == 0


async def test_a_start_that_cannot_look_for_split_traffic_says_so_and_goes_on(stage: Stage) -> None:
    stage.neighbours.fail = {"find_traffic": [ApplicationError("no", type="Odd", non_retryable=True)]}
    handle, _ = await stage.submit(release_request())
    outcome: ReleaseOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    assert outcome.warnings == ("no look at what an earlier release left: no",)


async def test_a_canary_that_runs_without_its_release_is_told_to_turn_back(stage: Stage) -> None:
    handle = await busy(stage)
    canary = await stage.canary()
    stage.neighbours.hang.add("restore")
    await handle.terminate()
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    recovering, _ = await stage.submit(release_request(mode=Mode.RECOVER))
    outcome: ReleaseOutcome = await recovering.result()
    with pytest.raises(WorkflowFailureError):
        await canary.result()
    assert outcome.outcome in (Outcome.RECOVERED, Outcome.UNCHANGED)
    assert (stage.neighbours.weight, stage.neighbours.replicas) == (0, 0)


async def test_a_second_recovery_attaches(stage: Stage) -> None:
    handle = await recovering(stage)
    _, submission = await stage.submit(release_request(mode=Mode.RECOVER))
    assert submission.disposition is Disposition.ATTACHED
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.RECOVERED


async def test_a_start_waits_behind_a_recovery(stage: Stage) -> None:
    handle = await recovering(stage)
    _, submission = await stage.submit(release_request(NEW))
    assert submission.disposition is Disposition.QUEUED
    stage.neighbours.hang.clear()
    with pytest.raises(WorkflowContinuedAsNewError):
        await handle.result(follow_runs=False)
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, outcome.sha) == (Outcome.PROMOTED, NEW)
    calls = stage.neighbours.calls
    assert calls.index("scale_down") < calls.index(f"apply {NEW}")


async def test_no_recovery_disturbs_a_running_release(stage: Stage) -> None:
    handle = await busy(stage)
    _, submission = await stage.submit(release_request(mode=Mode.RECOVER))
    assert submission.disposition is Disposition.REJECTED
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.PROMOTED


@pytest.mark.parametrize("interruption", ["abort", "cancel"])
async def test_nothing_interrupts_a_recovery(stage: Stage, interruption: str) -> None:
    handle = await recovering(stage)
    await (handle.signal(ABORT) if interruption == "abort" else handle.cancel())
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.RECOVERED
    assert stage.neighbours.replicas == 0


async def test_a_clock_that_went_back_makes_no_run_stale(stage: Stage) -> None:
    """What is there has obeyed a run that began an hour from now."""
    handle = await busy(stage)
    await handle.terminate()
    await stage.until(lambda: "scale_down" in stage.neighbours.calls)
    assert stage.neighbours.fence is not None
    stage.neighbours.fence = Fence(epoch=stage.neighbours.fence.epoch + 3_600_000, sequence=1)
    stage.neighbours.hang.clear()
    again, _ = await stage.submit(release_request(NEW))
    assert (await again.result()).outcome is Outcome.PROMOTED
    assert "refused" not in stage.neighbours.calls


async def test_a_promotion_that_stands_is_not_told_as_rolled_back(stage: Stage) -> None:
    stage.neighbours.hang = {"scale_down"}
    handle, _ = await stage.submit(release_request())
    await stage.until(lambda: "scale_down" in stage.neighbours.calls)
    stage.neighbours.settled = True
    await (await stage.canary()).terminate()
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (
        Outcome.PROMOTED,
        "terminated in Temporal after its promotion, which stands",
    )
    assert stage.neighbours.primary == "new"


async def test_a_terminated_canary_is_not_told_as_promoted_by_what_another_release_promoted(
    stage: Stage,
) -> None:
    handle = await busy(stage)
    stage.neighbours.settled, stage.neighbours.promoted_by = True, 1
    await (await stage.canary()).terminate()
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome: ReleaseOutcome = await handle.result()
    assert outcome.outcome is Outcome.ABORTED
    assert outcome.reason == "terminated in Temporal; the release rolled it back"


async def test_what_is_queued_follows_a_cancelled_release(stage: Stage) -> None:
    handle = await busy(stage)
    await stage.submit(release_request(NEW, on_conflict=OnConflict.QUEUE))
    await handle.cancel()
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, outcome.sha) == (Outcome.PROMOTED, NEW)


async def busy(stage: Stage) -> Handle:
    """A release whose canary takes traffic, under a load test that does not end."""
    stage.neighbours.hang = {"load"}
    handle, _ = await stage.submit(release_request())
    await stage.until(lambda: any(call.startswith("load") for call in stage.neighbours.calls))
    return handle


async def cut_off(stage: Stage) -> None:
    """A release and its canary, both terminated in the middle of a bake."""
    handle = await busy(stage)
    canary = await stage.canary()
    await canary.terminate()
    await handle.terminate()
    stage.neighbours.hang.clear()
    stage.neighbours.weight, stage.neighbours.replicas = 10, 2


async def start_that_fails(stage: Stage, **failures: ApplicationError) -> ReleaseOutcome:
    """The outcome of a start in which the first call of a step fails."""
    stage.neighbours.fail = {step: [failure] for step, failure in failures.items()}
    handle, _ = await stage.submit(release_request(NEW))
    outcome: ReleaseOutcome = await handle.result()
    return outcome


async def routing_back(stage: Stage) -> Handle:
    """A start that found split traffic, and does not get it back yet."""
    await cut_off(stage)
    stage.neighbours.hang = {"route"}
    handle, _ = await stage.submit(release_request(NEW))
    await stage.until(lambda: stage.neighbours.calls[-1:] == ["route 0"])
    return handle


def recovered(stage: Stage) -> list[str]:
    """What a recovery did between its first look, by marks, and its last; beside it, it looks in Git."""
    calls = stage.neighbours.calls[stage.neighbours.calls.index("find by marks") :]
    assert (calls[0], calls[-1], calls.count("find")) == ("find by marks", "find", 2)
    return [call for call in calls[1:-1] if call != "find"]


async def recovering(stage: Stage) -> Handle:
    """A recovery that does not come to its end."""
    await cut_off(stage)
    stage.neighbours.hang = {"restore"}
    handle, _ = await stage.submit(release_request(mode=Mode.RECOVER))
    await stage.until(lambda: stage.neighbours.calls[-1:] == ["restore"])
    return handle

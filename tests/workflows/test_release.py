"""How a release comes to its end, and what happens when another one is started meanwhile."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from temporalio.client import WorkflowContinuedAsNewError, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.service import RPCError

from tests.workflows.neighbours import BAD, Handle, Stage, release_plan, release_request
from tidegate.contracts import (
    ABORT,
    PAUSE,
    PROMOTE,
    RESUME,
    Disposition,
    OnConflict,
    ReleaseOutcome,
    ReleaseRequest,
    ReleaseStatus,
)
from tidegate.domain.release import Outcome, Phase
from workflows.release import Release

OLD, NEW, NEWER = "a" * 40, "b" * 40, "c" * 40
LINE = ["find_traffic", "resolve", "survey", "route", "apply", "await_health", "plan"]


@pytest.fixture(autouse=True)
async def short_canaries(stage: Stage) -> AsyncIterator[None]:
    """Canaries have fixed ids: a test must not meet another one's. Their times are short and real."""
    stage.neighbours.plan = release_plan(seconds=0.2, drain=0.1)
    yield
    handle = stage.client.get_workflow_handle("canary/mesh02/test/podinfo")
    with contextlib.suppress(RPCError):
        await handle.terminate()


async def test_a_release_resolves_syncs_and_releases_its_canary(stage: Stage) -> None:
    handle, submission = await stage.submit(release_request())
    outcome: ReleaseOutcome = await handle.result()
    assert submission.disposition is Disposition.STARTED
    assert (outcome.outcome, outcome.sha) == (Outcome.PROMOTED, OLD)
    assert [call.split()[0] for call in stage.neighbours.calls[:7]] == LINE


async def test_the_release_ends_as_its_worst_canary(stage: Stage) -> None:
    stage.neighbours.canaries = 2
    stage.neighbours.verdicts = lambda _: BAD
    handle, _ = await stage.submit(release_request())
    outcome: ReleaseOutcome = await handle.result()
    assert outcome.outcome is Outcome.ROLLED_BACK
    assert [canary.canary for canary in outcome.canaries] == ["podinfo.test", "podinfo1.test"]


async def test_an_application_without_a_canary_is_synced(stage: Stage) -> None:
    stage.neighbours.canaries = 0
    handle, _ = await stage.submit(release_request())
    outcome: ReleaseOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    assert outcome.reason == "0 objects synced and healthy; no Canary among them"


@pytest.mark.parametrize(
    ("step", "kind", "expected"),
    [
        ("resolve", "RevisionNotFound", Outcome.INVALID),
        ("survey", "InvalidInput", Outcome.INVALID),
        ("survey", "AccessDenied", Outcome.FAILED),
        ("apply", "ReleaseFailed", Outcome.FAILED),
        ("await_health", "ReleaseFailed", Outcome.FAILED),
    ],
)
async def test_a_release_that_cannot_begin_changes_no_traffic(
    stage: Stage, step: str, kind: str, expected: Outcome
) -> None:
    stage.neighbours.fail = {step: [ApplicationError("the reason", type=kind, non_retryable=True)]}
    handle, _ = await stage.submit(release_request())
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (expected, "the reason")
    assert "plan" not in stage.neighbours.calls


async def test_the_same_revision_attaches(stage: Stage) -> None:
    handle = await busy(stage)
    again, submission = await stage.submit(release_request())
    assert submission.disposition is Disposition.ATTACHED
    assert again.id == handle.id
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_a_start_may_skip_the_analysis(stage: Stage) -> None:
    handle, _ = await stage.submit(release_request(promoted=True))
    assert (await handle.result()).outcome is Outcome.PROMOTED
    assert not {"judge", "route 10"} & set(stage.neighbours.calls)


async def test_a_start_that_attaches_may_skip_what_is_left_of_the_analysis(stage: Stage) -> None:
    handle = await busy(stage)
    _, submission = await stage.submit(release_request(promoted=True))
    assert submission.disposition is Disposition.ATTACHED
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.PROMOTED
    assert "route 20" not in stage.neighbours.calls


async def test_a_push_during_the_promotion_gets_an_analysis_of_its_own(dev_stage: Stage) -> None:
    """Not on the server that skips time: that one loses a step which ends as its cancellation comes."""
    stage = dev_stage
    stage.neighbours.plan = release_plan(seconds=0.2, drain=0.1)
    stage.neighbours.hang = {"promote"}
    handle, _ = await stage.submit(release_request())
    await stage.until(lambda: "promote" in stage.neighbours.calls)
    await stage.submit(release_request(NEW))
    stage.neighbours.hang.clear()
    successor, _ = await handed_over(stage, handle)
    assert (await successor.result()).sha == NEW
    calls = stage.neighbours.calls
    later = calls[calls.index(f"apply {NEW}") :]
    assert calls.index("scale_down") < calls.index(f"apply {NEW}")
    assert later.index("route 10") < later.index("judge") < later.index("promote")


async def test_a_branch_attaches_when_it_still_names_the_running_commit(stage: Stage) -> None:
    stage.neighbours.shas = {"latest": OLD}
    handle = await busy(stage)
    _, submission = await stage.submit(release_request("latest"))
    assert submission.disposition is Disposition.ATTACHED
    stage.neighbours.hang.clear()
    await handle.result()


async def test_another_revision_supersedes_after_the_traffic_is_back(stage: Stage) -> None:
    handle = await busy(stage)
    _, submission = await stage.submit(release_request(NEW))
    assert (submission.disposition, submission.revision) == (Disposition.SUPERSEDING, OLD)
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    successor, previous = await handed_over(stage, handle)
    assert (previous.outcome, previous.reason) == (Outcome.SUPERSEDED, f"superseded by {NEW[:12]}")
    outcome: ReleaseOutcome = await successor.result()
    assert (outcome.outcome, outcome.sha) == (Outcome.PROMOTED, NEW)
    calls = stage.neighbours.calls
    assert calls.index("scale_down") < calls.index(f"apply {NEW}")


async def test_a_queued_revision_waits_for_the_end_of_the_running_one(stage: Stage) -> None:
    handle = await busy(stage)
    queue = release_request(NEW, on_conflict=OnConflict.QUEUE)
    assert (await stage.submit(queue))[1].disposition is Disposition.QUEUED
    assert (await stage.submit(queue))[1].disposition is Disposition.QUEUED
    status: ReleaseStatus = await handle.query(Release.status)
    assert status.queued == (NEW,)
    stage.neighbours.hang.clear()
    successor, previous = await handed_over(stage, handle)
    assert previous.outcome is Outcome.PROMOTED
    assert (await successor.result()).sha == NEW


async def test_what_waits_twice_waits_once_and_is_promoted_if_either_is(stage: Stage) -> None:
    handle = await busy(stage)
    first = release_request(NEW, on_conflict=OnConflict.QUEUE)
    spec = first.application.spec
    spec = spec.model_copy(update={"source": spec.source.model_copy(update={"path": "elsewhere"})})
    moved = first.model_copy(update={"application": first.application.model_copy(update={"spec": spec})})
    for request in (first, first.model_copy(update={"promoted": True}), first, moved):
        assert (await stage.submit(request))[1].disposition is Disposition.QUEUED
    status: ReleaseStatus = await handle.query(Release.status)
    assert status.queued == (NEW, NEW)
    stage.neighbours.hang.clear()
    successor, _ = await handed_over(stage, handle)
    begun = ReleaseRequest.model_validate(await first_request(successor))
    assert (begun.promoted, [each.promoted for each in begun.queued]) == (True, [False])
    assert [each.application for each in begun.queued] == [moved.application]
    await successor.result()


async def test_superseding_drops_what_was_queued_and_says_so(stage: Stage) -> None:
    handle = await busy(stage)
    await stage.submit(release_request(NEW, on_conflict=OnConflict.QUEUE))
    await stage.submit(release_request(NEWER))
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    successor, _ = await handed_over(stage, handle)
    assert (await first_request(successor))["dropped"] == [NEW]
    assert (await successor.result()).sha == NEWER


async def test_a_start_tried_again_while_it_waits_is_not_dropped(stage: Stage) -> None:
    handle = await busy(stage)
    await stage.submit(release_request(NEW))
    await stage.submit(release_request(NEW))
    stage.neighbours.hang.clear()
    successor, _ = await handed_over(stage, handle)
    assert (await first_request(successor))["dropped"] == []
    assert (await successor.result()).sha == NEW


async def test_nobody_attaches_to_a_release_that_turns_back(stage: Stage) -> None:
    handle = await busy(stage)
    stage.neighbours.hang.add("restore")
    await stage.submit(release_request(NEW))
    _, submission = await stage.submit(release_request(OLD))
    assert submission.disposition is Disposition.SUPERSEDING
    stage.neighbours.hang.clear()
    successor, _ = await handed_over(stage, handle)
    assert (await first_request(successor))["dropped"] == [NEW]
    assert (await successor.result()).sha == OLD


async def test_a_rejected_revision_leaves_the_running_one_alone(stage: Stage) -> None:
    handle = await busy(stage)
    _, submission = await stage.submit(release_request(NEW, on_conflict=OnConflict.REJECT))
    assert submission.disposition is Disposition.REJECTED
    stage.neighbours.hang.clear()
    assert (await handle.result()).sha == OLD


@pytest.mark.parametrize("signal", [RESUME, PROMOTE])
async def test_signals_reach_the_canary_through_the_release(stage: Stage, signal: str) -> None:
    handle = await busy(stage)
    await handle.signal(PAUSE)
    canary = await stage.canary()
    await stage.until_phase(canary, Phase.PAUSED)
    stage.neighbours.hang.clear()
    await handle.signal(signal)
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_an_abort_through_the_release_rolls_back(stage: Stage) -> None:
    handle = await busy(stage)
    await handle.signal(ABORT)
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, stage.neighbours.weight) == (Outcome.ABORTED, 0)


@pytest.mark.parametrize("step", ["resolve", "survey", "apply", "await_health"])
async def test_an_abort_before_the_canaries_starts_none(stage: Stage, step: str) -> None:
    stage.neighbours.hang = {step}
    handle, _ = await stage.submit(release_request())
    await stage.until(lambda: any(call.startswith(step) for call in stage.neighbours.calls))
    await handle.signal(ABORT)
    assert (await handle.result()).outcome is Outcome.ABORTED
    stage.neighbours.hang.clear()
    assert "plan" not in stage.neighbours.calls


async def test_a_pause_before_the_sync_holds_it(stage: Stage) -> None:
    stage.neighbours.hang = {"survey"}
    handle, _ = await stage.submit(release_request())
    await handle.signal(PAUSE)
    stage.neighbours.hang.clear()
    await waiting_for(handle, "the signal resume or abort")
    assert not any(call.startswith("apply") for call in stage.neighbours.calls)
    await handle.signal(RESUME)
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_a_cancellation_waits_for_the_canarys_way_back(stage: Stage) -> None:
    handle = await busy(stage)
    await handle.cancel()
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert (stage.neighbours.weight, stage.neighbours.replicas) == (0, 0)
    status: ReleaseStatus = await handle.query(Release.status)
    assert status.outcome is not None
    assert (status.phase, status.outcome.reason) == (Phase.ABORTED, "cancelled in Temporal")
    assert [canary.outcome for canary in status.outcome.canaries] == [Outcome.ABORTED]


async def test_a_cancelled_canary_ends_its_release_as_aborted(stage: Stage) -> None:
    handle = await busy(stage)
    await (await stage.canary()).cancel()
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (Outcome.ABORTED, "cancelled in Temporal; rolled back")


async def test_the_release_puts_right_what_a_terminated_canary_left(dev_stage: Stage) -> None:
    stage = dev_stage
    stage.neighbours.plan = release_plan(seconds=0.2, drain=0.1)
    handle = await busy(stage)
    await (await stage.canary()).terminate()
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome: ReleaseOutcome = await handle.result()
    assert outcome.outcome is Outcome.ABORTED
    assert outcome.reason == "terminated in Temporal; the release rolled it back"
    assert (stage.neighbours.weight, stage.neighbours.replicas) == (0, 0)


async def busy(stage: Stage) -> Handle:
    """A release whose canary takes traffic, under a load test that does not end."""
    stage.neighbours.hang = {"load"}
    handle, _ = await stage.submit(release_request())
    await stage.until(lambda: any(call.startswith("load") for call in stage.neighbours.calls))
    return handle


async def waiting_for(handle: Handle, what: str) -> None:
    for _ in range(300):
        status: ReleaseStatus = await handle.query(Release.status)
        if status.waiting_for == what:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never waited for {what}: {status}")


async def handed_over(stage: Stage, handle: Handle) -> tuple[Handle, ReleaseOutcome]:
    """The run that took over, and how the one before it ended."""
    with pytest.raises(WorkflowContinuedAsNewError) as handover:
        await handle.result(follow_runs=False)
    successor = stage.client.get_workflow_handle(
        handle.id, run_id=handover.value.new_execution_run_id, result_type=ReleaseOutcome
    )
    return successor, ReleaseOutcome.model_validate((await first_request(successor))["previous"])


async def first_request(handle: Handle) -> dict[str, object]:
    """The input of a run, as its history has it."""
    async for event in handle.fetch_history_events():
        payload = event.workflow_execution_started_event_attributes.input.payloads[0]
        return dict(json.loads(payload.data))
    raise AssertionError("an empty history")

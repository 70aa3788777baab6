"""Several canaries of one application are promoted together, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import (
    BAD,
    GOOD,
    Handle,
    bootstrap_plan,
    owner_ref,
    release_plan,
    release_request,
)
from tests.workflows.pair import NEW_SIDE, OLD_SIDE, Pair, outcomes_of
from tidegate.contracts import (
    ABORT,
    DIRECTIVE,
    PAUSE,
    PROMOTE,
    REPORT,
    RESUME,
    CanaryRef,
    CanaryRequest,
    Report,
)
from tidegate.decisions import narration
from tidegate.domain.plan import Bake, Plan, Purpose, Route
from tidegate.domain.release import Outcome, Phase
from workflows.canary import Canary

BOTH_PROMOTED = [Outcome.PROMOTED] * 2
BOTH_ROLLED_BACK = [Outcome.ROLLED_BACK] * 2
FAILING = ApplicationError("its pods do not start", type="ReleaseFailed", non_retryable=True)


async def waiting(pair: Pair) -> Handle:
    """A release whose first canary has passed, while the other one is being judged at 10 %."""
    pair.other.hang = {"judge"}
    release = await pair.begin()
    await pair.until_waiting("the other canaries: podinfo1 (at 10 %)")
    return release


async def promoting(pair: Pair) -> Handle:
    """A release whose first canary runs the new version, while the other one is being promoted."""
    pair.other.hang = {"promote"}
    release = await pair.begin()
    await pair.until("podinfo1 promote")
    await pair.stage.until(lambda: pair.first.primary == "new")
    return release


async def test_both_are_promoted_when_both_have_passed(pair: Pair) -> None:
    canaries, outcome = await pair.outcomes(await pair.begin())
    assert (outcome.outcome, outcomes_of(canaries)) == (Outcome.PROMOTED, BOTH_PROMOTED)
    assert outcome.reason == "podinfo.test promoted, podinfo1.test promoted"
    assert (pair.first.side, pair.other.side) == (NEW_SIDE, NEW_SIDE)
    assert "Meet podinfo1" in [timing.stage for timing in canaries[0].stages]


async def test_none_is_promoted_before_the_other_has_passed(pair: Pair) -> None:
    release = await waiting(pair)
    assert (pair.first.weight, "podinfo promote" in pair.company.calls) == (50, False)
    pair.other.hang.clear()
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == BOTH_PROMOTED
    calls = pair.company.calls
    assert calls.index("podinfo promote") > calls.index("podinfo1 route 50")
    told = [note.text for note in canaries[0].notes]
    assert "podinfo.test and podinfo1 have all come, and are promoted together" in told


async def test_one_that_fails_takes_the_other_back(pair: Pair) -> None:
    pair.other.verdicts = lambda _: BAD
    canaries, outcome = await pair.outcomes(await pair.begin())
    assert outcomes_of(canaries) == BOTH_ROLLED_BACK
    assert canaries[0].reason == "rolled back with podinfo1: 2 of 2 failed checks: success rate 66% < 99%"
    assert outcome.reason == "podinfo1.test: 2 of 2 failed checks: success rate 66% < 99%"
    assert (pair.first.side, pair.other.side) == (OLD_SIDE, OLD_SIDE)


async def test_one_that_waits_is_still_judged(pair: Pair) -> None:
    pair.other.hang = {"scale_up"}
    pair.first.verdicts = lambda count: GOOD if count <= 3 else BAD
    release = await pair.begin()
    await pair.until("podinfo restore")
    pair.other.hang.clear()
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == BOTH_ROLLED_BACK
    assert canaries[1].reason.startswith("rolled back with podinfo: 2 of 2 failed checks")


async def test_one_that_fails_in_its_promotion_takes_the_other_back(pair: Pair) -> None:
    pair.other.fail = {"promote": [FAILING]}
    canaries, outcome = await pair.outcomes(await pair.begin())
    assert outcomes_of(canaries) == BOTH_ROLLED_BACK
    assert (pair.first.side, pair.other.side) == (OLD_SIDE, OLD_SIDE)
    assert canaries[0].reason == "rolled back with podinfo1: its pods do not start"
    assert outcome.reason == "podinfo1.test: its pods do not start"


async def test_one_that_is_promoted_goes_back_while_another_is_not(pair: Pair) -> None:
    pair.other.hang = {"promote"}
    release = await pair.begin()
    await pair.until("podinfo promote")
    await pair.until_waiting("the other canaries: podinfo1")
    assert (pair.first.primary, pair.first.weight) == ("new", 50)
    await (await pair.canary("podinfo1")).signal(ABORT, "pager")
    await pair.until("podinfo1 restore")
    pair.other.hang.clear()
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == [Outcome.ROLLED_BACK, Outcome.ABORTED]
    assert (pair.first.side, pair.other.side) == (OLD_SIDE, OLD_SIDE)


async def test_one_that_waits_in_its_promotion_is_still_judged(pair: Pair) -> None:
    pair.other.hang = {"promote"}
    pair.first.verdicts = lambda _: GOOD if pair.first.primary == "old" else BAD
    release = await pair.begin()
    await pair.until("podinfo restore")
    pair.other.hang.clear()
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == BOTH_ROLLED_BACK
    assert canaries[0].reason.startswith("2 of 2 failed checks")
    assert (pair.first.side, pair.other.side) == (OLD_SIDE, OLD_SIDE)


async def test_one_that_waits_in_its_promotion_continues_as_new(pair: Pair) -> None:
    pair.company.limits = pair.company.limits.model_copy(update={"signals_per_run": 10})
    pair.other.hang = {"promote"}
    release = await pair.begin()
    await pair.until("podinfo promote")
    await pair.until_waiting("the other canaries: podinfo1")
    first = await pair.canary()
    await asyncio.gather(*(first.signal(RESUME) for _ in range(20)))
    await pair.stage.until_runs(first, 2)
    pair.other.hang.clear()
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == BOTH_PROMOTED
    assert pair.company.calls.count("podinfo promote") == 1
    told = [note.text for note in canaries[0].notes]
    assert "podinfo.test runs the new version, and waits for the other canaries: podinfo1" in told
    assert "podinfo.test and podinfo1 are all promoted, and stay" in told


async def test_one_that_fails_after_all_are_promoted_stays_so_with_the_others(pair: Pair) -> None:
    pair.other.hang = {"promote"}
    release = await pair.begin()
    await pair.until("podinfo1 promote")
    pair.other.fail = {"route 0": [FAILING]}
    pair.other.hang.clear()
    canaries, outcome = await pair.outcomes(release)
    assert (outcome.outcome, outcomes_of(canaries)) == (Outcome.PROMOTED, BOTH_PROMOTED)
    assert (pair.first.side, pair.other.side) == (NEW_SIDE, NEW_SIDE)
    assert canaries[1].reason == "its pods do not start after its promotion, which stands"


async def abort(pair: Pair, release: Handle) -> None:
    await (await pair.canary("podinfo1")).signal(ABORT, "pager")


async def cancel(pair: Pair, release: Handle) -> None:
    await (await pair.canary("podinfo1")).cancel()


async def terminate(pair: Pair, release: Handle) -> None:
    await (await pair.canary("podinfo1")).terminate()


async def abort_all(pair: Pair, release: Handle) -> None:
    await release.signal(ABORT, "pager")


@pytest.mark.parametrize("act", [abort, cancel, terminate, abort_all])
async def test_nobody_goes_back_once_all_are_promoted(
    pair: Pair, act: Callable[[Pair, Handle], Awaitable[None]]
) -> None:
    release = await promoting(pair)
    pair.other.hang.add("route 0")
    pair.other.hang.discard("promote")
    await pair.stage.until(lambda: pair.company.calls.count("podinfo1 route 0") == 2)
    await act(pair, release)
    pair.other.hang.clear()
    canaries, outcome = await pair.outcomes(release)
    assert (outcome.outcome, outcomes_of(canaries)) == (Outcome.PROMOTED, BOTH_PROMOTED)
    assert (pair.first.side, pair.other.side) == (NEW_SIDE, NEW_SIDE)
    assert canaries[1].reason.endswith("after its promotion, which stands")


async def test_an_abort_of_one_rolls_the_other_back(pair: Pair) -> None:
    release = await waiting(pair)
    await (await pair.canary("podinfo1")).signal(ABORT, "pager")
    await pair.until("podinfo1 restore")
    pair.other.hang.clear()
    canaries, outcome = await pair.outcomes(release)
    assert outcomes_of(canaries) == [Outcome.ROLLED_BACK, Outcome.ABORTED]
    assert outcome.reason == "rolled back with podinfo1: pager"
    assert (pair.first.side, pair.other.side) == (OLD_SIDE, OLD_SIDE)


@pytest.mark.parametrize("moment", [waiting, promoting])
@pytest.mark.parametrize(("act", "word"), [("cancel", "cancelled"), ("terminate", "terminated")])
async def test_one_that_is_ended_in_temporal_takes_the_other_back(
    pair: Pair, moment: Callable[[Pair], Awaitable[Handle]], act: str, word: str
) -> None:
    release = await moment(pair)
    await getattr(await pair.canary("podinfo1"), act)()
    await pair.until("podinfo restore")
    pair.other.hang.clear()
    canaries, outcome = await pair.outcomes(release)
    assert outcomes_of(canaries) == [Outcome.ROLLED_BACK, Outcome.ABORTED]
    assert canaries[0].reason == f"rolled back with podinfo1: {word} in Temporal"
    assert (pair.first.side, pair.other.side) == (OLD_SIDE, OLD_SIDE)
    assert "half-released" not in outcome.reason


async def test_a_canary_whose_release_is_gone_goes_back_from_its_promotion(pair: Pair) -> None:
    release = await promoting(pair)
    first = await pair.canary()
    await release.terminate()
    pair.other.hang.clear()
    with pytest.raises(WorkflowFailureError):
        await first.result()
    with pytest.raises(WorkflowFailureError):
        await (await pair.canary("podinfo1")).result()
    assert (pair.first.side, pair.other.side) == (OLD_SIDE, OLD_SIDE)


async def test_one_that_is_paused_holds_the_other_up_and_it_says_so(pair: Pair) -> None:
    release = await waiting(pair)
    paused = await pair.canary("podinfo1")
    await paused.signal(PAUSE)
    pair.other.hang.clear()
    await pair.until_waiting("the other canaries: podinfo1 (paused at 10 %)")
    await paused.signal(RESUME)
    assert outcomes_of((await pair.outcomes(release))[0]) == BOTH_PROMOTED


async def test_one_that_is_paused_at_the_meeting_is_not_promoted_by_the_others_arrival(pair: Pair) -> None:
    release = await waiting(pair)
    first = await pair.canary()
    await first.signal(PAUSE)
    await pair.stage.until_phase(first, Phase.PAUSED)
    pair.other.hang.clear()
    await pair.until_waiting("the other canaries: podinfo (paused at 50 %)", "podinfo1")
    assert not [call for call in pair.company.calls if call.endswith("promote")]
    await release.signal(RESUME)
    assert outcomes_of((await pair.outcomes(release))[0]) == BOTH_PROMOTED


async def test_a_promotion_by_hand_brings_one_to_the_meeting_and_no_further(pair: Pair) -> None:
    pair.first.plan = release_plan(weights=(10, 50), seconds=60, hooks=(), drain=0.1)
    pair.other.hang = {"judge"}
    release = await pair.begin()
    await pair.until("podinfo route 10")
    await pair.until("podinfo1 judge")
    await (await pair.canary()).signal(PROMOTE)
    await pair.until_waiting("the other canaries: podinfo1 (at 10 %)")
    assert pair.first.judged == 0
    pair.other.hang.clear()
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == BOTH_PROMOTED
    came, *_ = [note.text for note in canaries[0].notes if "waits for the other canaries" in note.text]
    assert came.startswith(
        "podinfo.test goes to the meeting on request at 10 %, before its analysis was over,"
        " and waits for the other canaries: podinfo1"
    )


async def test_one_that_goes_to_the_meeting_by_hand_is_judged_there(pair: Pair) -> None:
    pair.first.plan = release_plan(weights=(10, 50), seconds=0.5, hooks=(), drain=0.1)
    pair.first.hang = {"route 10"}
    pair.first.verdicts = lambda _: BAD
    pair.other.hang = {"scale_up"}
    release = await pair.begin()
    await pair.until("podinfo route 10")
    await (await pair.canary()).signal(PROMOTE)
    await pair.stage.until_noted(await pair.canary(), "Promotion asked for")
    pair.first.hang.clear()
    await pair.until("podinfo restore")
    pair.other.hang.clear()
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == BOTH_ROLLED_BACK
    assert canaries[0].reason == "2 of 2 failed checks: success rate 66% < 99%"
    assert {command.weight for command in pair.first.judgements} == {10}


async def test_a_promotion_by_hand_of_the_release_promotes_all(pair: Pair) -> None:
    for companion in (pair.first, pair.other):
        companion.plan = release_plan(weights=(10, 50), seconds=60, hooks=(), drain=0.1)
    release = await pair.begin()
    await pair.until("podinfo route 10")
    await release.signal(PROMOTE)
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == BOTH_PROMOTED
    assert all("on request" in canary.reason for canary in canaries)


async def test_an_abort_of_the_release_aborts_all_and_nobody_is_told_twice(pair: Pair) -> None:
    release = await waiting(pair)
    before = await signals_of(release)
    await release.signal(ABORT, "pager")
    await pair.until("podinfo1 restore")
    pair.other.hang.clear()
    canaries, outcome = await pair.outcomes(release)
    assert outcomes_of(canaries) == [Outcome.ABORTED] * 2
    assert outcome.reason == "podinfo.test: pager; podinfo1.test: pager"
    assert await signals_of(release) == before + 2


@pytest.mark.parametrize(
    ("purpose", "outcome"),
    [(Purpose.UPKEEP, Outcome.UNCHANGED), (Purpose.INITIALISATION, Outcome.INITIALISED)],
)
async def test_one_that_has_nothing_to_release_is_not_met(
    pair: Pair, purpose: Purpose, outcome: Outcome
) -> None:
    pair.other.plan = bootstrap_plan(purpose)
    canaries, _ = await pair.outcomes(await pair.begin())
    assert outcomes_of(canaries) == [Outcome.PROMOTED, outcome]


async def test_an_initialisation_that_fails_takes_the_release_back(pair: Pair) -> None:
    pair.other.plan = bootstrap_plan()
    pair.other.fail = {"prepare": [FAILING]}
    canaries, _ = await pair.outcomes(await pair.begin())
    assert outcomes_of(canaries) == [Outcome.ROLLED_BACK, Outcome.FAILED]
    assert pair.first.side == OLD_SIDE


async def test_an_initialisation_goes_on_when_the_release_turns_back(pair: Pair) -> None:
    pair.other.plan = bootstrap_plan()
    pair.other.hang = {"prepare"}
    pair.first.verdicts = lambda _: BAD
    release = await pair.begin()
    await pair.until("podinfo scale_down")
    pair.other.hang.clear()
    assert outcomes_of((await pair.outcomes(release))[0]) == [Outcome.ROLLED_BACK, Outcome.INITIALISED]


async def test_one_without_an_analysis_waits_without_a_bake(pair: Pair) -> None:
    stages = [stage for stage in pair.first.plan.stages if not isinstance(stage, Bake | Route)]
    pair.first.plan = Plan(purpose=Purpose.RELEASE, stages=tuple(stages))
    pair.other.hang = {"judge"}
    release = await pair.begin()
    await pair.until_waiting("the other canaries: podinfo1 (at 10 %)")
    pair.other.hang.clear()
    assert outcomes_of((await pair.outcomes(release))[0]) == BOTH_PROMOTED
    assert pair.first.judged == 0


def blue_green_plan() -> Plan:
    green, blue = release_plan(weights=(0, 100), seconds=0.2, hooks=(), drain=0.1).stages[3:6:2]
    switch = Route(primary=0, canary=100, at_once=True)
    plan = release_plan(weights=(), drain=0.1)
    return plan.model_copy(update={"stages": (*plan.stages[:2], green, switch, blue, *plan.stages[2:])})


async def test_blue_green_switches_once_all_have_passed(pair: Pair) -> None:
    pair.first.plan = blue_green_plan()
    release = await waiting(pair)
    assert (pair.first.weight, "podinfo route 100" in pair.company.calls) == (0, False)
    pair.other.hang.clear()
    assert outcomes_of((await pair.outcomes(release))[0]) == BOTH_PROMOTED
    calls = pair.company.calls
    assert (
        calls.index("podinfo1 route 50") < calls.index("podinfo route 100") < calls.index("podinfo promote")
    )


async def test_after_its_switch_blue_green_is_in_its_promotion_whatever_run_carries_on(pair: Pair) -> None:
    pair.company.limits = pair.company.limits.model_copy(update={"signals_per_run": 10})
    pair.first.plan, pair.first.hang = blue_green_plan(), {"route 100"}
    pair.first.verdicts = lambda _: GOOD if pair.first.weight == 0 else BAD
    release = await pair.begin()
    await pair.until("podinfo route 100")
    first = await pair.canary()
    await asyncio.gather(*(first.signal(PAUSE) for _ in range(20)))
    pair.first.hang.clear()
    await pair.stage.until_runs(first, 2)
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == BOTH_ROLLED_BACK
    assert canaries[1].reason.startswith("rolled back with podinfo: ")
    assert "Pause asked for by signal, too late: Promoting goes on to its end" in [
        note.text for note in canaries[0].notes
    ]


async def test_one_that_is_wrongly_taken_to_have_passed_says_that_it_has_not(pair: Pair) -> None:
    """As after a reset to before its meeting: its release still has what it said there."""
    pair.first.hang, pair.other.hang = {"judge"}, {"judge"}
    release = await pair.begin()
    await pair.until("podinfo judge")
    await pair.until("podinfo1 judge")
    assert pair.other.fence
    other = await pair.canary("podinfo1")
    await release.signal(REPORT, Report(canary=other.id, epoch=pair.other.fence.epoch, passed=True))
    await until_reporting(other)
    pair.first.hang.clear()
    await pair.until_waiting("the other canaries: podinfo1 (at 10 %)")
    pair.other.hang.clear()
    assert outcomes_of((await pair.outcomes(release))[0]) == BOTH_PROMOTED


async def test_one_that_is_reset_without_its_signals_hears_again_of_the_others(pair: Pair) -> None:
    release = await waiting(pair)
    first = await pair.canary()
    await reset_before_it_heard(pair, first)
    await pair.until_waiting("the other canaries: podinfo1 (at 10 %)")
    pair.other.hang.clear()
    assert outcomes_of((await pair.outcomes(release))[0]) == BOTH_PROMOTED


async def reset_before_it_heard(pair: Pair, canary: Handle) -> None:
    """To the end of the last workflow task before its first signal, which is not played again."""
    task = 0
    async for event in canary.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            break
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            task = event.event_id
    await reset_to(pair, canary, task)


FIRST_TASK = 4
"""The event that ends the first workflow task of a run."""


async def test_one_that_is_reset_to_its_very_beginning_hears_again_that_all_have_passed(pair: Pair) -> None:
    release = await promoting(pair)
    await reset_to(pair, await pair.canary(), FIRST_TASK)
    await pair.until_waiting("the other canaries: podinfo1")
    pair.other.hang.clear()
    assert outcomes_of((await pair.outcomes(release))[0]) == BOTH_PROMOTED
    assert (pair.first.side, pair.other.side) == (NEW_SIDE, NEW_SIDE)


async def test_one_that_hears_on_its_way_back_that_all_were_promoted_keeps_its_promotion(pair: Pair) -> None:
    release = await promoting(pair)
    first, other = await pair.canary(), await pair.canary("podinfo1")
    pair.first.hang, routed = {"route 0"}, pair.first.calls.count("route 0")
    assert pair.other.fence is not None
    last = Report(canary=other.id, epoch=pair.other.fence.epoch, passed=True, promoted=True)
    await release.signal(REPORT, last)
    await first.signal(ABORT, "pager")
    await pair.stage.until(lambda: pair.first.calls.count("route 0") > routed)
    await heard(first, b'"stay":true')
    pair.first.hang.clear()
    pair.other.hang.clear()
    assert outcomes_of((await pair.outcomes(release))[0]) == BOTH_PROMOTED
    assert (pair.first.side, pair.other.side) == (NEW_SIDE, NEW_SIDE)


async def heard(canary: Handle, text: bytes) -> None:
    """Wait for a signal that says so."""
    async with asyncio.timeout(20):
        while True:
            async for event in canary.fetch_history_events():
                said = event.workflow_execution_signaled_event_attributes.input.payloads
                if any(text in payload.data for payload in said):
                    return
            await asyncio.sleep(0.05)


async def reset_to(pair: Pair, canary: Handle, task: int) -> None:
    """Reset to the end of that workflow task; no signal is played again."""
    client = pair.stage.client
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=canary.id),
            reason="an operator",
            workflow_task_finish_event_id=task,
            request_id=f"{canary.id}-{task}",
            reset_reapply_exclude_types=[ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL],
        )
    )


async def test_without_coordination_each_goes_by_itself(pair: Pair) -> None:
    request = release_request()
    metadata = request.application.metadata.model_copy(
        update={"annotations": {"tidegate.dev/coordination": "off"}}
    )
    application = request.application.model_copy(update={"metadata": metadata})
    pair.other.verdicts = lambda _: BAD
    canaries, outcome = await pair.outcomes(
        await pair.begin(request.model_copy(update={"application": application}))
    )
    assert outcomes_of(canaries) == [Outcome.PROMOTED, Outcome.ROLLED_BACK]
    assert "half-released" not in outcome.reason


async def test_one_that_waits_continues_as_new_where_it_stands(pair: Pair) -> None:
    pair.company.limits = pair.company.limits.model_copy(update={"signals_per_run": 10})
    release = await waiting(pair)
    first = await pair.canary()
    await asyncio.gather(*(first.signal(RESUME) for _ in range(20)))
    await pair.stage.until_runs(first, 2)
    await pair.until_waiting("the other canaries: podinfo1 (at 10 %)")
    pair.other.hang.clear()
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == BOTH_PROMOTED
    assert pair.company.calls.count("podinfo plan") == 1
    assert len([n for n in canaries[0].notes if "has passed, and waits for the other" in n.text]) == 1


async def test_a_canary_whose_release_is_gone_turns_back(pair: Pair) -> None:
    """Terminated, a release has its canaries cancelled."""
    release = await waiting(pair)
    first = await pair.canary()
    await release.terminate()
    pair.other.hang.clear()
    with pytest.raises(WorkflowFailureError):
        await first.result()
    assert pair.first.side == OLD_SIDE


async def test_a_canary_whose_report_finds_no_release_turns_back(pair: Pair) -> None:
    request = CanaryRequest(
        ref=CanaryRef(owner=owner_ref(), namespace="test", name="podinfo"),
        limits=pair.company.limits,
        revision="a" * 40,
        others=("podinfo1",),
    )
    canary = await pair.stage.client.start_workflow(
        Canary.run, request, id="canary/mesh02/test/podinfo", task_queue=pair.stage.task_queue
    )
    outcome = await canary.result()
    assert (outcome.outcome, outcome.reason) == (Outcome.ROLLED_BACK, narration.RELEASE_GONE)
    assert pair.first.side == OLD_SIDE


async def test_signals_from_elsewhere_and_repeated_ones_do_no_harm(pair: Pair) -> None:
    release = await waiting(pair)
    first = await pair.canary()
    stale = Report(canary="canary/mesh02/test/podinfo1", epoch=1, passed=True)
    for _ in range(5):
        await release.signal(REPORT, stale)
        await release.signal(REPORT, stale.model_copy(update={"canary": "canary/elsewhere"}))
        await release.signal(REPORT)
        await first.signal(DIRECTIVE)
    assert not [call for call in pair.company.calls if call.endswith("promote")]
    pair.other.hang.clear()
    assert outcomes_of((await pair.outcomes(release))[0]) == BOTH_PROMOTED


async def test_the_meetings_cost_a_signal_and_an_answer_each(pair: Pair) -> None:
    release = await pair.begin()
    await pair.outcomes(release)
    assert 4 <= await signals_of(await pair.canary()) + await signals_of(await pair.canary("podinfo1")) <= 7
    assert await signals_of(release) <= 8


async def until_reporting(canary: Handle) -> None:
    """Wait until it has told its release something."""
    for _ in range(500):
        if await signals_of(canary):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("never reported")


async def signals_of(handle: Handle) -> int:
    """How many signals its present run has sent."""
    history = await handle.fetch_history()
    kinds = [event.event_type for event in history.events]
    return kinds.count(EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED)

"""A gate waits for somebody's consent, durably; what opens it, and what does not."""

import asyncio

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import (
    BAD,
    CLOSED,
    GOOD,
    NEVER,
    OPEN,
    Handle,
    Stage,
    gate,
    gated,
    release_plan,
    release_request,
)
from tidegate.contracts import (
    ABORT,
    APPROVE,
    PAUSE,
    PROMOTE,
    RESUME,
    ApprovedGate,
    ApproveRequest,
    AskReport,
    CanaryOutcome,
)
from tidegate.domain.hook import HookType
from tidegate.domain.plan import Gate, gate_name
from tidegate.domain.release import Outcome, Phase

ROLLOUT, TRAFFIC, PROMOTION = (
    HookType.CONFIRM_ROLLOUT,
    HookType.CONFIRM_TRAFFIC_INCREASE,
    HookType.CONFIRM_PROMOTION,
)
GATES = [ROLLOUT, TRAFFIC, PROMOTION]
PHASES = {ROLLOUT: Phase.WAITING, TRAFFIC: Phase.PROGRESSING, PROMOTION: Phase.WAITING_PROMOTION}
NEXT = {ROLLOUT: "scale_up", TRAFFIC: "promote", PROMOTION: "promote"}


async def closed(
    stage: Stage, kind: HookType, *answers: AskReport, signals_per_run: int = 250, bake: float = 30
) -> Handle:
    """A canary that waits at a gate."""
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=(), seconds=bake), kind)
    stage.neighbours.answers = {kind: [CLOSED, *answers]}
    handle = await stage.start_canary(signals_per_run)
    if kind is not ROLLOUT:
        await stage.until(lambda: "route 10" in stage.neighbours.calls)
        await stage.environment.sleep(31)
    await until_gate(stage, handle)
    return handle


async def until_gate(stage: Stage, handle: Handle) -> None:
    for _ in range(500):
        if "`tidegate approve" in (await stage.status(handle)).waiting_for:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(await stage.status(handle))


def questions(stage: Stage, kind: HookType) -> int:
    return stage.neighbours.calls.count(f"ask {kind}")


@pytest.mark.parametrize("kind", GATES)
async def test_an_open_gate_holds_nothing_up(stage: Stage, kind: HookType) -> None:
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=()), kind)
    outcome: CanaryOutcome = await (await stage.start_canary()).result()
    assert (outcome.outcome, questions(stage, kind)) == (Outcome.PROMOTED, 1)
    assert "podinfo.test canary weight 10" in " ".join(note.text for note in outcome.notes)


@pytest.mark.parametrize("kind", GATES)
async def test_a_closed_gate_is_asked_once_an_interval_until_it_opens(stage: Stage, kind: HookType) -> None:
    handle = await closed(stage, kind, CLOSED, CLOSED, OPEN)
    assert NEXT[kind] not in stage.neighbours.calls
    outcome: CanaryOutcome = await handle.result()
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.PROMOTED, 0)
    assert questions(stage, kind) == 4
    (seconds,) = [timing.seconds for timing in outcome.stages if timing.stage.startswith("Gate")]
    assert 90 <= seconds < 100


@pytest.mark.parametrize("kind", GATES)
async def test_a_closed_gate_says_who_has_not_agreed_and_how_to_open_it(stage: Stage, kind: HookType) -> None:
    handle = await closed(stage, kind)
    status = await stage.status(handle)
    assert (status.phase, status.gate) == (PHASES[kind], gate_of(stage, kind))
    assert status.waiting_for.startswith(
        f"{kind} hook sesame: http://gate.test answered 403 Forbidden; asked"
    )
    assert "`tidegate approve podinfo@mesh02/test`" in status.waiting_for
    await handle.signal(ABORT)
    await handle.result()


@pytest.mark.parametrize("kind", GATES)
async def test_an_approval_opens_the_gate_that_waits_at_once(stage: Stage, kind: HookType) -> None:
    handle = await closed(stage, kind)
    await handle.signal(APPROVE)
    outcome: CanaryOutcome = await handle.result()
    assert (outcome.outcome, questions(stage, kind)) == (Outcome.PROMOTED, 1)
    assert f"Approval asked for by signal: gate {gate_of(stage, kind)} is open" in texts(outcome)


@pytest.mark.parametrize("kind", GATES)
async def test_an_approval_that_names_the_gate_opens_it(stage: Stage, kind: HookType) -> None:
    handle = await closed(stage, kind)
    await handle.signal(APPROVE, approval(gate_of(stage, kind)))
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    assert f"Approval by ann: gate {gate_of(stage, kind)} is open" in texts(outcome)


async def test_an_approval_that_comes_twice_leaves_the_next_gate_closed(stage: Stage) -> None:
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=(), seconds=0.2), ROLLOUT, PROMOTION)
    stage.neighbours.answers = {ROLLOUT: [CLOSED], PROMOTION: [CLOSED]}
    handle = await stage.start_canary()
    await until_gate(stage, handle)
    first, second = gate_of(stage, ROLLOUT), gate_of(stage, PROMOTION)
    await handle.signal(APPROVE, approval(first))
    await stage.until_phase(handle, Phase.WAITING_PROMOTION)
    await handle.signal(APPROVE, approval(first))
    status = await stage.status(handle)
    assert (status.phase, status.gate) == (Phase.WAITING_PROMOTION, second)
    in_vain = f"Approval by ann of gate {first}, which does not wait; gate {second} stays closed"
    assert status.notes[-1].text == in_vain
    await handle.signal(APPROVE, approval(second))
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_an_approval_opens_no_gate_but_the_one_that_waits(stage: Stage) -> None:
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=(), seconds=0.2), ROLLOUT, PROMOTION)
    stage.neighbours.answers = {ROLLOUT: [CLOSED], PROMOTION: [CLOSED]}
    handle = await stage.start_canary()
    await until_gate(stage, handle)
    await handle.signal(APPROVE)
    await stage.until_phase(handle, Phase.WAITING_PROMOTION)
    await handle.signal(APPROVE)
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_an_approval_before_its_gate_counts_for_none(stage: Stage) -> None:
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=(), seconds=0.2), PROMOTION)
    stage.neighbours.answers = {PROMOTION: [CLOSED]}
    stage.neighbours.hang = {"scale_up"}
    handle = await stage.start_canary()
    await stage.until(lambda: "scale_up" in stage.neighbours.calls)
    for _ in range(3):
        await handle.signal(APPROVE)
    stage.neighbours.hang.clear()
    await stage.until_phase(handle, Phase.WAITING_PROMOTION)
    noted = [note.text for note in (await stage.status(handle)).notes]
    assert noted.count("Approval asked for by signal, but no gate waits for one") == 1
    await handle.signal(APPROVE)
    await handle.result()


@pytest.mark.parametrize(("kind", "skipped"), [(ROLLOUT, False), (TRAFFIC, True), (PROMOTION, True)])
async def test_a_promotion_by_hand_skips_the_gates_of_the_analysis(
    stage: Stage, kind: HookType, skipped: bool
) -> None:
    handle = await closed(stage, kind)
    await handle.signal(PROMOTE)
    if not skipped:
        await stage.until(lambda: questions(stage, kind) >= 1)
        assert (await stage.status(handle)).phase is Phase.WAITING
        await handle.signal(APPROVE)
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    assert "on request" in outcome.reason


@pytest.mark.parametrize("kind", GATES)
async def test_an_abort_ends_a_gate(stage: Stage, kind: HookType) -> None:
    handle = await closed(stage, kind)
    await handle.signal(ABORT, "pager")
    outcome: CanaryOutcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (Outcome.ABORTED, "pager")
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


@pytest.mark.parametrize("kind", GATES)
async def test_an_abort_ends_a_question_that_is_under_way(stage: Stage, kind: HookType) -> None:
    handle = await asking(stage, kind)
    await handle.signal(ABORT, "pager")
    await stage.until(lambda: "route 0" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome: CanaryOutcome = await handle.result()
    assert (outcome.outcome, questions(stage, kind)) == (Outcome.ABORTED, 1)
    assert not [text for text in texts(outcome) if text.startswith("Halt")]


@pytest.mark.parametrize("kind", GATES)
async def test_an_approval_waits_for_no_slow_hook(stage: Stage, kind: HookType) -> None:
    handle = await asking(stage, kind)
    await handle.signal(APPROVE)
    await stage.until(lambda: NEXT[kind] in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def asking(stage: Stage, kind: HookType) -> Handle:
    """A canary whose gate is being asked, and does not answer."""
    plan = release_plan(weights=(10,), hooks=(), seconds=0.2, drain=0.1)
    stage.neighbours.plan = gated(plan, kind, seconds=0.2)
    stage.neighbours.answers = {kind: [CLOSED]}
    stage.neighbours.hang = {"ask"}
    handle = await stage.start_canary()
    await stage.until(lambda: questions(stage, kind) == 1)
    return handle


async def test_nothing_is_said_of_a_gate_on_the_way_back(stage: Stage) -> None:
    handle = await closed(stage, PROMOTION)
    stage.neighbours.hang = {"restore"}
    await handle.signal(ABORT)
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    status = await stage.status(handle)
    assert (status.phase, status.gate, status.waiting_for) == (Phase.ROLLING_BACK, "", "the way back")
    await handle.signal(APPROVE)
    stage.neighbours.hang.clear()
    outcome: CanaryOutcome = await handle.result()
    assert "Approval asked for by signal, but no gate waits for one" in texts(outcome)
    assert outcome.outcome is Outcome.ABORTED


@pytest.mark.parametrize("kind", GATES)
async def test_a_pause_stops_the_questions_and_a_resume_goes_on(stage: Stage, kind: HookType) -> None:
    handle = await closed(stage, kind, OPEN)
    await handle.signal(PAUSE)
    await stage.until_phase(handle, Phase.PAUSED)
    await stage.environment.sleep(3600)
    assert questions(stage, kind) == 1
    await handle.signal(RESUME)
    assert (await handle.result()).outcome is Outcome.PROMOTED
    assert questions(stage, kind) == 2


@pytest.mark.parametrize("kind", GATES)
async def test_never_rolls_back_with_the_hooks_reason(stage: Stage, kind: HookType) -> None:
    handle = await closed(stage, kind, NEVER)
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is Outcome.ROLLED_BACK
    expected = f"{kind} hook sesame refuses for good: http://gate.test answered 403: not now"
    assert outcome.reason == expected
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


async def test_later_says_when_it_is_asked_next(stage: Stage) -> None:
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=()), ROLLOUT)
    later = CLOSED.model_copy(update={"postponed": True, "again_seconds": 7200.0})
    stage.neighbours.answers = {ROLLOUT: [later, OPEN]}
    outcome: CanaryOutcome = await (await stage.start_canary()).result()
    (seconds,) = [timing.seconds for timing in outcome.stages if timing.stage.startswith("Gate")]
    assert 7200 <= seconds < 7210
    assert questions(stage, ROLLOUT) == 2


async def test_later_does_not_stop_the_analysis(stage: Stage) -> None:
    later = CLOSED.model_copy(update={"postponed": True, "again_seconds": 95.0})
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=()), PROMOTION)
    stage.neighbours.answers = {PROMOTION: [later, OPEN]}
    await (await stage.start_canary()).result()
    assert (questions(stage, PROMOTION), stage.neighbours.judged) == (2, 1 + 4)


async def test_the_analysis_goes_on_behind_a_closed_gate_and_can_roll_back(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda count: GOOD if count == 1 else BAD
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=()), PROMOTION)
    stage.neighbours.answers = {PROMOTION: [CLOSED]}
    outcome: CanaryOutcome = await (await stage.start_canary()).result()
    assert (outcome.outcome, outcome.reason) == (
        Outcome.ROLLED_BACK,
        "2 of 2 failed checks: success rate 66% < 99%",
    )


async def test_a_closed_gate_is_noted_once_and_is_no_failed_check(stage: Stage) -> None:
    outcome: CanaryOutcome = await (await closed(stage, ROLLOUT, CLOSED, CLOSED, OPEN)).result()
    noted = [text for text in texts(outcome) if text.startswith("Halt")]
    assert noted == ["Halt podinfo.test advancement waiting for approval sesame"]
    assert outcome.failed_checks == 0


async def test_a_question_that_cannot_be_asked_is_asked_again(stage: Stage) -> None:
    denied = ApplicationError("Git is shut", type="AccessDenied", non_retryable=True)
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=()), ROLLOUT)
    stage.neighbours.fail = {"ask": [denied, denied]}
    assert (await (await stage.start_canary()).result()).outcome is Outcome.PROMOTED
    assert questions(stage, ROLLOUT) == 3


async def test_an_interval_costs_a_timer_and_a_question(stage: Stage) -> None:
    handle = await closed(stage, ROLLOUT, *[CLOSED] * 20, OPEN)
    await handle.result()
    history = await handle.fetch_history()
    kinds = [event.event_type for event in history.events]
    timers = kinds.count(EventType.EVENT_TYPE_TIMER_STARTED)
    assert timers == 21 + 2  # the bake's and the drain's
    assert kinds.count(EventType.EVENT_TYPE_TIMER_CANCELED) == 0
    calls = [call for call in stage.neighbours.calls if not call.startswith("ask")]
    assert kinds.count(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED) == 22 + len(calls)


class TestHandover:
    """A gate may last for days: a run that has grown long hands over to a fresh one."""

    @pytest.mark.parametrize("kind", GATES)
    async def test_a_long_wait_continues_as_new(self, impatient_stage: Stage, kind: HookType) -> None:
        stage = impatient_stage
        stage.neighbours.plan = gated(
            release_plan(weights=(10,), hooks=(), seconds=0.1, drain=0.1), kind, seconds=0.1
        )
        stage.neighbours.answers = {kind: [*[CLOSED] * 6, OPEN]}
        outcome: CanaryOutcome = await (await stage.start_canary()).result()
        assert (outcome.outcome, questions(stage, kind)) == (Outcome.PROMOTED, 7)
        assert stage.neighbours.calls.count("plan") == 1
        halts = [text for text in texts(outcome) if text.startswith("Halt")]
        assert len(halts) == 1

    async def test_a_storm_at_a_gate_loses_no_approval(self, dev_stage: Stage) -> None:
        stage = dev_stage
        handle = await closed(stage, ROLLOUT, signals_per_run=20, bake=0.2)
        await asyncio.gather(*(handle.signal(RESUME) for _ in range(19)), handle.signal(APPROVE))
        assert (await handle.result()).outcome is Outcome.PROMOTED

    async def test_an_approval_reaches_the_run_that_carries_on(self, dev_stage: Stage) -> None:
        stage = dev_stage
        handle = await closed(stage, ROLLOUT, signals_per_run=10, bake=0.2)
        await asyncio.gather(*(handle.signal(RESUME) for _ in range(30)))
        await stage.until_runs(handle, 2)
        assert (await stage.status(handle)).phase is Phase.WAITING
        await handle.signal(APPROVE)
        assert (await handle.result()).outcome is Outcome.PROMOTED
        assert questions(stage, ROLLOUT) == 1


async def test_a_release_passes_an_approval_on(dev_stage: Stage) -> None:
    stage = dev_stage
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=(), seconds=0.2, drain=0.1), ROLLOUT)
    stage.neighbours.answers = {ROLLOUT: [CLOSED]}
    release, _ = await stage.submit(release_request())
    canary = await stage.canary()
    await stage.until_phase(canary, Phase.WAITING)
    await release.signal(APPROVE)
    assert (await release.result()).outcome is Outcome.PROMOTED


async def test_an_approval_reaches_the_canary_that_it_names_alone(dev_stage: Stage) -> None:
    stage = dev_stage
    stage.neighbours.canaries = 2
    plan = release_plan(weights=(10,), hooks=(), seconds=0.2, drain=0.1)
    stage.neighbours.plan = plan.model_copy(update={"stages": (gate(ROLLOUT), *plan.stages)})
    stage.neighbours.answers = {ROLLOUT: [CLOSED]}
    release, _ = await stage.submit(release_request())
    approved, waiting = await stage.canary("podinfo"), await stage.canary("podinfo1")
    for canary in (approved, waiting):
        await stage.until_phase(canary, Phase.WAITING)
    await release.signal(APPROVE, approval(gate_of(stage, ROLLOUT), "podinfo.test"))
    assert (await approved.result())["outcome"] == Outcome.PROMOTED
    assert (await stage.status(waiting)).phase is Phase.WAITING
    await release.signal(ABORT)
    assert (await release.result()).outcome is Outcome.ABORTED


def gate_of(stage: Stage, kind: HookType) -> str:
    """The gate's name in the plan."""
    (name,) = [
        gate_name(each, number)
        for number, each in enumerate(stage.neighbours.plan.stages, start=1)
        if isinstance(each, Gate) and each.type is kind
    ]
    return name


def approval(gate: str, canary: str = "") -> ApproveRequest:
    return ApproveRequest(gates=(ApprovedGate(canary=canary, gate=gate),), by="ann")


def texts(outcome: CanaryOutcome) -> list[str]:
    return [note.text for note in outcome.notes]

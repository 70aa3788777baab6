"""A gate of a policy's approvals: only enough of those who are named open it."""

from functools import partial
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from tests.workflows.neighbours import BAD, GOOD, Handle, Stage, release_plan
from tidegate.contracts import (
    ABORT,
    APPROVE,
    PAUSE,
    PROMOTE,
    RESUME,
    ApprovedGate,
    ApproveRequest,
    CanaryOutcome,
)
from tidegate.domain.plan import Approval, Bake, Plan, Promote, Route, ScaleUp, gate_name
from tidegate.domain.release import Outcome, Phase

ROLLOUT, PROMOTION = "rollout", "promotion"
PHASES = {ROLLOUT: Phase.WAITING, PROMOTION: Phase.WAITING_PROMOTION}
NEXT = {ROLLOUT: "scale_up", PROMOTION: "promote"}


def guarded(*places: str, bake: Bake | None = None, seconds: float = 0.2) -> Plan:
    """A plan with approvals by two of three."""
    plan = release_plan(weights=(10,), hooks=(), seconds=seconds, drain=0.1)
    stages: list[Any] = []
    for stage in plan.stages:
        place = {ScaleUp: ROLLOUT, Promote: PROMOTION}.get(type(stage))
        if place in places:
            stages.append(Approval(before=place, quorum=2, approvers=("ann", "bob", "eve"), bake=bake))
        stages.append(stage)
    return plan.model_copy(update={"stages": tuple(stages)})


async def waiting(stage: Stage, place: str, signals_per_run: int = 250, bake: Bake | None = None) -> Handle:
    stage.neighbours.plan = guarded(place, bake=bake)
    handle = await stage.start_canary(signals_per_run)
    await stage.until_phase(handle, PHASES[place])
    return handle


def gate_of(stage: Stage, place: str) -> str:
    (name,) = [
        gate_name(each, number)
        for number, each in enumerate(stage.neighbours.plan.stages, start=1)
        if isinstance(each, Approval) and each.before == place
    ]
    return name


def by(name: str, gate: str = "") -> ApproveRequest:
    return ApproveRequest(gates=(ApprovedGate(gate=gate),) if gate else (), by=name)


@pytest.mark.parametrize("place", [ROLLOUT, PROMOTION])
async def test_a_quorum_of_different_persons_opens_the_gate(stage: Stage, place: str) -> None:
    handle = await waiting(stage, place)
    gate = gate_of(stage, place)
    for name in ("ann", "ann"):
        await handle.signal(APPROVE, by(name, gate))
    status = await stage.status(handle)
    assert (status.phase, status.gate) == (PHASES[place], gate)
    assert status.consent is not None
    assert status.consent.approvals == ("ann",)
    assert status.waiting_for.startswith(
        f"consent before {place}: 1 of 2 approvals: ann; bob, eve may approve: "
        "`tidegate approve podinfo@mesh02/test --by NAME`"
    )
    assert NEXT[place] not in stage.neighbours.calls
    await handle.signal(APPROVE, by("eve", gate))
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    told = [note.text for note in outcome.notes if "pprov" in note.text]
    assert told == [
        f"Halt podinfo.test advancement waiting for {gate}",
        f"Approval by ann: 1 of 2 approvals: ann of gate {gate}",
        f"Approval by eve: gate {gate} is open, by ann, eve",
    ]


@pytest.mark.parametrize("argument", [None, "mallory", {"by": "mallory"}])
async def test_nobody_else_opens_it(stage: Stage, argument: object) -> None:
    handle = await waiting(stage, ROLLOUT)
    await handle.signal(APPROVE, argument)
    status = await stage.status(handle)
    who = "mallory" if argument else "nobody in particular"
    refused = f"Approval by {who} refused: gate {gate_of(stage, ROLLOUT)} is for ann, bob, eve to approve"
    assert (status.phase, status.notes[-1].text) == (Phase.WAITING, refused)
    await handle.signal(ABORT)
    assert (await handle.result()).outcome is Outcome.ABORTED


@pytest.mark.parametrize("place", [ROLLOUT, PROMOTION])
async def test_a_promotion_by_hand_stands_for_no_approval(stage: Stage, place: str) -> None:
    handle = await waiting(stage, place)
    await handle.signal(PROMOTE)
    await handle.signal(APPROVE, by("ann"))
    assert (await stage.status(handle)).phase is PHASES[place]
    assert NEXT[place] not in stage.neighbours.calls
    await handle.signal(APPROVE, by("bob"))
    outcome: CanaryOutcome = await handle.result()
    assert (outcome.outcome, "on request" in outcome.reason) == (Outcome.PROMOTED, place == ROLLOUT)


async def test_a_promotion_by_hand_before_it_comes_to_the_approval_too(stage: Stage) -> None:
    stage.neighbours.plan = guarded(PROMOTION)
    handle = await stage.come_to("scale_up")
    await handle.signal(PROMOTE)
    stage.neighbours.hang.clear()
    await stage.until_phase(handle, Phase.WAITING_PROMOTION)
    assert "route 10" not in stage.neighbours.calls
    for name in ("ann", "bob"):
        await handle.signal(APPROVE, by(name))
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_a_day_of_waiting_costs_no_command(stage: Stage) -> None:
    handle = await waiting(stage, PROMOTION)
    before = (await handle.fetch_history()).events
    await stage.environment.sleep(24 * 3600)
    assert len((await handle.fetch_history()).events) == len(before)
    for name in ("ann", "bob"):
        await handle.signal(APPROVE, by(name))
    await handle.result()
    kinds = [event.event_type for event in (await handle.fetch_history()).events]
    assert kinds.count(EventType.EVENT_TYPE_TIMER_STARTED) == 2  # the bake's and the drain's


async def test_the_analysis_behind_an_approval_can_roll_back(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda count: GOOD if count == 1 else BAD
    bake = Bake(seconds=30, weight=10, checks=("request-success-rate",))
    stage.neighbours.plan = guarded(PROMOTION, bake=bake)
    outcome: CanaryOutcome = await (await stage.start_canary()).result()
    assert (outcome.outcome, outcome.reason) == (
        Outcome.ROLLED_BACK,
        "2 of 2 failed checks: success rate 66% < 99%",
    )


def stepped(*weights: int, seconds: float = 30, hooks: tuple[str, ...] = ("load-test",), **more: Any) -> Plan:
    """Approvals before the last weight and the promotion, behind which the analysis goes on."""
    plan = release_plan(weights=weights, seconds=seconds, hooks=hooks, drain=0.1)
    stages: list[Any] = []
    for stage in plan.stages:
        before = f"weight {stage.canary}" if isinstance(stage, Route) else PROMOTION
        if isinstance(stage, Promote) or (isinstance(stage, Route) and stage.canary == weights[-1]):
            (*_, bake) = (each for each in stages if isinstance(each, Bake))
            approval = Approval(before=before, quorum=2, approvers=("ann", "bob", "eve"), bake=bake)
            stages.append(approval.model_copy(update=more))
        stages.append(stage)
    return plan.model_copy(update={"stages": tuple(stages)})


def _judged_since(stage: Stage, count: int) -> bool:
    return stage.neighbours.judged > count


async def assert_unjudged(stage: Stage, handle: Handle) -> None:
    """It waits for an hour, and nobody asks for its numbers."""
    await stage.until_phase(handle, Phase.WAITING)
    await stage.environment.sleep(3600)
    assert stage.neighbours.judged == 0
    await handle.signal(ABORT)
    assert (await handle.result()).outcome is Outcome.ABORTED


async def hurried(stage: Stage, plan: Plan, signals_per_run: int = 250) -> Handle:
    """A canary that is promoted by hand as it gets its first traffic."""
    stage.neighbours.plan = plan
    handle = await stage.come_to("route 5", signals_per_run)
    await handle.signal(PROMOTE)
    await stage.until_noted(handle, "Promotion asked for by signal")
    stage.neighbours.hang.clear()
    return handle


async def test_after_a_promotion_by_hand_what_waits_for_approvals_is_still_judged(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda _: BAD
    outcome: CanaryOutcome = await (await hurried(stage, stepped(5, 20))).result()
    assert (outcome.outcome, outcome.reason) == (
        Outcome.ROLLED_BACK,
        "2 of 2 failed checks: success rate 66% < 99%",
    )
    assert stage.neighbours.calls.count("load 30") == 2
    assert "route 20" not in stage.neighbours.calls


async def test_after_a_promotion_by_hand_the_weight_is_judged_that_stands(dev_stage: Stage) -> None:
    stage = dev_stage
    handle = await hurried(stage, stepped(5, 20, seconds=0.2, hooks=()))
    for place in ("weight 20", PROMOTION):
        await stage.until_gate(handle, place)
        await stage.until(partial(_judged_since, stage, stage.neighbours.judged))
        for name in ("ann", "bob"):
            await handle.signal(APPROVE, by(name, (await stage.status(handle)).gate))
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    assert "route 20" not in stage.neighbours.calls
    assert {command.weight for command in stage.neighbours.judgements} == {5}


async def test_a_bake_behind_an_approval_goes_on_when_it_is_promoted_by_hand_and_ends_when_it_is_approved(
    stage: Stage,
) -> None:
    bake = Bake(seconds=3600, weight=10, checks=("request-success-rate",))
    handle = await waiting(stage, PROMOTION, bake=bake)
    await handle.signal(PROMOTE)
    assert (await stage.status(handle)).waiting_for.startswith("consent before promotion")
    kinds = [event.event_type for event in (await handle.fetch_history()).events]
    assert EventType.EVENT_TYPE_TIMER_CANCELED not in kinds
    for name in ("ann", "bob"):
        await handle.signal(APPROVE, by(name))
    assert (await handle.result()).outcome is Outcome.PROMOTED
    assert stage.neighbours.judged == 1


async def test_without_an_analysis_behind_it_a_promotion_by_hand_waits_for_approvals_unjudged(
    stage: Stage,
) -> None:
    handle = await hurried(stage, stepped(5, 20, bake=None))
    await assert_unjudged(stage, handle)


async def test_a_promotion_by_hand_before_any_traffic_waits_for_approvals_unjudged(stage: Stage) -> None:
    stage.neighbours.plan = stepped(5, 20)
    handle = await stage.come_to("scale_up")
    await handle.signal(PROMOTE)
    stage.neighbours.hang.clear()
    await assert_unjudged(stage, handle)


async def test_a_run_that_carries_on_judges_what_was_promoted_by_hand(dev_stage: Stage) -> None:
    stage = dev_stage
    handle = await hurried(stage, stepped(5, 20, seconds=0.2, hooks=()), signals_per_run=5)
    await stage.until_phase(handle, Phase.WAITING)
    for _ in range(12):
        await handle.signal(RESUME)
    await stage.until_runs(handle, 2)
    stage.neighbours.verdicts = lambda _: BAD
    assert (await handle.result()).outcome is Outcome.ROLLED_BACK


async def test_passes_while_it_waits_are_noted_once_and_what_changes_is_noted(
    dev_stage: Stage,
) -> None:
    stage = dev_stage
    stage.neighbours.verdicts = lambda count: BAD if count == 5 else GOOD
    bake = Bake(seconds=0.2, weight=10, checks=("request-success-rate",))
    handle = await waiting(stage, PROMOTION, bake=bake)
    await stage.until(lambda: stage.neighbours.judged >= 8)
    for name in ("ann", "bob"):
        await handle.signal(APPROVE, by(name))
    outcome: CanaryOutcome = await handle.result()
    told = [note.text for note in outcome.notes if "success rate" in note.text]
    passed = "podinfo.test passed at 10 %: success rate 100% >= 99%"
    halted = "Halt podinfo.test advancement success rate 66% < 99% (failed checks 1/2)"
    assert told == [passed, halted, passed]


async def test_an_iteration_that_is_repeated_while_it_waits_advances_nothing(
    dev_stage: Stage,
) -> None:
    stage = dev_stage
    bake = Bake(seconds=0.2, weight=0, iteration=2, iterations=2, checks=("request-success-rate",))
    handle = await waiting(stage, PROMOTION, bake=bake)
    await stage.until(lambda: stage.neighbours.judged >= 4)
    for name in ("ann", "bob"):
        await handle.signal(APPROVE, by(name))
    outcome: CanaryOutcome = await handle.result()
    assert not [note.text for note in outcome.notes if "iteration" in note.text and "Advance" in note.text]


async def test_a_pause_holds_an_approved_canary(stage: Stage) -> None:
    handle = await waiting(stage, ROLLOUT)
    await handle.signal(PAUSE)
    await stage.until_phase(handle, Phase.PAUSED)
    for name in ("ann", "bob"):
        await handle.signal(APPROVE, by(name))
    assert (await stage.status(handle)).phase is Phase.PAUSED
    assert "scale_up" not in stage.neighbours.calls
    await handle.signal(RESUME)
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_approvals_reach_the_run_that_carries_on(dev_stage: Stage) -> None:
    stage = dev_stage
    handle = await waiting(stage, ROLLOUT, signals_per_run=5)
    gate = gate_of(stage, ROLLOUT)
    await handle.signal(APPROVE, by("ann", gate))
    for _ in range(12):
        await handle.signal(RESUME)
    await stage.until_runs(handle, 2)
    await stage.until_phase(handle, Phase.WAITING)
    status = await stage.status(handle)
    assert status.consent is not None
    assert (status.gate, status.consent.approvals) == (gate, ("ann",))
    await handle.signal(APPROVE, by("bob", gate))
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    assert sum(note.text.startswith("Halt") for note in outcome.notes) == 1

"""A gate of a policy's approvals: only enough of those who are named open it."""

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
from tidegate.domain.plan import Approval, Bake, Plan, Promote, ScaleUp, gate_name
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


async def test_a_promotion_by_hand_ends_the_analysis_behind_an_approval_and_not_the_approval(
    stage: Stage,
) -> None:
    bake = Bake(seconds=3600, weight=10, checks=("request-success-rate",))
    handle = await waiting(stage, PROMOTION, bake=bake)
    await handle.signal(PROMOTE)
    assert (await stage.status(handle)).phase is Phase.WAITING_PROMOTION
    for name in ("ann", "bob"):
        await handle.signal(APPROVE, by(name))
    assert (await handle.result()).outcome is Outcome.PROMOTED
    assert stage.neighbours.judged == 1


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

"""What a Canary workflow does with its plan, and what every signal does to it at every stage."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError

from tests.workflows.neighbours import BAD, GOOD, Handle, Stage, bootstrap_plan, release_plan
from tidegate.contracts import ABORT, PAUSE, PROMOTE, RESUME, AbortRequest, CanaryOutcome, Fence
from tidegate.domain.plan import Hold, Plan, Promote, Purpose, Route
from tidegate.domain.release import Outcome, Phase


def unreachable(name: str) -> ApplicationError:
    return ApplicationError(f"{name} is out of reach: connection refused", type="Unreachable")


async def test_a_good_version_is_walked_to_the_primary(stage: Stage) -> None:
    outcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.PROMOTED
    assert [call for call in stage.neighbours.calls if not call.startswith("load")] == [
        "plan", "prepare", "scale_up", "route 10", "judge", "route 20", "judge", "promote",
        "route 0", "scale_down",
    ]  # fmt: skip
    assert (stage.neighbours.primary, stage.neighbours.weight, stage.neighbours.replicas) == ("new", 0, 0)


async def test_the_scale_up_is_told_what_the_plan_saw(stage: Stage) -> None:
    stage.neighbours.plan = stage.neighbours.plan.model_copy(update={"synced": {"": "abc"}})
    await (await stage.start_canary()).result()
    assert stage.neighbours.synced == {"": "abc"}


async def test_the_notes_carry_the_sentences_that_flagger_users_grep_for(stage: Stage) -> None:
    outcome = await (await stage.start_canary()).result()
    assert [note.text for note in outcome.notes] == [
        "the pod template changed",
        "New revision detected! Scaling up podinfo.test",
        "Starting canary analysis for podinfo.test",
        "Advance podinfo.test canary weight 10",
        "podinfo.test passed at 10 %: success rate 100% >= 99%",
        "Advance podinfo.test canary weight 20",
        "podinfo.test passed at 20 %: success rate 100% >= 99%",
        "Copying podinfo.test template spec to podinfo-primary.test",
        "Routing all traffic to primary",
        "Promotion completed! Scaling down podinfo.test",
    ]


async def test_every_bake_lasts_its_interval(stage: Stage) -> None:
    outcome = await (await stage.start_canary()).result()
    bakes = [timing.seconds for timing in outcome.stages if timing.stage.startswith("Bake")]
    assert len(bakes) == 2
    assert all(30 <= seconds < 33 for seconds in bakes)


async def test_the_threshold_of_failed_checks_rolls_back_at_once(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda _: BAD
    outcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.ROLLED_BACK
    assert outcome.reason == "2 of 2 failed checks: success rate 66% < 99%"
    assert stage.neighbours.calls[-4:] == ["judge", "route 0", "restore", "scale_down"]
    assert stage.neighbours.judged == 2


async def test_a_failed_bake_below_the_threshold_is_repeated_at_its_weight(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda count: BAD if count == 1 else GOOD
    outcome = await (await stage.start_canary()).result()
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.PROMOTED, 1)
    assert stage.neighbours.calls.count("route 10") == 1
    assert stage.neighbours.judged == 3


async def test_steps_that_are_edited_in_mid_release_change_nothing_of_it(stage: Stage) -> None:
    handle = await stage.come_to("route 10")
    stage.neighbours.plan = release_plan(weights=(10, 90))
    stage.neighbours.hang.clear()
    await handle.result()
    routes = [call for call in stage.neighbours.calls if call.startswith("route")]
    assert routes == ["route 10", "route 20", "route 0"]


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [(Purpose.INITIALISATION, Outcome.INITIALISED), (Purpose.UPKEEP, Outcome.UNCHANGED)],
)
async def test_without_a_new_template_nothing_is_analysed(
    stage: Stage, purpose: Purpose, expected: Outcome
) -> None:
    stage.neighbours.plan = bootstrap_plan(purpose)
    outcome = await (await stage.start_canary()).result()
    assert outcome.outcome is expected
    assert stage.neighbours.calls == ["plan", "prepare", "route 0", "scale_down"]


async def test_a_canary_whose_version_is_the_same_says_what_was_changed_around_it(stage: Stage) -> None:
    stage.neighbours.plan = bootstrap_plan(Purpose.UPKEEP)
    stage.neighbours.changed = ("Service podinfo.test: port 9898 -> 9899",)
    outcome = await (await stage.start_canary()).result()
    assert outcome.reason.endswith("; changed around it: Service podinfo.test: port 9898 -> 9899")


STEPS = ["prepare", "scale_up", "route", "load", "judge", "promote"]


@pytest.mark.parametrize("step", STEPS)
async def test_an_abort_wins_whatever_is_under_way(stage: Stage, step: str) -> None:
    handle = await stage.hang_in(step)
    await handle.signal(ABORT, AbortRequest(reason="pager"))
    await stage.until(lambda: "route 0" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (Outcome.ABORTED, "pager")
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


@pytest.mark.parametrize("step", STEPS)
async def test_a_cancellation_in_temporal_rolls_back_first(stage: Stage, step: str) -> None:
    handle = await stage.hang_in(step)
    await handle.cancel()
    await stage.until(lambda: "route 0" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


@pytest.mark.parametrize("step", ["prepare", "scale_up", "route", "judge"])
async def test_a_pause_holds_the_plan_and_a_resume_goes_on(stage: Stage, step: str) -> None:
    handle = await stage.hang_in(step)
    await handle.signal(PAUSE)
    stage.neighbours.hang.clear()
    await stage.until_phase(handle, Phase.PAUSED)
    held = list(stage.neighbours.calls)
    await stage.environment.sleep(3600)
    assert stage.neighbours.calls == held
    await handle.signal(RESUME)
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_the_time_of_a_pause_does_not_count_for_the_bake(stage: Stage) -> None:
    handle = await stage.start_canary()
    await stage.until(lambda: "route 10" in stage.neighbours.calls)
    await stage.environment.sleep(10)
    await handle.signal(PAUSE)
    await stage.environment.sleep(600)
    await handle.signal(RESUME)
    await handle.result()
    loads = [float(call.split()[1]) for call in stage.neighbours.calls if call.startswith("load")]
    assert loads[0] == 30
    assert loads[1] == pytest.approx(20, abs=3)


@pytest.mark.parametrize("step", ["prepare", "scale_up", "route", "load", "judge"])
async def test_a_promotion_by_hand_skips_the_rest_of_the_analysis(stage: Stage, step: str) -> None:
    handle = await stage.hang_in(step)
    await handle.signal(PROMOTE)
    if step == "load":
        await stage.until(lambda: "promote" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    assert outcome.reason.startswith("podinfo.test was promoted on request at ")
    assert "route 20" not in stage.neighbours.calls
    assert stage.neighbours.calls[-3:] == ["promote", "route 0", "scale_down"]


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("pager", "pager"),
        ({"reason": 5}, "5"),
        ({"why": "x"}, "aborted by signal"),
        (None, "aborted by signal"),
    ],
)
async def test_an_abort_is_never_lost_to_a_wrong_argument(
    stage: Stage, argument: object, reason: str
) -> None:
    handle = await stage.hang_in("load")
    await handle.signal(ABORT, argument)
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (Outcome.ABORTED, reason)


async def test_a_promotion_ends_a_pause(stage: Stage) -> None:
    handle = await stage.start_canary()
    await handle.signal(PAUSE)
    await stage.until_phase(handle, Phase.PAUSED)
    await handle.signal(PROMOTE)
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_an_abort_after_a_promotion_signal_still_wins(stage: Stage) -> None:
    stage.neighbours.hang = {"promote"}
    handle = await stage.start_canary()
    await handle.signal(PROMOTE)
    await stage.until(lambda: "promote" in stage.neighbours.calls)
    await handle.signal(ABORT)
    await stage.until(lambda: "route 0" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (Outcome.ABORTED, "aborted by signal")
    assert stage.neighbours.primary == "old"


async def test_a_route_command_that_comes_back_from_the_dead_is_refused(stage: Stage) -> None:
    handle = await stage.hang_in("route 10")
    await handle.signal(ABORT)
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    await stage.until(lambda: "refused" in stage.neighbours.calls)
    await handle.result()
    assert stage.neighbours.weight == 0


@pytest.mark.parametrize("step", ["prepare", "scale_up", "route", "judge", "promote"])
async def test_a_step_that_cannot_be_done_rolls_back(stage: Stage, step: str) -> None:
    stage.neighbours.fail = {
        step: [ApplicationError("cluster mesh02 denied access", type="AccessDenied", non_retryable=True)]
    }
    outcome = await (await stage.start_canary()).result()
    assert (outcome.outcome, outcome.reason) == (Outcome.ROLLED_BACK, "cluster mesh02 denied access")
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


@pytest.mark.parametrize("step", ["plan", *STEPS])
async def test_an_outage_within_the_budget_is_survived(stage: Stage, step: str) -> None:
    stage.neighbours.fail = {step: [unreachable("cluster mesh02") for _ in range(4)]}
    assert (await (await stage.start_canary()).result()).outcome is Outcome.PROMOTED


async def test_an_outage_beyond_the_budget_rolls_back_with_its_reason(stage: Stage) -> None:
    stage.neighbours.fail = {"judge": [unreachable("Prometheus of mesh02") for _ in range(100)]}
    outcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.ROLLED_BACK
    assert "Prometheus of mesh02 is out of reach" in outcome.reason


async def test_the_way_back_is_tried_until_it_works(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda _: BAD
    handle = await stage.start_canary()
    await stage.until(lambda: "route 10" in stage.neighbours.calls)
    stage.neighbours.fail = {"route": [unreachable("cluster asm") for _ in range(30)]}
    outcome = await handle.result()
    assert outcome.outcome is Outcome.ROLLED_BACK
    assert stage.neighbours.weight == 0


async def test_a_denied_rollback_is_tried_again_and_said(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda _: BAD
    handle = await stage.start_canary()
    await stage.until(lambda: "route 10" in stage.neighbours.calls)
    denied = ApplicationError("cluster asm denied access", type="AccessDenied", non_retryable=True)
    stage.neighbours.fail = {"route": [denied] * 3}
    outcome = await handle.result()
    assert stage.neighbours.weight == 0
    assert stage.neighbours.calls.count("route 0") == 4
    assert [note.text for note in outcome.notes].count("cluster asm denied access") == 1


@pytest.mark.parametrize(
    ("kind", "way_out"),
    [
        ("AccessDenied", "update and patch of virtualservices.networking.istio.io in namespace test"),
        ("InvalidInput", "mend VirtualService test/podinfo, or the webhook or policy that refuses it"),
    ],
)
async def test_what_refuses_the_way_back_is_named_with_the_way_out(
    stage: Stage, kind: str, way_out: str
) -> None:
    handle = await stage.hang_in("load")
    refused = ApplicationError("cluster asm says no", type=kind, non_retryable=True)
    stage.neighbours.fail = {"route": [refused] * 1000}
    await handle.signal(ABORT)
    await stage.until(lambda: "route 0" in stage.neighbours.calls)
    for _ in range(500):
        if "refused" in (status := await stage.status(handle)).waiting_for:
            break
        await asyncio.sleep(0.01)
    assert "cluster asm says no" in status.waiting_for
    assert way_out in status.waiting_for
    stage.neighbours.fail = {}
    stage.neighbours.hang.clear()
    await handle.result()
    assert stage.neighbours.weight == 0


@pytest.mark.parametrize(
    ("step", "undone"),
    [("restore", "the primary was not restored"), ("scale_down", "the target was not scaled down")],
)
async def test_what_follows_the_traffic_is_given_up_in_the_end_and_told(
    stage: Stage, step: str, undone: str
) -> None:
    stage.neighbours.limits = stage.neighbours.limits.model_copy(update={"clearing_seconds": 2.0})
    stage.neighbours.fail = {step: [unreachable("cluster mesh02") for _ in range(1000)]}
    handle = await stage.hang_in("load")
    await handle.signal(ABORT, "pager")
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome = await asyncio.wait_for(handle.result(), timeout=30)
    assert outcome.reason == (
        f"pager; {undone}: cluster mesh02 is out of reach: connection refused; "
        "`tidegate recover podinfo@mesh02/test` mends it"
    )
    assert (outcome.outcome, stage.neighbours.weight) == (Outcome.ABORTED, 0)


async def test_a_clock_that_went_back_before_a_reset_does_not_keep_traffic_half_way(stage: Stage) -> None:
    """What is there has obeyed a token that this very canary gave an hour from now, before it was reset."""
    handle = await stage.hang_in("load")
    assert stage.neighbours.fence is not None
    given = stage.neighbours.fence
    stage.neighbours.fence = given.model_copy(update={"sequence": given.sequence + 3_600_000})
    assert (await turned_back(stage, handle)).outcome is Outcome.ABORTED
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


async def test_a_later_releases_traffic_is_left_to_it(stage: Stage) -> None:
    handle = await stage.hang_in("load")
    assert stage.neighbours.fence is not None
    later = stage.neighbours.fence.epoch + 60_000
    stage.neighbours.fence = Fence(epoch=later, sequence=1)
    outcome = await turned_back(stage, handle)
    assert (outcome.reason, stage.neighbours.weight) == ("aborted by signal", 10)
    assert stage.neighbours.fence.epoch == later


async def test_a_canary_reset_after_its_promotion_was_final_is_told_as_promoted(stage: Stage) -> None:
    handle = await stage.hang_in("load")
    assert stage.neighbours.fence is not None
    stage.neighbours.promoted_by = stage.neighbours.fence.epoch
    stage.neighbours.settled, stage.neighbours.primary = True, "new"
    outcome = await turned_back(stage, handle, "no target to judge")
    assert (outcome.outcome, outcome.reason) == (
        Outcome.PROMOTED,
        "no target to judge after its promotion, which stands",
    )
    assert stage.neighbours.primary == "new"


async def test_a_promotion_by_another_release_is_not_told_as_this_ones(stage: Stage) -> None:
    handle = await stage.hang_in("load")
    stage.neighbours.promoted_by = 1
    stage.neighbours.settled, stage.neighbours.primary = True, "new"
    outcome = await turned_back(stage, handle, "it was slow")
    assert (outcome.outcome, outcome.reason) == (Outcome.ABORTED, "it was slow")


async def test_a_cancellation_does_not_interrupt_the_way_back(stage: Stage) -> None:
    handle = await stage.hang_in("load")
    stage.neighbours.hang.add("restore")
    await handle.signal(ABORT)
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    await handle.cancel()
    await asyncio.sleep(0.1)
    stage.neighbours.hang.clear()
    outcome = await handle.result()
    assert outcome.outcome is Outcome.ABORTED
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


async def test_a_promotion_is_not_undone_by_a_scale_down_that_fails(stage: Stage) -> None:
    stage.neighbours.fail = {
        "scale_down": [ApplicationError("2 pods are still there", type="NotReady", non_retryable=True)]
    }
    outcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.PROMOTED
    assert outcome.notes[-1].text == "the target was not scaled down: 2 pods are still there"


@pytest.mark.parametrize("by_signal", [True, False], ids=["abort", "cancel"])
async def test_an_abort_comes_too_late_for_a_promotion_that_is_being_made_final(
    stage: Stage, by_signal: bool
) -> None:
    handle = await stage.hang_in("scale_down")
    await (handle.signal(ABORT) if by_signal else handle.cancel())
    stage.neighbours.hang.clear()
    outcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    assert outcome.reason.endswith("primary; an abort or a cancellation came too late")
    assert "restore" not in stage.neighbours.calls


async def test_a_load_test_that_breaks_is_a_failed_check(stage: Stage) -> None:
    broken = ApplicationError("load tester answered 500", type="ReleaseFailed", non_retryable=True)
    stage.neighbours.fail = {"load": [broken, broken]}
    outcome = await (await stage.start_canary()).result()
    assert outcome.reason == "2 of 2 failed checks: load test: load tester answered 500"


async def test_the_status_says_weight_stage_verdicts_and_what_it_waits_for(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda count: GOOD if count == 1 else BAD
    handle = await stage.start_canary()
    await stage.environment.sleep(45)
    await stage.until_phase(handle, Phase.PROGRESSING)
    status = await stage.status(handle)
    assert (status.weight, status.stage, status.stages, status.threshold) == (20, 6, 10, 2)
    assert status.doing == "Bake 30s at 20%, 1 check, load"
    assert status.verdicts == (GOOD,)
    assert status.waiting_for.startswith("the bake's end at ")
    await handle.result()


async def turned_back(stage: Stage, handle: Handle, *reason: str) -> CanaryOutcome:
    """The end of a canary that hangs in a step, and is aborted."""
    await handle.signal(ABORT, *reason)
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    outcome: CanaryOutcome = await handle.result()
    return outcome


def receding(seconds: float = 0.2) -> Plan:
    """50 % at once, and after the promotion 30 % for a while."""
    plan = release_plan(weights=(50,), hooks=(), seconds=0.2, drain=0.1)
    at = plan.stages.index(Promote()) + 1
    steps = (Route(primary=70, canary=30, receding=True), Hold(seconds=seconds, weight=30))
    return plan.model_copy(update={"stages": (*plan.stages[:at], *steps, *plan.stages[at:])})


async def test_a_promotion_that_recedes_is_not_undone_by_what_fails_meanwhile(stage: Stage) -> None:
    stage.neighbours.plan = receding()
    refused = ApplicationError("somebody deleted it", type="ReleaseFailed", non_retryable=True)
    handle = await stage.come_to("promote")
    stage.neighbours.fail = {"route": [refused]}
    stage.neighbours.hang.clear()
    outcome = await handle.result()
    assert (outcome.outcome, stage.neighbours.primary) == (Outcome.PROMOTED, "new")
    assert [call for call in stage.neighbours.calls if call.startswith("route")] == [
        "route 50",
        "route 30",
        "route 0",
    ]
    assert any(note.text == "the traffic goes over at once: somebody deleted it" for note in outcome.notes)


async def test_a_promotion_by_hand_ends_the_receding_and_says_nothing_of_the_analysis(stage: Stage) -> None:
    stage.neighbours.plan = receding(seconds=86400)
    handle = await stage.come_to("promote")
    stage.neighbours.hang.clear()
    await stage.until(lambda: "route 30" in stage.neighbours.calls)
    await handle.signal(PROMOTE)
    outcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (
        Outcome.PROMOTED,
        "podinfo.test passed its analysis and serves all traffic from the primary",
    )


async def test_after_a_promotion_by_hand_no_weight_rises_again(stage: Stage) -> None:
    stage.neighbours.plan = receding()
    handle = await stage.come_to("scale_up")
    await handle.signal(PROMOTE)
    stage.neighbours.hang.clear()
    await handle.result()
    assert [call for call in stage.neighbours.calls if call.startswith("route")] == ["route 0"]


async def test_copies_end_before_a_promotion_by_hand(stage: Stage) -> None:
    plan = release_plan(weights=(50,), hooks=(), seconds=0.2, drain=0.1)
    mirrored = (*plan.stages[:2], Route(primary=100, canary=0, mirror=100), *plan.stages[2:])
    stage.neighbours.plan = plan.model_copy(update={"stages": mirrored})
    handle = await stage.come_to("route 0 mirror 100")
    await handle.signal(PROMOTE)
    stage.neighbours.hang.clear()
    await handle.result()
    calls = stage.neighbours.calls
    assert calls[calls.index("route 0 mirror 100") + 1 :][:2] == ["route 0", "promote"]

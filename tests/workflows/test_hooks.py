"""Hooks that are no gates: before the analysis, in it, after it, and beside it."""

import asyncio

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import (
    BAD,
    CLOSED,
    NEVER,
    Stage,
    gated,
    release_plan,
)
from tidegate.contracts import ABORT, PROMOTE, AskReport, CanaryOutcome, Consent
from tidegate.domain.hook import HookType
from tidegate.domain.release import Outcome, Phase

BEFORE, ROLLBACK, AFTER = HookType.PRE_ROLLOUT, HookType.ROLLBACK, HookType.POST_ROLLOUT
PROMOTION, EVENT = HookType.CONFIRM_PROMOTION, HookType.EVENT
LATER = CLOSED.model_copy(update={"postponed": True, "again_seconds": 600.0})
NO_ROLLBACK = AskReport(consent=Consent.LATER)
AGREED = AskReport(hook="sesame", agreed=("sesame",))


async def released(
    stage: Stage, *kinds: HookType, threshold: int = 2, **answers: list[AskReport]
) -> CanaryOutcome:
    plan = release_plan(weights=(10,), threshold=threshold, hooks=())
    stage.neighbours.plan = gated(plan, *kinds)
    stage.neighbours.answers = {HookType(kind.replace("_", "-")): each for kind, each in answers.items()}
    outcome: CanaryOutcome = await (await stage.start_canary()).result()
    return outcome


def texts(outcome: CanaryOutcome) -> list[str]:
    return [note.text for note in outcome.notes]


async def test_a_hook_that_fails_before_the_rollout_is_a_failed_check_and_called_again(stage: Stage) -> None:
    outcome = await released(stage, BEFORE, pre_rollout=[CLOSED, AGREED])
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.PROMOTED, 1)
    assert stage.neighbours.calls[2:6] == ["scale_up", "ask pre-rollout", "ask pre-rollout", "route 10"]
    assert "Pre-rollout check sesame passed" in texts(outcome)
    halted = "Halt podinfo.test advancement pre-rollout check sesame failed http://gate.test answered 403"
    assert any(text.startswith(halted) for text in texts(outcome))
    (seconds,) = [timing.seconds for timing in outcome.stages if timing.stage.startswith("Hooks")]
    assert 30 <= seconds < 33


async def test_at_the_threshold_the_rollout_never_begins(stage: Stage) -> None:
    outcome = await released(stage, BEFORE, pre_rollout=[CLOSED])
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.ROLLED_BACK, 2)
    assert "route 10" not in stage.neighbours.calls
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


async def test_a_hook_before_the_rollout_may_ask_for_patience(stage: Stage) -> None:
    outcome = await released(stage, BEFORE, pre_rollout=[LATER, AGREED])
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.PROMOTED, 0)
    assert outcome.seconds >= 630


async def test_a_hook_before_the_rollout_may_refuse_for_good(stage: Stage) -> None:
    outcome = await released(stage, BEFORE, pre_rollout=[NEVER])
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.ROLLED_BACK, 0)
    assert outcome.reason.startswith("pre-rollout hook sesame refuses for good: ")


async def test_a_promotion_by_hand_skips_the_hooks_before_the_rollout(stage: Stage) -> None:
    stage.neighbours.plan = gated(release_plan(weights=(10,), hooks=()), BEFORE)
    stage.neighbours.answers = {BEFORE: [LATER]}
    handle = await stage.start_canary()
    await stage.until(lambda: "ask pre-rollout" in stage.neighbours.calls)
    await handle.signal(PROMOTE)
    outcome: CanaryOutcome = await handle.result()
    assert outcome.reason == "podinfo.test was promoted on request at 0 %, before its analysis was over"


async def test_a_rollback_hook_is_asked_in_every_bake(stage: Stage) -> None:
    stage.neighbours.plan = gated(release_plan(hooks=()), ROLLBACK)
    stage.neighbours.answers = {ROLLBACK: [NO_ROLLBACK]}
    outcome: CanaryOutcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.PROMOTED
    calls = [call for call in stage.neighbours.calls if call in ("judge", "ask rollback")]
    assert calls == ["judge", "ask rollback"] * 2


async def test_a_rollback_hook_that_agrees_rolls_back_a_good_version(stage: Stage) -> None:
    outcome = await released(stage, ROLLBACK, rollback=[AGREED])
    assert (outcome.outcome, outcome.reason) == (Outcome.ROLLED_BACK, "rollback hook sesame asks for it")
    assert "Rollback check sesame passed" in texts(outcome)
    assert (stage.neighbours.weight, stage.neighbours.primary, stage.neighbours.replicas) == (0, "old", 0)


async def test_a_rollback_hook_is_asked_while_the_promotion_waits(stage: Stage) -> None:
    kinds = (ROLLBACK, PROMOTION)
    outcome = await released(
        stage, *kinds, rollback=[NO_ROLLBACK, NO_ROLLBACK, AGREED], confirm_promotion=[CLOSED]
    )
    assert outcome.reason == "rollback hook sesame asks for it"
    phases = [each.phase for each in stage.neighbours.questions if each.type is ROLLBACK]
    assert phases == [Phase.PROGRESSING, Phase.WAITING_PROMOTION, Phase.WAITING_PROMOTION]


async def test_a_rollback_hook_out_of_reach_is_noted_once_and_changes_nothing(stage: Stage) -> None:
    away = NO_ROLLBACK.model_copy(update={"warnings": ("rollback hook sesame could not be asked: away",)})
    stage.neighbours.plan = gated(release_plan(weights=(10, 20, 30), hooks=()), ROLLBACK)
    stage.neighbours.answers = {ROLLBACK: [away]}
    outcome: CanaryOutcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.PROMOTED
    assert texts(outcome).count("rollback hook sesame could not be asked: away") == 1


@pytest.mark.parametrize(
    ("verdict", "outcome", "phase"),
    [(None, Outcome.PROMOTED, Phase.SUCCEEDED), (BAD, Outcome.ROLLED_BACK, Phase.FAILED)],
)
@pytest.mark.parametrize("answer", [AGREED, CLOSED, NEVER])
async def test_hooks_after_the_rollout_are_told_how_it_ended(
    stage: Stage, verdict: object, outcome: Outcome, phase: Phase, answer: AskReport
) -> None:
    if verdict:
        stage.neighbours.verdicts = lambda _: BAD
    ended = await released(stage, AFTER, post_rollout=[answer])
    assert (ended.outcome, stage.neighbours.calls[-2:]) == (outcome, ["scale_down", "ask post-rollout"])
    assert stage.neighbours.questions[-1].phase is phase
    failed = [note for note in ended.notes if "post-rollout check sesame failed" in note.text]
    assert len(failed) == (0 if answer is AGREED else 1)
    assert all(note.warning for note in failed)


async def test_no_failure_after_the_rollout_keeps_it_from_ending(stage: Stage) -> None:
    denied = ApplicationError("Git is shut", type="AccessDenied", non_retryable=True)
    stage.neighbours.fail = {"ask": [denied]}
    stage.neighbours.verdicts = lambda _: BAD
    outcome = await released(stage, AFTER)
    assert outcome.outcome is Outcome.ROLLED_BACK
    assert "post-rollout check sesame failed Git is shut" in texts(outcome)


async def test_an_abort_after_the_rollout_undoes_nothing(stage: Stage) -> None:
    stage.neighbours.plan = gated(release_plan(weights=(10,), seconds=0.2, drain=0.1, hooks=()), AFTER)
    stage.neighbours.hang = {"ask"}
    handle = await stage.start_canary()
    await stage.until(lambda: "ask post-rollout" in stage.neighbours.calls)
    await handle.signal(ABORT)
    await asyncio.sleep(0.1)
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.PROMOTED
    assert stage.neighbours.primary == "new"


class TestEvents:
    """Every note is posted, in order, once; and nobody waits for it but the end."""

    async def test_every_note_is_told_in_order(self, stage: Stage) -> None:
        outcome = await released(stage, EVENT)
        told = [event.text for batch in stage.neighbours.told for event in batch]
        assert told == texts(outcome)

    async def test_an_event_has_the_phase_of_its_moment(self, stage: Stage) -> None:
        await released(stage, EVENT)
        phases = {event.text: event.phase for batch in stage.neighbours.told for event in batch}
        assert phases["Advance podinfo.test canary weight 10"] is Phase.PROGRESSING
        assert phases["Copying podinfo.test template spec to podinfo-primary.test"] is Phase.PROMOTING

    async def test_a_failure_is_told_to_its_end(self, stage: Stage) -> None:
        stage.neighbours.verdicts = lambda _: BAD
        outcome = await released(stage, EVENT)
        told = [(event.text, event.warning) for batch in stage.neighbours.told for event in batch]
        assert told == [(note.text, note.warning) for note in outcome.notes]
        assert told[-1] == ("Canary failed! Scaling down podinfo.test", False)

    async def test_a_stage_costs_one_activity_at_most(self, stage: Stage) -> None:
        outcome = await released(stage, EVENT)
        assert len(stage.neighbours.told) <= len(outcome.stages) + 1

    async def test_nobody_listening_costs_nothing(self, stage: Stage) -> None:
        await released(stage)
        assert stage.neighbours.told == []

    async def test_a_listener_that_hangs_holds_only_the_end_up_and_not_for_long(self, stage: Stage) -> None:
        stage.neighbours.plan = gated(release_plan(weights=(10,), seconds=0.2, drain=0.1, hooks=()), EVENT)
        stage.neighbours.hang = {"tell"}
        handle = await stage.start_canary()
        await stage.until(lambda: "scale_down" in stage.neighbours.calls)
        assert stage.neighbours.calls.count("tell") == 1
        stage.neighbours.hang.clear()
        assert (await handle.result()).outcome is Outcome.PROMOTED

    async def test_a_listener_that_fails_changes_nothing(self, stage: Stage) -> None:
        denied = ApplicationError("Git is shut", type="AccessDenied", non_retryable=True)
        stage.neighbours.fail = {"tell": [denied] * 20}
        assert (await released(stage, EVENT)).outcome is Outcome.PROMOTED

    async def test_a_fresh_run_tells_what_the_one_before_did_not(self, impatient_stage: Stage) -> None:
        stage = impatient_stage
        weights = (10, 20, 30, 40, 50)
        stage.neighbours.plan = gated(release_plan(weights=weights, seconds=0.1, drain=0.1), EVENT)
        handle = await stage.start_canary()
        outcome: CanaryOutcome = await handle.result()
        assert len(await stage.runs(handle)) > 1
        assert [event.text for batch in stage.neighbours.told for event in batch] == texts(outcome)


async def test_without_hooks_no_command_is_given_for_any(stage: Stage) -> None:
    await released(stage)
    handle = await stage.start_canary()
    await handle.result()
    history = await handle.fetch_history()
    names = {
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    }
    assert not {name for name in names if name.startswith("hooks")}

"""What a canary shows to kubectl, where its cluster has its object; and that nothing waits for it."""

from datetime import timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import BAD, CLOSED, Stage, bootstrap_plan, gated, release_plan
from tests.workflows.test_gates import until_gate
from tidegate.contracts import APPROVE
from tidegate.domain.alert_provider import Severity
from tidegate.domain.hook import HookType
from tidegate.domain.plan import Alerts, Plan, Published, Purpose
from tidegate.domain.release import Outcome, Phase

PUBLISHED = Published(revision="new", promoted="old")


def published(plan: Plan | None = None) -> Plan:
    plan = plan or release_plan(weights=(10, 20), hooks=(), seconds=0.2, drain=0.1)
    return plan.model_copy(update={"published": PUBLISHED})


def standings(stage: Stage) -> list[tuple[str, float]]:
    """Each phase and weight that was shown, once in a row."""
    shown = [(each.standing.phase.flaggers, each.standing.weight) for each in stage.neighbours.shown]
    return [each for index, each in enumerate(shown) if index == 0 or shown[index - 1] != each]


def messages(stage: Stage) -> list[str]:
    return [event.text for each in stage.neighbours.shown for event in each.events]


async def test_a_promotion_is_shown_from_its_beginning_to_its_end(stage: Stage) -> None:
    stage.neighbours.plan = published()
    outcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.PROMOTED
    shown = standings(stage)
    assert shown[:3] == [("Progressing", 0), ("Progressing", 10), ("Progressing", 20)]
    assert ("Promoting", 20) in shown
    assert shown[-1] == ("Succeeded", 0)
    assert [index for index, each in enumerate(stage.neighbours.shown) if each.first] == [0]
    assert messages(stage) == [note.text for note in outcome.notes]


async def test_a_step_costs_one_post(stage: Stage) -> None:
    stage.neighbours.plan = published(release_plan(weights=(10, 20, 30, 40), hooks=(), drain=0.1))
    await (await stage.start_canary()).result()
    progressing = [
        each.standing for each in stage.neighbours.shown if each.standing.phase is Phase.PROGRESSING
    ]
    weights = [standing.weight for standing in progressing]
    assert [weights.count(weight) for weight in (10, 20, 30)] == [1, 1, 1]


async def test_a_load_test_takes_the_news_along(stage: Stage) -> None:
    stage.neighbours.plan = published(release_plan(weights=(10, 20, 30), seconds=0.2, drain=0.1))
    outcome = await (await stage.start_canary()).result()
    shown = [("Progressing", 10), ("Progressing", 20), ("Progressing", 30)]
    assert [each for each in standings(stage) if each[1] and each[0] == "Progressing"] == shown
    assert messages(stage) == [note.text for note in outcome.notes]
    last = stage.neighbours.calls[stage.neighbours.calls.index("route 30") :]
    assert "publish" not in last[: last.index("judge")]


async def test_news_of_a_load_test_that_failed_are_shown_by_themselves(stage: Stage) -> None:
    stage.neighbours.plan = published(release_plan(weights=(10,), seconds=0.2, drain=0.1))
    stage.neighbours.fail = {"load": [ApplicationError("no", type="AccessDenied", non_retryable=True)]}
    outcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.PROMOTED
    assert set(messages(stage)) == {note.text for note in outcome.notes}


async def test_a_rollback_is_shown_with_its_reason_and_its_warnings(stage: Stage) -> None:
    stage.neighbours.plan = published()
    stage.neighbours.verdicts = lambda _: BAD
    await (await stage.start_canary()).result()
    last = stage.neighbours.shown[-1].standing
    assert (last.phase.flaggers, last.weight, last.failed_checks) == ("Failed", 0, 2)
    assert last.reason.startswith("rolled back: 2 of 2 failed checks: success rate 66% < 99%")
    warned = [event.text for each in stage.neighbours.shown for event in each.events if event.warning]
    assert any(text.startswith("Halt podinfo.test advancement") for text in warned)


async def test_an_initialisation_is_shown(stage: Stage) -> None:
    stage.neighbours.plan = published(bootstrap_plan())
    await (await stage.start_canary()).result()
    assert standings(stage) == [("Initializing", 0), ("Initialized", 0)]
    assert "Initialization done! podinfo.test" in messages(stage)


async def test_an_unchanged_canary_costs_one_post(stage: Stage) -> None:
    stage.neighbours.plan = published(bootstrap_plan(Purpose.UPKEEP))
    await (await stage.start_canary()).result()
    assert [each.standing.phase for each in stage.neighbours.shown] == [Phase.UNCHANGED]


async def test_a_gate_is_shown_while_it_waits(stage: Stage) -> None:
    plan = release_plan(weights=(10,), hooks=(), seconds=0.2, drain=0.1)
    stage.neighbours.plan = published(gated(plan, HookType.CONFIRM_PROMOTION))
    stage.neighbours.answers = {HookType.CONFIRM_PROMOTION: [CLOSED]}
    handle = await stage.start_canary()
    await until_gate(stage, handle)
    await stage.until(lambda: standings(stage)[-1:] == [("WaitingPromotion", 10)])
    await handle.signal(APPROVE)
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_a_cluster_that_does_not_answer_holds_no_traffic_up(stage: Stage) -> None:
    stage.neighbours.plan = published()
    stage.neighbours.hang = {"publish"}
    handle = await stage.start_canary()
    await stage.until(lambda: "scale_down" in stage.neighbours.calls)
    assert stage.neighbours.primary == "new"
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.PROMOTED
    assert standings(stage)[-1] == ("Succeeded", 0)


async def test_listeners_that_are_away_hold_the_end_up_by_one_deadline_in_all(dev_stage: Stage) -> None:
    stage = dev_stage
    plan = gated(published(), HookType.EVENT)
    chat = Alerts(names=("on-call",), severity=Severity.INFO, alarm=True)
    stage.neighbours.plan = plan.model_copy(update={"parting_seconds": 2.0, "alerts": chat})
    stage.neighbours.hang = {"publish", "tell"}
    handle = await stage.start_canary()
    assert (await handle.result()).outcome is Outcome.PROMOTED
    assert (stage.neighbours.shown, stage.neighbours.told) == ([], [])
    done, ended = [
        event.event_time.ToDatetime()
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
        or event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta() == timedelta(seconds=1)
    ]
    assert timedelta(seconds=1.9) < ended - done < timedelta(seconds=3)
    assert [alert.text for alert in stage.neighbours.alerts] == [
        "New revision detected, progressing canary analysis.",
        "Canary analysis completed successfully, promotion finished.",
    ]
    stage.neighbours.hang.clear()


async def test_listeners_that_are_there_get_the_last_word(stage: Stage) -> None:
    plan = gated(published(), HookType.EVENT)
    stage.neighbours.plan = plan.model_copy(update={"parting_seconds": 30.0})
    outcome = await (await stage.start_canary()).result()
    assert standings(stage)[-1] == ("Succeeded", 0)
    assert messages(stage) == [note.text for note in outcome.notes]
    assert [event.text for each in stage.neighbours.told for event in each] == messages(stage)


async def test_what_could_not_be_shown_is_shown_with_the_next(stage: Stage) -> None:
    stage.neighbours.plan = published()
    denied = ApplicationError("no", type="AccessDenied", non_retryable=True)
    stage.neighbours.fail = {"publish": [denied, denied]}
    outcome = await (await stage.start_canary()).result()
    assert messages(stage) == [note.text for note in outcome.notes]
    assert stage.neighbours.shown[0].first


async def test_a_cluster_that_always_refuses_changes_no_outcome(stage: Stage) -> None:
    stage.neighbours.plan = published()
    denied = ApplicationError("no", type="AccessDenied", non_retryable=True)
    stage.neighbours.fail = {"publish": [denied] * 100}
    assert (await (await stage.start_canary()).result()).outcome is Outcome.PROMOTED


async def test_without_an_object_nothing_is_shown(stage: Stage) -> None:
    await (await stage.start_canary()).result()
    assert "publish" not in stage.neighbours.calls

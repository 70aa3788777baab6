"""Which moments of a canary are told to its chats, and that nothing waits for them."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import BAD, CLOSED, Stage, gated, release_plan
from tests.workflows.test_gates import until_gate
from tidegate.contracts import ABORT, APPROVE, AlertCommand
from tidegate.domain.alert_provider import Severity
from tidegate.domain.hook import HookType
from tidegate.domain.plan import Alerts, Plan
from tidegate.domain.release import Outcome

ROLLOUT = HookType.CONFIRM_ROLLOUT


def alerted(severity: Severity = Severity.INFO, plan: Plan | None = None) -> Plan:
    """A plan whose canary has a chat that wants this severity and worse."""
    alerts = Alerts(names=("on-call",), severity=severity, alarm=True)
    return (plan or release_plan(weights=(10,), hooks=(), seconds=0.2, drain=0.1)).model_copy(
        update={"alerts": alerts}
    )


def told(stage: Stage) -> list[AlertCommand]:
    return stage.neighbours.alerts


async def test_a_release_is_told_at_its_beginning_and_at_its_end(stage: Stage) -> None:
    stage.neighbours.plan = alerted()
    await (await stage.start_canary()).result()
    assert [(event.severity, event.text) for event in told(stage)] == [
        (Severity.INFO, "New revision detected, progressing canary analysis."),
        (Severity.INFO, "Canary analysis completed successfully, promotion finished."),
    ]


async def test_a_rollback_is_told_with_the_numbers_that_failed(stage: Stage) -> None:
    stage.neighbours.plan = alerted(Severity.ERROR)
    stage.neighbours.verdicts = lambda _: BAD
    outcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.ROLLED_BACK
    (event,) = told(stage)
    assert (event.severity, "failed checks" in event.text) == (Severity.ERROR, True)
    facts = {fact.name: fact.value for fact in event.facts}
    assert (facts["Weight"], facts["Revision"], facts["Failed checks"]) == ("10 %", "a" * 12, "2 of 2")
    assert facts[BAD.check] == BAD.reason


async def test_an_abort_is_a_warning(stage: Stage) -> None:
    stage.neighbours.plan = alerted(Severity.WARN)
    stage.neighbours.hang = {"judge"}
    handle = await stage.start_canary()
    await stage.until(lambda: "judge" in stage.neighbours.calls)
    await handle.signal(ABORT)
    await stage.until(lambda: "route 0" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    await handle.result()
    assert [event.severity for event in told(stage)] == [Severity.WARN]


async def test_a_rollback_at_the_progress_deadline_is_told(stage: Stage) -> None:
    stage.neighbours.plan = alerted(Severity.ERROR)
    late = ApplicationError("podinfo is not ready after 60s", type="NotReady", non_retryable=True)
    stage.neighbours.fail = {"scale_up": [late]}
    await (await stage.start_canary()).result()
    (event,) = told(stage)
    assert (event.severity, "podinfo is not ready after 60s" in event.text) == (Severity.ERROR, True)


REFUSED = ApplicationError("cluster asm says no", type="AccessDenied", non_retryable=True)


@pytest.mark.parametrize(
    ("obstacle", "named"),
    [
        ({"fail": {"route": [REFUSED] * 6}}, "which was refused: cluster asm says no"),
        ({"hang": {"judge", "route 0"}}, "the mesh control plane has not taken 100/0 yet"),
    ],
)
async def test_traffic_that_does_not_come_back_is_told_once_and_so_is_its_end(
    stage: Stage, obstacle: dict[str, Any], named: str
) -> None:
    stage.neighbours.plan = alerted()
    stage.neighbours.limits = stage.neighbours.limits.model_copy(update={"alarm_seconds": 0.4})
    stage.neighbours.hang = {"judge"}
    handle = await stage.start_canary()
    await stage.until(lambda: "judge" in stage.neighbours.calls)
    for name, value in obstacle.items():
        setattr(stage.neighbours, name, value)
    await handle.signal(ABORT)
    await stage.until(lambda: len(told(stage)) == 3)
    stage.neighbours.hang = set()
    assert (await handle.result()).outcome is Outcome.ABORTED
    _, _, stuck, back = told(stage)
    assert (stuck.severity, back.severity) == (Severity.ERROR, Severity.INFO)
    assert stuck.text.startswith("Traffic of podinfo.test is not back on the primary after 0.4s")
    assert named in stuck.text
    assert back.text == "Traffic of podinfo.test is back on the primary"


async def test_a_gate_that_waits_is_told_while_it_waits(stage: Stage) -> None:
    stage.neighbours.plan = alerted(Severity.WARN, gated(release_plan(weights=(10,), hooks=()), ROLLOUT))
    stage.neighbours.answers = {ROLLOUT: [CLOSED]}
    handle = await stage.start_canary()
    await until_gate(stage, handle)
    await stage.until(lambda: bool(stage.neighbours.alerts))
    assert "scale_up" not in stage.neighbours.calls
    (event,) = stage.neighbours.alerts
    assert (event.severity, "waiting for approval" in event.text) == (Severity.WARN, True)
    await handle.signal(APPROVE)
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_a_chat_that_does_not_answer_holds_no_traffic_up(stage: Stage) -> None:
    stage.neighbours.plan = alerted()
    stage.neighbours.hang = {"alert"}
    handle = await stage.start_canary()
    await stage.until(lambda: "scale_down" in stage.neighbours.calls)
    assert stage.neighbours.primary == "new"
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_without_alerts_nothing_is_told(stage: Stage) -> None:
    stage.neighbours.plan = release_plan(weights=(10,), hooks=(), seconds=0.2, drain=0.1)
    await (await stage.start_canary()).result()
    assert "alert" not in stage.neighbours.calls

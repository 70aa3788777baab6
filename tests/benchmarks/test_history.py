"""Counting events and actions in histories, in Temporal's JSON form."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.history import History, within

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Written:
    """A history that is being written: one event a second."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def event(self, kind: str, **attributes: Any) -> str:
        number = len(self.events) + 1
        at = NOON + timedelta(seconds=number)
        self.events.append(
            {
                "eventId": str(number),
                "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "eventType": f"EVENT_TYPE_{kind}",
                "someEventAttributes": attributes,
            }
        )
        return str(number)

    def activity(self, name: str, attempt: int = 1) -> None:
        scheduled = self.event("ACTIVITY_TASK_SCHEDULED", activityType={"name": name})
        started = self.event("ACTIVITY_TASK_STARTED", scheduledEventId=scheduled, attempt=attempt)
        self.event("ACTIVITY_TASK_COMPLETED", scheduledEventId=scheduled, startedEventId=started)

    def step(self) -> None:
        self.activity("traffic_route")
        self.event("TIMER_STARTED")
        self.activity("load_test_run")
        self.event("TIMER_FIRED")
        self.activity("metrics_judge")

    def read(self) -> History:
        return History.parse({"events": self.events})


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.mark.parametrize(
    ("kind", "actions"),
    [
        ("WORKFLOW_EXECUTION_STARTED", 1),
        ("WORKFLOW_TASK_COMPLETED", 0),
        ("TIMER_STARTED", 1),
        ("TIMER_FIRED", 0),
        ("WORKFLOW_EXECUTION_SIGNALED", 1),
        ("WORKFLOW_EXECUTION_UPDATE_ACCEPTED", 1),
        ("WORKFLOW_EXECUTION_UPDATE_COMPLETED", 0),
        ("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", 1),
        ("START_CHILD_WORKFLOW_EXECUTION_INITIATED", 2),
        ("CHILD_WORKFLOW_EXECUTION_STARTED", 0),
    ],
)
def test_each_event_is_billed_by_temporals_rules(written: Written, kind: str, actions: int) -> None:
    written.event(kind)
    assert written.read().actions == actions


def test_a_childs_start_is_billed_to_its_parent(written: Written) -> None:
    written.event("WORKFLOW_EXECUTION_STARTED", parentWorkflowExecution={"workflowId": "release"})
    assert written.read().actions == 0


def test_an_activity_is_billed_for_each_attempt(written: Written) -> None:
    written.activity("traffic_route", attempt=3)
    assert written.read().actions == 3


def test_an_activity_tells_how_long_it_waited_and_ran(written: Written) -> None:
    written.activity("workload_plan")
    (activity,) = written.read().activities()
    assert (activity.name, activity.waited, activity.ran) == ("workload_plan", 1.0, 1.0)


def test_the_steps_lie_between_the_first_routing_and_the_promotion(written: Written) -> None:
    written.activity("workload_scale_up")
    for _ in range(2):
        written.step()
    written.event("WORKFLOW_TASK_COMPLETED")
    written.event("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES")
    written.activity("workload_promote")
    written.activity("traffic_route")
    stretch = written.read().stretch()
    assert (stretch.steps, stretch.events, stretch.actions) == (2, 23, 8)
    assert (stretch.began, stretch.ended) == (NOON + timedelta(seconds=4), NOON + timedelta(seconds=26))


def test_a_history_without_a_promotion_has_no_steps(written: Written) -> None:
    written.step()
    with pytest.raises(ValueError, match="no workload_promote"):
        written.read().stretch()


@pytest.mark.parametrize("fraction", ["", ".5", ".500000123"])
def test_event_times_come_with_any_fraction(fraction: str) -> None:
    event = {"eventId": "1", "eventType": "X", "eventTime": f"2026-03-01T12:00:00{fraction}Z"}
    (read,) = History.parse({"events": [event]}).events
    assert read.at == NOON + timedelta(seconds=0.5 if fraction else 0)


@pytest.mark.parametrize(("began", "ended", "growth"), [(1, 3, 5), (0, 9, 8), (2.5, 2.9, 0)])
def test_a_counter_grew_by_what_its_samples_say(began: float, ended: float, growth: int) -> None:
    samples = [
        (NOON + timedelta(seconds=second), count) for second, count in [(1, 2), (2, 4), (3, 7), (4, 10)]
    ]
    assert within(samples, NOON + timedelta(seconds=began), NOON + timedelta(seconds=ended)) == growth

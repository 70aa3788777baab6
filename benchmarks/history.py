"""What a workflow's history tells of its cost: events, billable actions, and where the time went.

Histories are read in Temporal's JSON form, so that counting needs no server.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

_ACTIONS = {
    "TIMER_STARTED": 1,
    "WORKFLOW_EXECUTION_SIGNALED": 1,
    "WORKFLOW_EXECUTION_UPDATE_ACCEPTED": 1,
    "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES": 1,
    "MARKER_RECORDED": 1,
    "START_CHILD_WORKFLOW_EXECUTION_INITIATED": 2,
}
"""Temporal Cloud's rules, by event. Queries and heartbeats are billed too, and write no event."""

_SCHEDULED, _STARTED, _COMPLETED = (
    "ACTIVITY_TASK_SCHEDULED",
    "ACTIVITY_TASK_STARTED",
    "ACTIVITY_TASK_COMPLETED",
)
ROUTE, PROMOTE = "traffic_route", "workload_promote"


class Event(NamedTuple):
    """One event: its type without the EVENT_TYPE_ before it, and its attributes."""

    number: int
    at: datetime
    type: str
    attributes: Mapping[str, Any]


class Activity(NamedTuple):
    """One activity that completed. Seconds: `waited` for a worker, then `ran`."""

    name: str
    began: datetime
    waited: float
    ran: float


@dataclass(frozen=True)
class Stretch:
    """The steps of an analysis: each a routing, a bake and its judgement."""

    steps: int
    began: datetime
    ended: datetime
    events: int
    actions: int
    """Without heartbeats, which no history holds."""


class History(NamedTuple):
    """A workflow's events, in order."""

    events: tuple[Event, ...]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Read Temporal's JSON form of a history."""
        return cls(tuple(_event(each) for each in document["events"]))

    @property
    def actions(self) -> int:
        """Billable actions; a child's start is in its parent's history."""
        return actions_of(self.events)

    def activities(self) -> tuple[Activity, ...]:
        """The activities that completed, in the order of their completion."""
        events = {event.number: event for event in self.events}
        return tuple(_activity(event, events) for event in self.events if event.type == _COMPLETED)

    def stretch(self) -> Stretch:
        """From the first routing to the workflow task that decides to promote, without what that orders.

        ValueError when the history has no routing or no promotion.
        """
        first, promotion = self._first(ROUTE), self._first(PROMOTE)
        part = list(self.events[first:promotion])
        while part and part[-1].type != "WORKFLOW_TASK_COMPLETED":
            part.pop()
        if not part:
            raise ValueError("the history has no workflow task between routing and promotion")
        return Stretch(
            steps=sum(_schedules(event, ROUTE) for event in part),
            began=part[0].at,
            ended=part[-1].at,
            events=len(part),
            actions=actions_of(part),
        )

    def _first(self, activity: str) -> int:
        for index, event in enumerate(self.events):
            if _schedules(event, activity):
                return index
        raise ValueError(f"the history has no {activity}")


def actions_of(events: Iterable[Event]) -> int:
    """Billable actions of these events: an activity counts once for each of its attempts."""
    return sum(_actions(event) for event in events)


def within(samples: Sequence[tuple[datetime, int]], began: datetime, ended: datetime) -> int:
    """How much a counter, sampled now and then, grew between two moments.

    Each moment takes the last sample before it; a counter that was sampled too late counts from its first.
    """

    def at(moment: datetime) -> int:
        return next((count for when, count in reversed(samples) if when <= moment), samples[0][1])

    return at(ended) - at(began)


def _event(document: Mapping[str, Any]) -> Event:
    found = (value for key, value in document.items() if key.endswith("EventAttributes"))
    return Event(
        number=int(document["eventId"]),
        at=_moment(document["eventTime"]),
        type=document["eventType"].removeprefix("EVENT_TYPE_"),
        attributes=next(found, {}),
    )


def _moment(text: str) -> datetime:
    """Temporal writes nanoseconds, or leaves the fraction out."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}+00:00")


def _actions(event: Event) -> int:
    if event.type == _STARTED:
        return int(event.attributes.get("attempt", 1))
    if event.type == "WORKFLOW_EXECUTION_STARTED":
        return 0 if event.attributes.get("parentWorkflowExecution") else 1
    return _ACTIONS.get(event.type, 0)


def _schedules(event: Event, activity: str) -> bool:
    return event.type == _SCHEDULED and event.attributes["activityType"]["name"] == activity


def _activity(completed: Event, events: Mapping[int, Event]) -> Activity:
    scheduled = events[int(completed.attributes["scheduledEventId"])]
    started = events[int(completed.attributes["startedEventId"])]
    return Activity(
        name=scheduled.attributes["activityType"]["name"],
        began=scheduled.at,
        waited=(started.at - scheduled.at).total_seconds(),
        ran=(completed.at - started.at).total_seconds(),
    )

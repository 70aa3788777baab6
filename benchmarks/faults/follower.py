"""Follows a release's histories as they grow, so that a fault can be put at any point of them."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.json_format import MessageToDict
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from benchmarks.installation import NAME

RELEASE, CANARY = "release", "canary"
_PAUSE_SECONDS = 0.1
"""Between two tries to read a history from a server that is away."""


class Seen(NamedTuple):
    """One event: whose history it is in, its number and type, and the summary of what it starts or ends.

    `label` is the step's summary as the UI shows it: "Route 75/25", "Bake 1.5s at 25 %". `at` is when we saw
    it (monotonic seconds), `moment` when Temporal recorded it (seconds of its clock); `text` is all of it.
    """

    workflow: str
    number: int
    type: str
    label: str
    at: float
    moment: float
    text: str


class Point(NamedTuple):
    """A place in a history: the first event of a type whose label begins so."""

    workflow: str
    label: str
    type: str = "SCHEDULED"

    def matches(self, seen: Seen) -> bool:
        """Whether this event is the place; a type may be given by its end."""
        return (
            seen.workflow == self.workflow
            and seen.type.endswith(self.type)
            and seen.label.startswith(self.label)
        )


def history_of(canary: str) -> str:
    """What the history of a canary of this name is called; that of the only or first one is "canary"."""
    return CANARY if canary == NAME else canary


class Follower:
    """Reads one run of a Release, and its canaries', until all are closed; outages are waited out."""

    def __init__(self, client: Client, workflow_id: str, run_id: str) -> None:
        self._client = client
        self._changed = asyncio.Condition()
        self._labels: dict[tuple[str, int], str] = {}
        self.seen: list[Seen] = []
        self.canaries: dict[str, tuple[str, str]] = {}
        """Workflow id and run id of each canary that was started, by its name."""
        self._tasks = [asyncio.create_task(self._follow(RELEASE, workflow_id, run_id))]

    async def until(self, condition: Callable[[Seen], bool], within: float = 60.0) -> Seen:
        """The first event that meets the condition; TimeoutError when none comes."""
        async with asyncio.timeout(within), self._changed:
            while True:
                found = next((event for event in self.seen if condition(event)), None)
                if found is not None:
                    return found
                await self._changed.wait()

    def follow_canary(self, workflow_id: str, run_id: str) -> None:
        """Follow this run of a canary too; it is the release's from now on."""
        name = workflow_id.rpartition("/")[2]
        self.canaries[name] = (workflow_id, run_id)
        self._tasks.append(asyncio.create_task(self._follow(history_of(name), workflow_id, run_id)))

    async def closed(self) -> None:
        """Wait until both histories have their last event."""
        for task in self._tasks:
            await task

    async def stop(self) -> None:
        """Follow no longer."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def of(self, workflow: str) -> list[Seen]:
        """The events of one history so far, in order."""
        return [event for event in self.seen if event.workflow == workflow]

    async def _follow(self, workflow: str, workflow_id: str, run_id: str) -> None:
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
        last = 0
        while True:
            with contextlib.suppress(RPCError):
                async for event in handle.fetch_history_events(wait_new_event=True):
                    if event.event_id > last:
                        last = event.event_id
                        await self._take(workflow, event)
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _take(self, workflow: str, event: HistoryEvent) -> None:
        attributes = _attributes(event)
        seen = Seen(
            workflow=workflow,
            number=event.event_id,
            type=EventType.Name(event.event_type).removeprefix("EVENT_TYPE_"),
            label=await self._label(workflow, event, attributes),
            at=time.monotonic(),
            moment=event.event_time.ToMicroseconds() / 1e6,
            text=str(MessageToDict(event)),
        )
        if seen.type == "CHILD_WORKFLOW_EXECUTION_STARTED":
            child = event.child_workflow_execution_started_event_attributes.workflow_execution
            self.follow_canary(child.workflow_id, child.run_id)
        async with self._changed:
            self.seen.append(seen)
            self._changed.notify_all()

    async def _label(self, workflow: str, event: HistoryEvent, attributes: object) -> str:
        """The summary of a step, or that of the step which the event is about."""
        if event.HasField("user_metadata") and event.user_metadata.HasField("summary"):
            (label,) = await DataConverter.default.decode([event.user_metadata.summary])
            self._labels[workflow, event.event_id] = str(label)
            return str(label)
        origin = getattr(attributes, "scheduled_event_id", 0) or getattr(attributes, "started_event_id", 0)
        return self._labels.get((workflow, origin), "")


def _attributes(event: HistoryEvent) -> object:
    field = event.WhichOneof("attributes")
    return getattr(event, field) if field else None

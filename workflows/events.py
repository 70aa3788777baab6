"""A canary's notes and alerts for those who listen: posted a stage at a time, beside the release.

Event hooks get every note. Chats get alerts, and those at once: a canary may wait at a gate for days.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.logbook import Logbook
from workflows.steps import reason_of, telling

with workflow.unsafe.imports_passed_through():
    from activities.hooks import HooksActivities
    from tidegate.contracts import CanaryRequest, Event, TellCommand
    from tidegate.domain.plan import Alerts, Hooks, Plan


class Events:
    """Posts what the logbook has gathered. Only the canary's end waits for it, and that not for long."""

    def __init__(self, request: CanaryRequest, logbook: Logbook) -> None:
        self._ref = request.ref
        self._logbook = logbook
        self._hooks: Hooks | None = None
        self._alerts: Alerts | None = None
        self._under_way: asyncio.Task[None] | None = None
        logbook.on_alert = self.tell
        if request.progress:
            self.follow(request.progress.plan)

    def follow(self, plan: Plan) -> None:
        """Know who listens."""
        self._hooks, self._alerts = plan.events, plan.alerts

    @property
    def untold(self) -> tuple[Event, ...]:
        """What a fresh run has to tell; nothing where nobody listens."""
        return tuple(event for event in self._logbook.untold if self._is_heard(event))

    def tell(self) -> None:
        """Begin to post what is new, unless a post is under way: then it goes with the next."""
        if self._is_busy():
            return
        events, self._logbook.untold = self.untold, []
        if events:
            self._under_way = asyncio.create_task(self._post(events))

    async def settle(self) -> None:
        """Wait for the post that is under way."""
        while self._under_way is not None and not self._under_way.done():
            await workflow.wait([self._under_way])

    async def close(self) -> None:
        """Post the rest."""
        await self.settle()
        self.tell()
        await self.settle()

    def _is_heard(self, event: Event) -> bool:
        if event.severity is None:
            return self._hooks is not None
        return self._alerts is not None and event.severity.reaches(self._alerts.severity)

    def _is_busy(self) -> bool:
        return self._under_way is not None and not self._under_way.done()

    async def _post(self, events: tuple[Event, ...]) -> None:
        names = [*(self._hooks.hooks if self._hooks else ()), *(self._alerts.names if self._alerts else ())]
        summary = f"Tell {', '.join(names)} of {len(events)} event{'' if len(events) == 1 else 's'}"
        seconds = sum(listeners.hook_seconds for listeners in (self._hooks, self._alerts) if listeners)
        try:
            await workflow.execute_activity_method(
                HooksActivities.tell,
                TellCommand(ref=self._ref, events=events),
                **telling(summary, hook_seconds=seconds),
            )
        except ActivityError as error:
            workflow.logger.warning("%s: %s", summary, reason_of(error))
        if any(event.severity for event in self.untold):
            self._under_way = None
            self.tell()

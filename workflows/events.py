"""A canary's notes for those who listen: posted to its event hooks a stage at a time, beside the release."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.logbook import Logbook
from workflows.steps import reason_of, telling

with workflow.unsafe.imports_passed_through():
    from activities.hooks import HooksActivities
    from tidegate.contracts import CanaryRequest, Event, TellCommand
    from tidegate.domain.plan import Hooks, Plan


class Events:
    """Posts what the logbook has gathered. Only the canary's end waits for it, and that not for long."""

    def __init__(self, request: CanaryRequest, logbook: Logbook) -> None:
        self._ref = request.ref
        self._logbook = logbook
        self._hooks = request.progress.plan.events if request.progress else None
        self._under_way: asyncio.Task[None] | None = None

    def follow(self, plan: Plan) -> None:
        """Know who listens."""
        self._hooks = plan.events

    @property
    def untold(self) -> tuple[Event, ...]:
        """What a fresh run has to tell; nothing where nobody listens."""
        return tuple(self._logbook.untold) if self._hooks else ()

    def tell(self) -> None:
        """Begin to post what is new, unless a post is under way: then it goes with the next."""
        if self._hooks is None or not self._logbook.untold or self._is_busy():
            return
        events, self._logbook.untold = tuple(self._logbook.untold), []
        self._under_way = asyncio.create_task(self._post(self._hooks, events))

    async def settle(self) -> None:
        """Wait for the post that is under way."""
        if self._under_way is not None:
            await workflow.wait([self._under_way])

    async def close(self) -> None:
        """Post the rest."""
        await self.settle()
        self.tell()
        await self.settle()

    def _is_busy(self) -> bool:
        return self._under_way is not None and not self._under_way.done()

    async def _post(self, hooks: Hooks, events: tuple[Event, ...]) -> None:
        summary = f"Tell {', '.join(hooks.hooks)} of {len(events)} events"
        options = telling(summary, hook_seconds=hooks.hook_seconds)
        try:
            await workflow.execute_activity_method(
                HooksActivities.tell, TellCommand(ref=self._ref, events=events), **options
            )
        except ActivityError as error:
            workflow.logger.warning("%s: %s", summary, reason_of(error))

"""What kubectl shows of a canary, kept beside the release: nothing waits for it but the canary's end.

Shown is what changed since the last time, one post at a time; what comes meanwhile goes with the next.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.logbook import Logbook
from workflows.rollback import Fences
from workflows.steps import reason_of, telling

with workflow.unsafe.imports_passed_through():
    from activities.publication import PublicationActivities
    from tidegate.contracts import CanaryRequest, CanaryStatus, Event, PublishCommand, Standing
    from tidegate.domain.plan import Plan, Published, Purpose

_PATIENCE_SECONDS = 30.0


class Publication:
    """Keeps the Canary's object, where its cluster has one."""

    def __init__(self, request: CanaryRequest, fences: Fences, logbook: Logbook) -> None:
        self._ref = request.ref
        self._fences = fences
        self._logbook = logbook
        self._published: Published | None = None
        self._at_the_end_only = False
        self._shown: Standing | None = None
        self._complaint = ""
        self._under_way: asyncio.Task[None] | None = None
        logbook.on_change = self.show

    def follow(self, plan: Plan) -> None:
        """Know whether there is an object. What is only kept up is worth one post, at its end."""
        self._published = plan.published
        self._at_the_end_only = plan.purpose is Purpose.UPKEEP

    @property
    def unshown(self) -> tuple[Event, ...]:
        """What a fresh run has to show."""
        return tuple(self._logbook.unshown) if self._published else ()

    def show(self) -> None:
        """Begin to show what is new, unless a post is under way, which goes on with it."""
        if self._at_the_end_only or not self._published or self._is_busy():
            return
        self._under_way = asyncio.create_task(self._show_all(self._published))

    async def settle(self) -> None:
        """Wait for the post that is under way."""
        if self._under_way:
            await workflow.wait([self._under_way])

    async def close(self) -> None:
        """Show the rest."""
        await self.settle()
        self._at_the_end_only = False
        self.show()
        await self.settle()

    def _is_busy(self) -> bool:
        return self._under_way is not None and not self._under_way.done()

    async def _show_all(self, published: Published) -> None:
        """Until nothing is new; what could not be shown goes with the next try."""
        while self._logbook.unshown or self._shown != _standing(self._logbook.status):
            standing, events = _standing(self._logbook.status), self.unshown
            self._logbook.unshown = []
            if not await self._post(published, standing, events):
                self._logbook.unshown = [*events, *self._logbook.unshown]
                return
            self._shown = standing

    async def _post(self, published: Published, standing: Standing, events: tuple[Event, ...]) -> bool:
        """Whether it is shown."""
        command = PublishCommand(
            ref=self._ref,
            fence=self._fences.next(),
            at=workflow.now(),
            published=published,
            standing=standing,
            events=events,
            first=self._shown is None,
        )
        summary = f"Show {standing.phase.flaggers} {standing.weight} % to kubectl"
        options = telling(summary, hook_seconds=_PATIENCE_SECONDS)
        try:
            await workflow.execute_activity_method(PublicationActivities.publish, command, **options)
        except ActivityError as error:
            self._complain(reason_of(error))
            return False
        return True

    def _complain(self, reason: str) -> None:
        if reason != self._complaint:
            self._logbook.note(f"kubectl shows what was before: {reason}", warning=True)
        self._complaint = reason


def _standing(status: CanaryStatus) -> Standing:
    outcome = status.outcome
    return Standing(
        phase=status.phase,
        weight=status.weight,
        failed_checks=status.failed_checks,
        iterations=status.iterations,
        reason=f"{outcome.outcome}: {outcome.reason}" if outcome else "",
    )

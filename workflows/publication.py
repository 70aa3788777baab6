"""What kubectl shows of a canary, kept beside the release: nothing waits for it but the canary's end.

Shown is what changed since the last time, one post at a time; what comes meanwhile goes with the next. A
bake's load test takes the news along, so that a step costs no activity more.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.logbook import Logbook
from workflows.rollback import Fences
from workflows.steps import TELLING, reason_of, telling

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
        self._brought = False
        self._shown: Standing | None = None
        self._complaint = ""
        self._limit = TELLING
        self.under_way: asyncio.Task[None] | None = None
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
        self.under_way = asyncio.create_task(self._show_all(self._published))

    def hand_over(self) -> PublishCommand | None:
        """What is new, for a step that shows it beside its work; None where a post of its own does it.

        The first is one: it brings the object.
        """
        if self._published and self._brought and not self._is_busy() and self._has_news():
            return self._take(self._published)
        self.show()
        return None

    def take_back(self, news: PublishCommand | None) -> None:
        """What was not shown goes with the next post."""
        if news:
            self._logbook.unshown = [*news.events, *self._logbook.unshown]
            self._shown = None

    async def settle(self) -> None:
        """Wait for the post that is under way."""
        if self.under_way:
            await workflow.wait([self.under_way])

    async def close(self) -> None:
        """Show the rest."""
        await self.settle()
        self.show_last(TELLING)
        await self.settle()

    def show_last(self, limit: timedelta) -> None:
        """Begin to show the rest, for so long at most."""
        self._at_the_end_only, self._limit = False, limit
        self.show()

    def _is_busy(self) -> bool:
        return self.under_way is not None and not self.under_way.done()

    def _has_news(self) -> bool:
        return bool(self._logbook.unshown) or self._shown != _standing(self._logbook.status)

    async def _show_all(self, published: Published) -> None:
        while self._has_news():
            command = self._take(published)
            if not await self._post(command):
                self.take_back(command)
                return
            self._brought = True

    def _take(self, published: Published) -> PublishCommand:
        self._shown, events = _standing(self._logbook.status), tuple(self._logbook.unshown)
        self._logbook.unshown = []
        return PublishCommand(
            ref=self._ref,
            fence=self._fences.next(),
            at=workflow.now(),
            published=published,
            standing=self._shown,
            events=events,
            first=not self._brought,
        )

    async def _post(self, command: PublishCommand) -> bool:
        """Whether it is shown."""
        standing = command.standing
        summary = f"Show {standing.phase.flaggers} {standing.weight} % to kubectl"
        options = telling(summary, hook_seconds=_PATIENCE_SECONDS, limit=self._limit)
        try:
            await workflow.execute_activity_method(PublicationActivities.publish, command, **options)
        except ActivityError as error:
            if not is_cancelled_exception(error):
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

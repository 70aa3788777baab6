"""A canary's notes and alerts for those who listen, beside the release.

Event hooks get every note, many in a post. Chats get alerts, each in a post of its own and at once: a
listener that is away must not silence a rollback. Whoever asks kubectl reads the Canary's own object.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.control import comes_true
from workflows.logbook import Logbook
from workflows.publication import Publication
from workflows.rollback import Fences
from workflows.steps import TELLING, reason_of, telling

with workflow.unsafe.imports_passed_through():
    from activities.alerts import AlertsActivities
    from activities.hooks import HooksActivities
    from tidegate.contracts import AlertCommand, CanaryRequest, Event, TellCommand
    from tidegate.decisions.alerts import LONGEST_SECONDS
    from tidegate.decisions.details import facts_of
    from tidegate.domain.alert_provider import Severity
    from tidegate.domain.plan import Alerts, Hooks, Plan


class Events:
    """Posts what the logbook has gathered. Only the canary's end waits for it, and that not for long."""

    def __init__(self, request: CanaryRequest, fences: Fences, logbook: Logbook) -> None:
        self._ref = request.ref
        self._logbook = logbook
        self._hooks: Hooks | None = None
        self._alerts: Alerts | None = None
        self._under_way: asyncio.Task[None] | None = None
        self._alerting: set[asyncio.Task[None]] = set()
        self._parting, self._limit = timedelta(), TELLING
        self.publication = Publication(request, fences, logbook)
        logbook.on_news, logbook.on_alert = self._tell_all, self._tell_chats
        if request.progress:
            self.follow(request.progress.plan)

    def follow(self, plan: Plan) -> None:
        """Know who listens."""
        self._hooks, self._alerts = plan.events, plan.alerts
        self._parting = timedelta(seconds=plan.parting_seconds)
        self.publication.follow(plan)

    @property
    def untold(self) -> tuple[Event, ...]:
        """What a fresh run has to tell; nothing where nobody listens."""
        return tuple(self._logbook.untold) if self._hooks else ()

    def tell(self) -> None:
        """Begin to post what is new, unless a post is under way: then it goes with the next."""
        if self._is_busy():
            return
        events, self._logbook.untold = self.untold, []
        if self._hooks and events:
            self._under_way = asyncio.create_task(self._post(self._hooks, events))

    async def settle(self) -> None:
        """Wait for the posts that are under way."""
        posts = [*self._alerting, *((self._under_way,) if self._under_way else ())]
        if posts:
            await workflow.wait(posts)
        await self.publication.settle()

    async def close(self) -> None:
        """Post the rest."""
        if self._parting:
            await self._part()
            return
        await self.settle()
        self.tell()
        await self.settle()
        await self.publication.close()

    async def _part(self) -> None:
        """Post the rest side by side. What is under way has half of the time: a last word needs some, too."""
        half, end = self._parting / 2, workflow.now() + self._parting
        await self._cut_off_after(half)
        self._limit = max(half, end - workflow.now())
        self.tell()
        self.publication.show_last(self._limit)
        await self.settle()

    async def _cut_off_after(self, patience: timedelta) -> None:
        posts = [each for each in (self._under_way, self.publication.under_way) if each and not each.done()]
        if not posts:
            return
        await comes_true(lambda: all(each.done() for each in posts), patience, "Wait for those who listen")
        for each in posts:
            each.cancel()
        await workflow.wait(posts)

    def _tell_all(self) -> None:
        self.tell()
        self.publication.show()

    def _is_busy(self) -> bool:
        return self._under_way is not None and not self._under_way.done()

    def _tell_chats(self, severity: Severity, text: str) -> None:
        chats = self._alerts
        if chats is None or not severity.reaches(chats.severity):
            return
        facts = facts_of(self._logbook.status)
        command = AlertCommand(ref=self._ref, severity=severity, text=text, facts=facts)
        task = asyncio.create_task(self._alert(chats, command))
        self._alerting.add(task)
        task.add_done_callback(self._alerting.discard)

    async def _alert(self, chats: Alerts, command: AlertCommand) -> None:
        summary = f"Alert {', '.join(chats.names)}: {command.severity}"
        options = telling(summary, hook_seconds=LONGEST_SECONDS)
        try:
            await workflow.execute_activity_method(AlertsActivities.tell, command, **options)
        except ActivityError as error:
            workflow.logger.warning("%s: %s", summary, reason_of(error))

    async def _post(self, hooks: Hooks, events: tuple[Event, ...]) -> None:
        summary = f"Tell {', '.join(hooks.hooks)} of {len(events)} event{'' if len(events) == 1 else 's'}"
        options = telling(summary, hook_seconds=hooks.hook_seconds, limit=self._limit)
        try:
            await workflow.execute_activity_method(
                HooksActivities.tell, TellCommand(ref=self._ref, events=events), **options
            )
        except ActivityError as error:
            workflow.logger.warning("%s: %s", summary, reason_of(error))

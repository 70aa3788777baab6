"""The analysis: a routing stands for its bake under load, then its checks are judged; again, until it passes.

A pause stops the clock of a bake, a promotion by hand ends it. Where a canary has to wait, one is repeated.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.control import Control, Rest, comes_true
from workflows.hooks import HookCalls
from workflows.logbook import Logbook
from workflows.publication import Publication
from workflows.steps import quick, reason_of, under_load

with workflow.unsafe.imports_passed_through():
    from activities.load_test import LoadTestActivities
    from activities.metrics import MetricsActivities
    from tidegate.contracts import BakeCommand, BakeReport, CanaryRequest, JudgeCommand, PublishCommand
    from tidegate.decisions import narration
    from tidegate.decisions.judge import is_waiting
    from tidegate.domain.errors import ReleaseFailed
    from tidegate.domain.plan import Bake, place_of
    from tidegate.domain.verdict import Result, Verdict

_SHORTEST_SOAK = 0.1
"""Seconds that a bake goes on for after a pause in its last moment."""
_CHANGES_ALONE = "note what changes while a canary waits"
"""The change's name in histories: without it each repeated bake is noted, and kubectl shown each note."""


class Analysis:
    """The bakes of one canary, and its failed checks.

    `rest` holds a bake that was interrupted, while the canary is paused. It does not return when a fresh run
    has to carry on: that one goes on with the `remaining` seconds of this one.
    """

    def __init__(
        self,
        request: CanaryRequest,
        control: Control,
        logbook: Logbook,
        hooks: HookCalls,
        publication: Publication,
        rest: Rest,
    ) -> None:
        self._ref = request.ref
        self._limits = request.limits
        self._control = control
        self._logbook = logbook
        self._hooks = hooks
        self._publication = publication
        self._rest = rest
        self.remaining = request.progress.remaining_seconds if request.progress else None
        self.since = request.progress.analysed_since if request.progress else None
        self.passing = request.progress.passing if request.progress else ""
        """Where the last bake passed; empty once one did not."""
        self._waits_for = ""
        self._is_over: Callable[[], bool] = lambda: control.hurried

    async def bake(self, bake: Bake) -> None:
        """Repeat a stage's bake until it passes. Raises ReleaseFailed at the threshold of failed checks."""
        if bake.iterations and self.remaining is None:
            self._logbook.note(narration.iterated(self._ref.full_name, bake))
        self._logbook.update(iterations=bake.iteration)
        self._is_over, self.passing = lambda: self._control.hurried, ""
        await self._until_passed(bake)

    async def repeat(self, bake: Bake, is_over: Callable[[], bool]) -> None:
        """The same for a canary that waits, unless that `is_over`: a pass that follows a pass is no news."""
        self._is_over = is_over
        if bake.iterations and self.remaining is None and not workflow.patched(_CHANGES_ALONE):
            self._logbook.note(narration.iterated(self._ref.full_name, bake))
        await self._until_passed(bake)

    async def _until_passed(self, bake: Bake) -> None:
        if bake.checks:  # what comes before, by a delay, is to be compared with nothing
            self.since = self.since or workflow.now()
        while not self._is_over():
            verdicts = await self._soak_and_judge(bake)
            if not any(verdict.halts for verdict in verdicts):
                self._tell_pass(bake, verdicts)
                return
            self.passing = ""
            if is_waiting(verdicts):
                self._tell_waiting(verdicts)
            else:
                self.count_failed_check(verdicts)

    async def _soak_and_judge(self, bake: Bake) -> tuple[Verdict, ...]:
        """Let the routing stand for the bake's time, pauses not counted, and ask every check."""
        remaining = bake.seconds if self.remaining is None else self.remaining
        while True:
            self.remaining = None
            started = workflow.now()
            load = asyncio.create_task(self._put_under_load(bake, remaining, self._news(bake)))
            try:
                if await self._stand(remaining, f"Bake {bake.seconds:g}s {_place(bake)}"):
                    return await self._judge(bake, load)
            finally:
                load.cancel()
            if self._is_over():
                return ()
            remaining = max(_SHORTEST_SOAK, remaining - (workflow.now() - started).total_seconds())
            self.remaining = remaining
            await self._rest()

    async def _stand(self, seconds: float, summary: str) -> bool:
        """True when the time is over; False when a pause, a promotion or this run's end came first."""
        ends = workflow.now() + timedelta(seconds=seconds)
        self._logbook.update(waiting_for=f"the bake's end at {ends:%H:%M:%S} UTC")
        return not await comes_true(self._is_interrupted, seconds, summary)

    def _is_interrupted(self) -> bool:
        return self._is_over() or self._control.is_held(self._limits.signals_per_run)

    def _news(self, bake: Bake) -> PublishCommand | None:
        """What the load test shows beside its work; without one, it is shown by itself."""
        if bake.hooks:
            return self._publication.hand_over()
        self._publication.show()
        return None

    async def _put_under_load(self, bake: Bake, seconds: float, news: PublishCommand | None) -> BakeReport:
        if not bake.hooks:
            return BakeReport()
        report = BakeReport(shown=False)
        try:
            report = await self._load(bake, seconds, news)
        finally:
            if not report.shown:
                self._publication.take_back(news)
        return report

    async def _load(self, bake: Bake, seconds: float, news: PublishCommand | None) -> BakeReport:
        try:
            return await workflow.execute_activity_method(
                LoadTestActivities.run,
                BakeCommand(ref=self._ref, seconds=seconds, news=news),
                **under_load(
                    f"{', '.join(bake.hooks)} {_place(bake)}",
                    seconds=seconds,
                    hook_seconds=bake.hook_seconds,
                ),
            )
        except ActivityError as error:
            reason = f"load test: {reason_of(error)}"
            failed = Verdict(check=bake.hooks[0], result=Result.FAILED, reason=reason)
            return BakeReport(verdicts=(failed,), shown=False)

    async def _judge(self, bake: Bake, load: asyncio.Task[BakeReport]) -> tuple[Verdict, ...]:
        self._logbook.update(waiting_for="the checks' numbers")
        summary = f"{len(bake.checks)} checks {_place(bake)}"
        judgement = await workflow.execute_activity_method(
            MetricsActivities.judge,
            JudgeCommand(
                ref=self._ref,
                checks=bake.checks if bake.narrowed else None,
                observed_seconds=self._observed_seconds(),
                weight=None if bake.iterations else bake.weight,
                bake_seconds=bake.seconds,
            ),
            **quick(summary, budget_seconds=self._limits.outage_budget_seconds),
        )
        if not await self._is_answered(load):
            return ()
        for text in judgement.warnings:
            self._logbook.note_once(text, warning=True)
        report = await load
        verdicts = report.verdicts + judgement.verdicts
        self._logbook.update(verdicts=verdicts, load=report.load, waiting_for="")
        await self._hooks.ask_for_rollback()
        return verdicts

    def _observed_seconds(self) -> float:
        """Time since the first bake began, by Temporal's clock; pauses count, for the traffic stays."""
        return (workflow.now() - self.since).total_seconds() if self.since else 0.0

    async def _is_answered(self, load: asyncio.Task[BakeReport]) -> bool:
        """Wait for hooks that outlast the bake; False when a promotion by hand came first."""
        if not load.done():
            self._logbook.update(waiting_for="the hooks' answers")
        await workflow.wait_condition(lambda: load.done() or self._is_over())
        return load.done()

    def _tell_pass(self, bake: Bake, verdicts: tuple[Verdict, ...]) -> None:
        self._waits_for = ""
        place = _place(bake)
        if not verdicts:
            return
        if self.passing != place or not workflow.patched(_CHANGES_ALONE):
            self._logbook.note(narration.passed(self._ref.full_name, place, verdicts))
        self.passing = place

    def _tell_waiting(self, verdicts: tuple[Verdict, ...]) -> None:
        """A bake that is repeated may be so for days: it is worth a note where its reason changes."""
        text = narration.waiting(self._ref.full_name, verdicts)
        if text != self._waits_for:
            self._logbook.note(text, warning=True)
        self._waits_for = text

    def count_failed_check(self, verdicts: tuple[Verdict, ...]) -> None:
        """Raises ReleaseFailed at the threshold."""
        status = self._logbook.status
        failed = status.failed_checks + 1
        self._logbook.update(failed_checks=failed)
        name = self._ref.full_name
        self._logbook.note(narration.halted(name, verdicts, failed, status.threshold), warning=True)
        self._logbook.on_news()
        if failed >= status.threshold:
            self._logbook.note(narration.threshold_reached(name, failed), warning=True)
            raise ReleaseFailed(narration.threshold_reason(verdicts, failed, status.threshold))


def _place(bake: Bake) -> str:
    """In summaries, which people and tests search for."""
    return place_of(bake) if bake.iterations else f"at {bake.weight} %"

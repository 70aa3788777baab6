"""The meeting points of one canary: it has passed, or was promoted, and waits for the others of its release.

Meanwhile its traffic stays. Its bakes are repeated, and may still fail it. It knows of the others what its
release tells, and tells its release nothing but what changed for them. A run that was reset may have lost
what it heard, and stand elsewhere than its release believes: it says where, and is told anew. Temporal gives
each run a random seed of its own, by which it knows.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import TemporalError

from workflows.control import Control, Rest, comes_true, forget
from workflows.logbook import Logbook
from workflows.vigil import Vigil

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import REPORT, AbortRequest, CanaryProgress, CanaryRequest, Directive, Report
    from tidegate.decisions import narration
    from tidegate.domain.errors import ReleaseFailed
    from tidegate.domain.plan import Meet, Plan, Purpose

_ANEW = "says anew where it stands after a reset"
"""A change: a run that was reset under an older worker goes on without this word."""

_FIRST_WORD = 5.0
"""Seconds to hear of the others before another bake: when they all have passed, none is begun."""


class Rendezvous:
    """Brings one canary to its promotion together with the others, or back with them.

    `directive` is what the release told last, `reported` what it was told. `went`: all had passed.
    """

    def __init__(
        self, request: CanaryRequest, control: Control, logbook: Logbook, vigil: Vigil, rest: Rest
    ) -> None:
        progress = request.progress
        self._name = request.ref.full_name
        self._others = request.others
        self._limits = request.limits
        self._control = control
        self._logbook = logbook
        self._vigil = vigil
        self._rest = rest
        self._nothing = Report(canary=workflow.info().workflow_id, epoch=request.epoch)
        self._at = _meeting_of(progress)
        self._noted = self._at is not None
        self._releasing = False
        self._turned_back = ""
        self._unheard = False
        self._mistaken = False
        self._seed = workflow.random_seed()
        self._introduced = False
        self._reporting: asyncio.Task[None] | None = None
        self.directive = progress.directive if progress else Directive()
        self.reported = (progress.reported if progress else None) or self._nothing
        met = _meetings_before(progress)
        self.went = bool(met)
        self._stays = any(meeting.promoted for meeting in met)
        self._control.sealed = self.went

    def open(self) -> None:
        """From here on tell the release what it has to know; nothing where there are no others."""
        if self._others:
            self._reporting = asyncio.create_task(self._keep_reporting())

    def close(self) -> None:
        """There is nothing more to tell: the release sees how it ended."""
        if self._reporting:
            self._reporting.cancel()

    def follow(self, plan: Plan) -> None:
        """Know whether there is anything to go back from: without a release, the others do not matter."""
        self._releasing = plan.purpose is Purpose.RELEASE
        self._obey()

    def hear(self, directive: Directive) -> None:
        """The release tells where the others stand.

        One that was reset to before its meeting is taken for one that waits there: it says that it is not.
        """
        self.directive = directive
        news = self._news()
        self._mistaken = bool(directive.waits_for) and not (news.promoted if directive.go else news.passed)
        self._control.count_signal()
        self._obey()
        if self._at:
            self._show()

    async def meet(self, stage: Meet, skipped_from: float | None) -> None:
        """Return when all canaries have come here. Raises ReleaseFailed when this one fails meanwhile.

        `skipped_from` is the weight at which a person ended its analysis, if one did.
        """
        self._at = stage
        self._show()
        self._vigil.begin(stage)
        standing_by = asyncio.create_task(self._stand_by(stage, skipped_from))
        standing_by.add_done_callback(forget)
        try:
            await workflow.wait_condition(
                lambda: standing_by.done() or self._may_go_on(stage) or self._unheard
            )
        finally:
            standing_by.cancel()
        if standing_by.done():
            standing_by.result()
        if not self._may_go_on(stage):
            raise ReleaseFailed(narration.RELEASE_GONE)
        self._go_on(stage)

    def _may_go_on(self, stage: Meet) -> bool:
        return self.directive.stay if stage.promoted else self.directive.go

    @property
    def _awaited(self) -> str:
        return self.directive.waits_for or ", ".join(self._others)

    @property
    def stays(self) -> bool:
        """Whether all were promoted, also where this one has been told so and has not gone on yet."""
        return self._stays or self.directive.stay

    def turn_back(self, reason: str) -> None:
        """The others must know of it at once, unless all are to stay, or it is because of them."""
        abort = self._control.abort
        if not self.stays and not (abort and abort.with_others):
            self._turned_back = reason

    def _go_on(self, stage: Meet) -> None:
        self._at, self._noted = None, False
        self.went = self._control.sealed = True
        self._stays = stage.promoted
        self._vigil.end()
        self._logbook.go_on()
        self._logbook.clear()
        told = narration.stays if stage.promoted else narration.met
        self._logbook.note(told(self._name, self._others))

    def _obey(self) -> None:
        if self.directive.turn_back and self._releasing:
            self._control.ask_abort(AbortRequest(reason=self.directive.turn_back, with_others=True))

    def _show(self) -> None:
        self._logbook.obstruct(narration.waiting_for_others(self._awaited), None)

    async def _stand_by(self, stage: Meet, skipped_from: float | None) -> None:
        """Bakes, for as long as it takes."""
        if not self._noted:
            await self._hear_of_others()
            self._logbook.note(self._arrival(stage, skipped_from))
        while True:
            await self._rest()
            await self._vigil.stand(lambda: False)

    def _arrival(self, stage: Meet, skipped_from: float | None) -> str:
        if stage.promoted:
            return narration.promoted_before(self._name, self._awaited)
        if skipped_from is not None:
            return narration.hurried_before(self._name, skipped_from, self._awaited)
        return narration.passed_before(self._name, self._awaited)

    async def _hear_of_others(self) -> None:
        await comes_true(
            lambda: bool(self.directive.waits_for) or self._is_interrupted(),
            _FIRST_WORD,
            "Hear of the other canaries",
        )

    def _is_interrupted(self) -> bool:
        return self._control.is_held(self._limits.signals_per_run)

    async def _keep_reporting(self) -> None:
        """Tell each change as it comes; of what comes while one is being told, the last.

        The first word of a run asks to be told all anew as well: one that was reset to its very beginning has
        the new seed from the start.
        """
        release = workflow.info().parent
        while True:
            await workflow.wait_condition(
                lambda: self._mistaken or self._was_reset or self._news() != self.reported
            )
            reset = self._was_reset and workflow.patched(_ANEW)
            self._seed, news = workflow.random_seed(), self._news()
            if not (reset or self._mistaken or news != self.reported):
                continue
            anew = reset or not self._introduced
            self._mistaken, self._introduced = False, True
            try:
                if release is None:
                    raise _NobodyThere
                await workflow.get_external_workflow_handle(release.workflow_id).signal(
                    REPORT, news.model_copy(update={"anew": anew})
                )
            except (TemporalError, _NobodyThere) as error:
                workflow.logger.info("%s: release not told: %s", self._name, error)
                self._unheard = news.passed
            self.reported = news  # one that hands over before repeats it

    @property
    def _was_reset(self) -> bool:
        return self._seed != workflow.random_seed()

    def _news(self) -> Report:
        here = None if self._control.paused or self._turned_back else self._at
        passed = self.went or here is not None
        moves = self.directive.awaited and not passed and not self._turned_back
        changes = {
            "passed": passed,
            "promoted": self.stays or (here is not None and here.promoted),
            "turned_back": self._turned_back,
            "place": narration.place(self._logbook.status) if moves else self.reported.place,
        }
        return self._nothing.model_copy(update=changes)


class _NobodyThere(Exception):
    """A canary without a release."""


def _meetings_before(progress: CanaryProgress | None) -> tuple[Meet, ...]:
    """Those that all had come to before a run handed over."""
    stages = progress.plan.stages[: progress.stage] if progress else ()
    return tuple(stage for stage in stages if isinstance(stage, Meet))


def _meeting_of(progress: CanaryProgress | None) -> Meet | None:
    """The one at which the run before this one handed over."""
    stage = progress.plan.stages[progress.stage] if progress else None
    return stage if isinstance(stage, Meet) else None

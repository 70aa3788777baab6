"""A canary's running account: its status, its notes and what each stage cost, kept readable in the UI."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import (
        PHASE_ATTRIBUTE,
        REVISION_ATTRIBUTE,
        CanaryOutcome,
        CanaryRequest,
        CanaryStatus,
        Event,
        Note,
        StageTiming,
        StepReport,
    )
    from tidegate.decisions.details import canary_details
    from tidegate.domain.alert_provider import Severity
    from tidegate.domain.plan import Plan, Purpose, Stage, describe
    from tidegate.domain.release import Outcome, Phase

PHASE = SearchAttributeKey.for_keyword(PHASE_ATTRIBUTE)
REVISION = SearchAttributeKey.for_keyword(REVISION_ATTRIBUTE)
_FIRST_NOTES, _LAST_NOTES = 20, 80
_NOTE_LENGTH = 500
"""Characters. With it and the count of notes, a status stays below 64 KB."""


class Logbook:
    """What a Canary says of itself. Every change is shown in the UI at once, and writes no event."""

    def __init__(self, request: CanaryRequest) -> None:
        progress = request.progress
        self._searchable = request.limits.search_attributes
        self._walking = _walking_phase(progress.plan) if progress else Phase.PROGRESSING
        self.started = progress.started if progress else workflow.now()
        self.stage_started: datetime | None = progress.stage_started if progress else None
        self.changed: tuple[str, ...] = ()
        """Fields around the canary that this run brought to Git."""
        self.timings: list[StageTiming] = list(progress.timings) if progress else []
        self.status = progress.status if progress else _opening_status(request)
        self.untold: list[Event] = list(progress.untold) if progress else []
        self.unshown: list[Event] = list(progress.unshown) if progress else []
        self.on_news: Callable[[], None] = lambda: None
        self.on_change: Callable[[], None] = lambda: None
        self.on_alert: Callable[[Severity, str], None] = lambda *_: None
        self._obstacle = ""
        self._obstacle_phase: Phase | None = None

    def update(self, **changes: Any) -> None:
        """Replace fields of the status. What a gate waits for stays in sight, whatever goes on meanwhile."""
        if self._obstacle and self.status.phase is not Phase.PAUSED and "waiting_for" in changes:
            changes["waiting_for"] = self._obstacle
        self.status = self.status.model_copy(update=changes)
        workflow.set_current_details(canary_details(self.status))

    def note(self, text: str, *, warning: bool = False) -> None:
        """Write one line down."""
        workflow.logger.info(text)
        line = Note(at=workflow.now(), text=text[:_NOTE_LENGTH], warning=warning)
        event = Event(at=line.at, text=line.text, warning=warning, phase=self.status.phase)
        self.untold = [*self.untold, event][-_LAST_NOTES:]
        self.unshown = [*self.unshown, event][-_LAST_NOTES:]
        first, later = self.status.notes[:_FIRST_NOTES], self.status.notes[_FIRST_NOTES:]
        self.update(notes=(*first, *(*later, line)[-_LAST_NOTES:]))

    def alert(self, severity: Severity, text: str) -> None:
        """Tell the chats now, with what is known at this moment."""
        self.on_alert(severity, text[:_NOTE_LENGTH])

    def note_once(self, text: str, *, warning: bool = False) -> None:
        """Write one line down, unless it is the last one already."""
        if not self.status.notes or self.status.notes[-1].text != text[:_NOTE_LENGTH]:
            self.note(text, warning=warning)

    def report(self, report: StepReport) -> None:
        """Write down what a step said, and remember what it changed."""
        self.changed += report.changed
        for text in (*report.notes, *report.changed):
            self.note(text)
        for text in report.warnings:
            self.note(text, warning=True)

    def enter_phase(self, phase: Phase) -> None:
        """Show a phase, and make it searchable where Temporal knows the attribute."""
        if phase is self.status.phase:
            return
        self.update(phase=phase)
        if self._searchable:
            workflow.upsert_search_attributes([PHASE.value_set(phase.value)])
        self.on_change()

    def open_plan(self, plan: Plan) -> None:
        """Show what will be walked."""
        self.update(stages=len(plan.stages), threshold=plan.threshold)
        self._walking = _walking_phase(plan)
        self.enter_phase(self._walking)

    def hold(self) -> None:
        """Show that the plan stands still because somebody asked for it."""
        self.enter_phase(Phase.PAUSED)
        self.update(paused=True, waiting_for="the signal resume, promote or abort")

    def go_on(self) -> None:
        """Show that the plan is walked again, if it was held."""
        if self.status.phase is Phase.PAUSED:
            self.update(paused=False, waiting_for="")
            self.enter_phase(self._obstacle_phase or self._walking)
            self.update(waiting_for="")

    def obstruct(self, obstacle: str, phase: Phase | None) -> None:
        """Show what a gate waits for, and its phase if it has one of its own, until it is cleared."""
        self._obstacle, self._obstacle_phase = obstacle, phase
        self.update(waiting_for=obstacle)
        if phase and self.status.phase is not Phase.PAUSED:
            self.enter_phase(phase)

    def clear(self) -> None:
        """Nothing is in the way any more."""
        self._obstacle, self._obstacle_phase = "", None
        self.update(gate="", consent=None, waiting_for="")
        if self.status.phase in (Phase.WAITING, Phase.WAITING_PROMOTION):
            self.enter_phase(self._walking)

    def enter_stage(self, index: int, stage: Stage) -> None:
        """Close the stage before, and show this one, unless it is the one that is open: a bake carried on."""
        if self.stage_started is not None and self.status.stage == index + 1:
            return
        self.close_stage()
        self.stage_started = workflow.now()
        self.update(stage=index + 1, doing=describe(stage), waiting_for="")

    def close_stage(self) -> None:
        """Keep what the stage that was open cost."""
        if self.stage_started is not None:
            seconds = (workflow.now() - self.stage_started).total_seconds()
            self.timings.append(StageTiming(stage=self.status.doing, seconds=round(seconds, 3)))
            self.stage_started = None

    def forget_stage(self) -> None:
        """The stage that is open is worth no place among the timings."""
        self.stage_started = None

    def close(self, outcome: Outcome, reason: str) -> CanaryOutcome:
        """End the account."""
        self.close_stage()
        result = CanaryOutcome(
            canary=self.status.canary,
            outcome=outcome,
            reason=reason,
            verdicts=self.status.verdicts,
            load=self.status.load,
            failed_checks=self.status.failed_checks,
            seconds=round((workflow.now() - self.started).total_seconds(), 3),
            stages=tuple(self.timings),
            notes=self.status.notes,
        )
        self.update(outcome=result, waiting_for="", paused=False, doing=f"{outcome}: {reason}")
        self.enter_phase(outcome.phase)
        return result


def _opening_status(request: CanaryRequest) -> CanaryStatus:
    return CanaryStatus(
        canary=request.ref.full_name,
        cluster=", ".join(request.ref.owner.clusters),
        revision=request.revision,
        phase=Phase.PROGRESSING,
    )


def _walking_phase(plan: Plan) -> Phase:
    """The phase up to the promotion."""
    return Phase.INITIALIZING if plan.purpose is Purpose.INITIALISATION else Phase.PROGRESSING

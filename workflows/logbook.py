"""A canary's running account: its status, its notes and what each stage cost, kept readable in the UI."""

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
        Note,
        StageTiming,
        StepReport,
    )
    from tidegate.decisions.details import canary_details
    from tidegate.domain.plan import Plan, Stage, describe
    from tidegate.domain.release import Outcome, Phase

PHASE = SearchAttributeKey.for_keyword(PHASE_ATTRIBUTE)
REVISION = SearchAttributeKey.for_keyword(REVISION_ATTRIBUTE)
_KEPT_NOTES = 200


class Logbook:
    """What a Canary says of itself. Every change is shown in the UI at once, and writes no event."""

    def __init__(self, request: CanaryRequest) -> None:
        self._searchable = request.limits.search_attributes
        self._started = workflow.now()
        self._stage_started: datetime | None = None
        self._timings: list[StageTiming] = []
        self.status = CanaryStatus(
            canary=request.ref.full_name,
            cluster=request.ref.owner.cluster,
            revision=request.revision,
            phase=Phase.PROGRESSING,
        )

    def update(self, **changes: Any) -> None:
        """Replace fields of the status."""
        self.status = self.status.model_copy(update=changes)
        workflow.set_current_details(canary_details(self.status))

    def note(self, text: str, *, warning: bool = False) -> None:
        """Write one line down."""
        workflow.logger.info(text)
        line = Note(at=workflow.now(), text=text, warning=warning)
        self.update(notes=(*self.status.notes, line)[-_KEPT_NOTES:])

    def report(self, report: StepReport) -> None:
        """Write down what a step said."""
        for text in report.notes:
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

    def open_plan(self, plan: Plan) -> None:
        """Show what will be walked."""
        self.update(stages=len(plan.stages), threshold=plan.threshold)

    def enter_stage(self, index: int, stage: Stage) -> None:
        """Close the stage before, and show this one."""
        self.close_stage()
        self._stage_started = workflow.now()
        self.update(stage=index + 1, doing=describe(stage), waiting_for="")

    def close_stage(self) -> None:
        """Keep what the stage that was open cost."""
        if self._stage_started is not None:
            seconds = (workflow.now() - self._stage_started).total_seconds()
            self._timings.append(StageTiming(stage=self.status.doing, seconds=round(seconds, 3)))
            self._stage_started = None

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
            seconds=round((workflow.now() - self._started).total_seconds(), 3),
            stages=tuple(self._timings),
            notes=self.status.notes,
        )
        self.enter_phase(outcome.phase)
        self.update(outcome=result, waiting_for="", paused=False, doing=f"{outcome}: {reason}")
        return result

"""Freezes: a canary that comes to its rollout in one begins when it ends, by a timer that outlives workers.

Who approves of the gate, or has overridden freezes at the start, lets it begin at once. What is under way
already is never held, and no way back is.
"""

from datetime import timedelta

from temporalio import workflow

from workflows.approvals import Approvals
from workflows.control import Control, Rest, comes_true
from workflows.logbook import Logbook
from workflows.steps import quick

with workflow.unsafe.imports_passed_through():
    from activities.freezes import FreezesActivities
    from tidegate.contracts import CanaryRequest, FreezeCommand, FreezeReport, Frozen
    from tidegate.decisions import narration
    from tidegate.domain.plan import Freeze
    from tidegate.domain.release import Phase

_SHORTEST = timedelta(seconds=1)


class Freezes:
    """The freezes of one canary."""

    def __init__(
        self, request: CanaryRequest, control: Control, logbook: Logbook, approvals: Approvals, rest: Rest
    ) -> None:
        self._ref = request.ref
        self._limits = request.limits
        self._override = request.override_freeze
        self._control = control
        self._logbook = logbook
        self._approvals = approvals
        self._rest = rest
        self._held = _was_held(request)

    async def outlast(self, stage: Freeze) -> None:
        """Return where no freeze is, or is none for this canary: a promotion by hand changes nothing."""
        self._approvals.enter(stage)
        while not self._control.approved:
            await self._rest()
            frozen = await self._look(stage)
            if frozen is None:
                break
            if self._override:
                self._logbook.note(narration.freeze_overridden(frozen, self._override), warning=True)
                break
            await self._stand(frozen)
        if not self._held:
            self._logbook.forget_stage()
        self._approvals.leave()

    async def _look(self, stage: Freeze) -> Frozen | None:
        report: FreezeReport = await workflow.execute_activity_method(
            FreezesActivities.look,
            FreezeCommand(rules=stage.rules, at=workflow.now()),
            **quick("Look for a freeze", budget_seconds=self._limits.outage_budget_seconds),
        )
        return report.frozen

    async def _stand(self, frozen: Frozen) -> None:
        """Until it ends, or something has happened."""
        self._held = True
        self._approvals.announce(narration.waiting_for_thaw(self._ref.full_name, frozen))
        self._logbook.obstruct(narration.freeze_holds(self._ref, frozen), Phase.WAITING)
        control, limit = self._control, self._limits.signals_per_run
        await comes_true(
            lambda: control.approved or control.is_held(limit),
            max(_SHORTEST, frozen.until - workflow.now()),
            f"Wait for the freeze's end: {frozen.reason}"[:150],
        )


def _was_held(request: CanaryRequest) -> bool:
    """Whether the run before this one handed over in a freeze."""
    progress = request.progress
    return progress is not None and isinstance(progress.plan.stages[progress.stage], Freeze)

"""The target and its primary: brought up, promoted, and laid to rest, each in one watched step."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.clusters import everywhere, home_first
from workflows.logbook import Logbook
from workflows.rollback import Fences
from workflows.steps import clearing, reason_of, restoring, waiting

with workflow.unsafe.imports_passed_through():
    from activities.workload import WorkloadActivities
    from tidegate.contracts import CanaryCommand, CanaryRequest, StepReport
    from tidegate.decisions import narration
    from tidegate.domain.errors import ReleaseFailed
    from tidegate.domain.plan import Plan, Purpose


class Workload:
    """One canary's Deployments. `follow` has to say first what the plan allows them."""

    def __init__(self, request: CanaryRequest, fences: Fences, logbook: Logbook) -> None:
        self._ref = request.ref
        self._limits = request.limits
        self._fences = fences
        self._logbook = logbook
        self._purpose = Purpose.UPKEEP
        self._target = ""
        self._synced: dict[str, str] = {}
        self._deadline = 0.0

    def follow(self, plan: Plan, target: str) -> None:
        """From now on each step has as long as this plan gives it."""
        self._purpose, self._target, self._synced = plan.purpose, target, plan.synced
        self._deadline = float(plan.progress_deadline_seconds)

    async def prepare(self) -> None:
        """The primary and what is around it exist and are current."""
        drain = self._limits.drain_seconds  # of what a release that was cut off has left
        await self._step(WorkloadActivities.prepare, "Prepare primary and routes", drain_seconds=drain)

    async def scale_up(self) -> None:
        """The target runs the new version, and all its pods are ready."""
        self._logbook.note(narration.scaling_up(self._ref.full_name))
        self._logbook.on_change()
        await self._step(WorkloadActivities.scale_up, "Scale up target", synced=self._synced)
        self._logbook.note(narration.starting_analysis(self._ref.full_name))

    async def promote(self) -> None:
        """The primary runs the new version, and all its pods are ready."""
        self._logbook.note(narration.copying(self._ref.full_name, self._target, self._ref.namespace))
        await self._step(WorkloadActivities.promote, "Promote to primary")

    async def scale_down(self) -> None:
        """The traffic is where it belongs: this is tried until it works, and undoes no promotion."""
        if self._purpose is Purpose.RELEASE:
            self._logbook.note(narration.promoted(self._ref.full_name))
        try:
            await self._lay_to_rest()
        except (ActivityError, ReleaseFailed) as error:
            told = f"the target was not scaled down: {reason_of(error)}"
            self._logbook.note(narration.without_others(told, self._ref.everywhere), warning=True)

    async def _step(self, method: Any, summary: str, *, drain_seconds: float = 0.0, **further: Any) -> None:
        options = waiting(
            summary,
            deadline_seconds=self._deadline + drain_seconds,
            budget_seconds=self._limits.outage_budget_seconds,
        )
        command = self._command(summary).model_copy(update=further)
        self._done(await everywhere(method, command, options))

    async def _lay_to_rest(self) -> None:
        """In further clusters it is given up as on the way back: a later release settles what was left."""
        summary, deadline = "Scale down target", self._deadline
        options = restoring(summary, deadline_seconds=deadline)
        limited = clearing(summary, deadline_seconds=deadline, total_seconds=self._limits.clearing_seconds)
        command = self._command(summary)
        self._done(await home_first(WorkloadActivities.scale_down, command, options, limited))

    def _command(self, summary: str) -> CanaryCommand:
        self._logbook.update(waiting_for=f"{summary.lower()}, for {self._deadline:g}s at most")
        return CanaryCommand(ref=self._ref, fence=self._fences.next(), deadline_seconds=self._deadline)

    def _done(self, report: StepReport) -> None:
        self._logbook.update(waiting_for="")
        self._logbook.report(report)

"""The Canary workflow: walks a plan, stage by stage, and turns back when it must.

Whatever ends it (a failed analysis, an abort, a cancellation, a neighbour out of reach for too long), traffic
ends on one side. A run that has grown long continues as new where it stands, with all that it knows.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.alarm import Alarm
from workflows.control import Aborted, Control, settle, to_the_end, unless_aborted
from workflows.crew import Crew
from workflows.events import Events
from workflows.logbook import Logbook
from workflows.rollback import Fences, WayBack, start_ms
from workflows.steps import Options, outcome_of, quick, reason_of

with workflow.unsafe.imports_passed_through():
    from activities.workload import WorkloadActivities
    from tidegate.contracts import (
        ABORT,
        APPROVE,
        CANARY_WORKFLOW,
        DIRECTIVE,
        PAUSE,
        PROMOTE,
        RESUME,
        STATUS,
        AbortRequest,
        ApproveRequest,
        CanaryOutcome,
        CanaryProgress,
        CanaryRequest,
        CanaryStatus,
        Directive,
        StepReport,
    )
    from tidegate.decisions import course, narration
    from tidegate.decisions.coordination import with_meeting
    from tidegate.domain.alert_provider import Severity
    from tidegate.domain.errors import ReleaseFailed
    from tidegate.domain.plan import Plan, Purpose
    from tidegate.domain.release import Outcome, Phase

_DONE = {
    Purpose.INITIALISATION: Outcome.INITIALISED,
    Purpose.RELEASE: Outcome.PROMOTED,
    Purpose.UPKEEP: Outcome.UNCHANGED,
}
T = TypeVar("T")


@workflow.defn(name=CANARY_WORKFLOW)
class Canary:
    """One canary's release, from its plan to one of two ends."""

    @workflow.init
    def __init__(self, request: CanaryRequest) -> None:
        self._request = request
        self._ref = request.ref
        self._limits = request.limits
        progress = request.progress
        self._control = Control.carried(progress)
        self._logbook = Logbook(request)
        self._fences = _fences_of(request)
        self._events = Events(request, self._fences, self._logbook)
        self._crew = Crew(request, self._control, self._logbook, self._fences, self._events, self._rest)
        self._plan: Plan | None = None
        self._stage = 0
        self._purpose = Purpose.UPKEEP
        self._target = ""
        self._reason = ""
        self._alarm: asyncio.Task[None] | None = None
        if progress is not None:
            self._carry_on(progress)

    @workflow.run
    async def run(self, request: CanaryRequest) -> CanaryOutcome:
        """Plan, walk, and report; on the way back, compensate first."""
        self._crew.rendezvous.open()
        try:
            if self._plan is None:
                self._plan = await self._unless_aborted(self._make_plan())
            await self._walk(self._plan)
        except Aborted as abort:
            return await self._turn_back(abort.outcome, str(abort))
        except (ActivityError, ReleaseFailed) as error:
            return await self._turn_back(outcome_of(error), reason_of(error))
        except asyncio.CancelledError:
            await self._turn_back(Outcome.ABORTED, "cancelled in Temporal")
            raise
        return await self._finish()

    @workflow.signal(name=PAUSE)
    def pause(self) -> None:
        """Hold the plan where it is; the traffic stays, the time does not count."""
        if self._control.ask_pause():
            phase = Phase.PROMOTING if self._control.sealed else self._logbook.status.phase
            self._logbook.note(narration.pausing(phase))

    @workflow.signal(name=RESUME)
    def resume(self) -> None:
        """Go on after a pause."""
        if self._control.ask_resume():
            self._logbook.note("Resume asked for by signal")

    @workflow.signal(name=PROMOTE)
    def promote(self) -> None:
        """Skip what is left of the analysis and promote."""
        if self._control.ask_promote():
            self._logbook.note("Promotion asked for by signal: skipping what is left of the analysis")
            self._crew.vigil.heed_promotion()

    @workflow.signal(name=APPROVE)
    def approve(self, argument: Any = None) -> None:
        """Open the gate that waits, in the place of its hooks.

        The argument, an ApproveRequest or a text, says which gates are meant, and who approves.
        """
        self._crew.approvals.hear(ApproveRequest.read(argument))

    @workflow.signal(name=ABORT)
    def abort(self, argument: Any = None) -> None:
        """Roll back now, whatever is under way; the argument, an AbortRequest or a text, says why."""
        if self._control.ask_abort(AbortRequest.read(argument)):
            self._logbook.note("Abort asked for by signal")

    @workflow.signal(name=DIRECTIVE)
    def directive(self, directive: Directive | None = None) -> None:
        """The release tells where the other canaries stand; people need not."""
        if directive is not None:
            self._crew.rendezvous.hear(directive)

    @workflow.query(name=STATUS)
    def status(self) -> CanaryStatus:
        """Where the canary stands."""
        return self._logbook.status

    async def _make_plan(self) -> Plan:
        self._logbook.update(doing="Plan", waiting_for="the plan")
        result = await workflow.execute_activity_method(
            WorkloadActivities.plan, self._ref, **self._quick("Plan")
        )
        plan = with_meeting(result.plan, self._request.others, result.freezes)
        self._follow(plan, result.target, result.reason)
        self._logbook.open_plan(plan)
        self._logbook.report(
            StepReport(notes=(result.reason,), warnings=result.warnings, changed=self._request.changed)
        )
        if self._purpose is Purpose.RELEASE:
            self._logbook.alert(Severity.INFO, narration.DETECTED)
        self._events.publication.show()
        return plan

    def _follow(self, plan: Plan, target: str, reason: str) -> None:
        self._plan, self._purpose = plan, plan.purpose
        self._target, self._reason = target, reason
        self._crew.follow(plan, target)
        self._events.follow(plan)

    async def _walk(self, plan: Plan) -> None:
        for index, stage in list(enumerate(plan.stages))[self._stage :]:
            self._stage = index
            if self._control.promoted and course.is_analysis(stage):
                self._crew.skip()
                continue
            if course.is_receding(stage) and (self._crew.traffic.hurried or self._control.promoted):
                continue
            if course.may_pause_before(stage) and not self._crew.rendezvous.went:
                await self._unless_aborted(self._rest())
            self._logbook.enter_stage(index, stage)
            if not course.is_gate(stage):  # whether it is open is worth more than that it was come to
                self._events.tell()
            if course.is_final(stage):
                await to_the_end(self._crew.perform(stage))
            else:
                await self._unless_aborted(self._crew.perform(stage))

    async def _rest(self) -> None:
        """A place where nothing is under way: hold while paused, hand over when this run has grown long."""
        if self._control.paused:
            self._logbook.hold()
            await workflow.wait_condition(lambda: not self._control.paused or self._is_worn())
        if not self._control.paused:
            self._logbook.go_on()
        if self._is_worn():
            await self._events.settle()
            await settle()
            self._hand_over()

    def _is_worn(self) -> bool:
        return self._control.is_run_worn(self._limits.signals_per_run)

    def _hand_over(self) -> NoReturn:
        """Continue as new with all that this run knows. An abort never gets here: it turns back at once."""
        workflow.continue_as_new(self._request.model_copy(update={"progress": self._progress()}))

    def _progress(self) -> CanaryProgress:
        assert self._plan is not None, "nothing is handed over before there is a plan"  # noqa: S101
        return CanaryProgress(
            plan=self._plan,
            target=self._target,
            reason=narration.with_changes(self._reason, self._logbook.changed),
            stage=self._stage,
            remaining_seconds=self._crew.analysis.remaining,
            analysed_since=self._crew.analysis.since,
            passing=self._crew.analysis.passing,
            routing=self._crew.traffic.routing,
            routed=self._crew.traffic.routed,
            fence=self._fences.last,
            paused=self._control.paused,
            promoted=self._control.promoted,
            approved=self._control.approved,
            approvals=self._control.waiting.approvals,
            closed=self._crew.gates.closed,
            refused_by=self._crew.gates.refused_by,
            directive=self._crew.rendezvous.directive,
            reported=self._crew.rendezvous.reported,
            untold=self._events.untold,
            unshown=self._events.publication.unshown,
            skipped_from=self._crew.skipped_from,
            status=self._logbook.status,
            timings=tuple(self._logbook.timings),
            started=self._logbook.started,
            stage_started=self._logbook.stage_started,
        )

    def _carry_on(self, progress: CanaryProgress) -> None:
        """Stand where the run before this one stood, as do the control, the analysis and the logbook."""
        self._follow(progress.plan, progress.target, progress.reason)
        self._stage = progress.stage
        self._logbook.update()

    async def _unless_aborted(self, work: Coroutine[Any, Any, T]) -> T:
        return await unless_aborted(self._control, work)

    async def _turn_back(self, outcome: Outcome, reason: str) -> CanaryOutcome:
        """End on the old side. Without a release under way there is nothing to bring back."""
        self._logbook.close_stage()
        self._crew.rendezvous.turn_back(reason)
        if self._purpose is not Purpose.RELEASE:
            self._logbook.note(f"{outcome}: {reason}", warning=True)
            self._logbook.alert(Severity.ERROR, f"{outcome}: {reason}")
            return await self._close(outcome, reason)
        outcome = Outcome.ROLLED_BACK if outcome in (Outcome.FAILED, Outcome.INVALID) else outcome
        way = await self._go_back(outcome, reason)
        if way.promoted_by == self._fences.epoch:  # final, or that of all others as well
            outcome, reason = Outcome.PROMOTED, narration.stands(reason)
        await to_the_end(self._crew.hooks.after(succeeded=outcome is Outcome.PROMOTED))
        return await self._close(outcome, narration.with_what_is_left(reason, way.left))

    async def _go_back(self, outcome: Outcome, reason: str) -> WayBack:
        """Say that all goes back, and why; then go, under an alarm for traffic that does not come back."""
        self._logbook.enter_phase(Phase.ROLLING_BACK)
        self._crew.gates.leave()
        self._logbook.update(paused=False, doing="Roll back")
        self._wait_for_way_back()
        tells = narration.keeping if self._crew.rendezvous.stays else narration.rolling_back
        told = tells(self._ref.full_name, reason)
        self._logbook.note(told, warning=True)
        self._logbook.alert(Severity.ERROR if outcome is Outcome.ROLLED_BACK else Severity.WARN, told)
        say, tell, given = self._logbook.report, self._wait_for_way_back, self._crew.traffic.given
        rendezvous = self._crew.rendezvous
        way = WayBack(
            self._ref, self._fences, self._limits, say, tell, given, stands=lambda: rendezvous.stays
        )
        if self._plan and self._plan.alerts and self._plan.alerts.alarm:
            self._alarm = asyncio.create_task(Alarm(way, self._logbook, self._limits).watch())
        await to_the_end(way.roll_back(self._fences.epoch))
        self._logbook.update(weight=0, baseline=0)
        return way

    def _wait_for_way_back(self, obstacle: str = "") -> None:
        self._logbook.update(waiting_for=obstacle or narration.THE_WAY_BACK)

    async def _finish(self) -> CanaryOutcome:
        outcome, name = _DONE[self._purpose], self._ref.full_name
        if self._purpose is Purpose.INITIALISATION:
            self._logbook.note(narration.initialised(name))
        if told := narration.FINISHED.get(self._purpose):
            self._logbook.alert(Severity.INFO, told)
        why = narration.with_changes(self._reason, self._logbook.changed)
        reason = narration.finished(outcome, name, why, self._crew.skipped_from)
        if self._control.aborted or workflow.cancellation_reason() is not None:
            reason = narration.too_late(reason)
        return await self._close(outcome, reason)

    async def _close(self, outcome: Outcome, reason: str) -> CanaryOutcome:
        """End the account, and let those who listen have the last of it."""
        result = self._logbook.close(outcome, reason)
        self._crew.rendezvous.close()
        await to_the_end(self._events.close())
        return result

    def _quick(self, summary: str) -> Options:
        return quick(summary, budget_seconds=self._limits.outage_budget_seconds)


def _fences_of(request: CanaryRequest) -> Fences:
    """Those of the run before, where there is one."""
    if request.progress:
        return Fences(request.progress.fence.epoch, request.progress.fence)
    return Fences(request.epoch or start_ms())

"""The Release workflow: resolve, sync, canaries, outcome.

One run at a time for an application at a destination. Starting another revision meanwhile reaches this run
as an update.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from workflows.children import Children
from workflows.control import Aborted, Control, settle, to_the_end, to_the_end_at_first, unless_aborted
from workflows.logbook import PHASE, REVISION
from workflows.recovery import Recovery, find_split_traffic, route_back
from workflows.rollback import Fences, start_ms
from workflows.steps import Options, fetching, outcome_of, quick, reason_of, waiting
from workflows.submissions import Submissions
from workflows.uninstallation import Uninstallation

with workflow.unsafe.imports_passed_through():
    from activities.git import GitActivities
    from activities.sync import SyncActivities
    from activities.traffic import TrafficActivities
    from tidegate.contracts import (
        ABORT,
        APPROVE,
        PAUSE,
        PROMOTE,
        RELEASE_WORKFLOW,
        REPORT,
        RESUME,
        STATUS,
        SUBMIT,
        AbortRequest,
        ApproveRequest,
        CanaryOutcome,
        Limits,
        ReleaseOutcome,
        ReleaseRequest,
        ReleaseStatus,
        Report,
        ResolveCommand,
        Resolved,
        RouteCommand,
        Submission,
        Survey,
        SyncCommand,
        SyncReport,
    )
    from tidegate.decisions import narration
    from tidegate.decisions.details import release_details
    from tidegate.domain.release import Outcome, Phase, worst

T = TypeVar("T")


@workflow.defn(name=RELEASE_WORKFLOW)
class Release:
    """One attempt to bring one application at one revision to its destination."""

    @workflow.init
    def __init__(self, request: ReleaseRequest) -> None:
        self._request = request
        self._control = Control(paused=request.held, promoted=request.promoted)
        self._fences = Fences(start_ms())
        self._children = Children(
            self._control,
            self._fences,
            lambda what: self._update(waiting_for=what or self._children.told),
        )
        self._children.override_freeze = request.override_freeze
        self._limits = Limits()
        self._submissions = Submissions(
            request,
            self._control,
            self._children,
            resolve=self._resolved,
            status=lambda: self._status,
            show=lambda revisions: self._update(queued=revisions),
            promote=self.promote,
        )
        self._synced = SyncReport()
        self._status = ReleaseStatus(
            application=request.application.name,
            cluster=request.told_clusters,
            namespace=request.application.spec.destination.namespace,
            revision=request.wanted_revision,
            phase=Phase.RESOLVING,
            paused=request.held,
            warnings=request.warnings,
            queued=tuple(waiting.wanted_revision for waiting in request.queued),
        )

    @workflow.run
    async def run(self, request: ReleaseRequest) -> ReleaseOutcome:
        """Bring it there, say how it ended, and hand over to whoever waits."""
        if request.previous is not None:
            self._enter_phase(Phase.RESOLVING)
        try:
            outcome = await self._end_of(self._request)
        except Aborted as abort:
            outcome = self._close(abort.outcome, str(abort))
        except FailureError as error:
            if not isinstance(error, ActivityError | ApplicationError):
                raise
            outcome = self._close(outcome_of(error), reason_of(error))
        except asyncio.CancelledError:
            outcome = self._close(Outcome.ABORTED, "cancelled in Temporal", self._children.outcomes)
            if not self._submissions.waiting:
                raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._submissions.waiting:
            self._submissions.hand_over(outcome)
        return outcome

    @workflow.signal(name=PAUSE)
    async def pause(self) -> None:
        """Hold every canary where it is; before the sync, hold the release itself."""
        self._control.ask_pause()
        self._update(paused=True)
        await self._children.tell(PAUSE)

    @workflow.signal(name=RESUME)
    async def resume(self) -> None:
        """Go on after a pause."""
        self._control.ask_resume()
        self._update(paused=False)
        await self._children.tell(RESUME)

    @workflow.signal(name=PROMOTE)
    async def promote(self) -> None:
        """Skip what is left of every canary's analysis."""
        self._control.ask_promote()
        self._update(paused=False)
        await self._children.tell(PROMOTE)

    @workflow.signal(name=APPROVE)
    async def approve(self, argument: Any = None) -> None:
        """Open the gate that each canary waits at.

        The argument, an ApproveRequest or a text, says which gates of which canaries, and who approves.
        """
        await self._children.tell(APPROVE, ApproveRequest.read(argument))

    @workflow.signal(name=ABORT)
    async def abort(self, argument: Any = None) -> None:
        """Roll every canary back now; the argument, an AbortRequest or a text, says why."""
        request = AbortRequest.read(argument)
        self._control.ask_abort(request)
        await self._children.tell(ABORT, request)

    @workflow.signal(name=REPORT)
    async def report(self, report: Report | None = None) -> None:
        """A canary tells where it stands; people need not."""
        if report is not None:
            await self._children.hear(report)

    @workflow.query(name=STATUS)
    def status(self) -> ReleaseStatus:
        """Where the release stands; its canaries answer for themselves."""
        return self._status

    @workflow.update(name=SUBMIT)
    async def submit(self, request: ReleaseRequest) -> Submission:
        """Somebody starts this application while this run is there: attach, supersede, queue or reject."""
        return await self._submissions.answer(request)

    async def _end_of(self, request: ReleaseRequest) -> ReleaseOutcome:
        if request.recovers:
            return await self._recover()
        return await self._uninstall() if request.uninstalls else await self._bring()

    async def _uninstall(self) -> ReleaseOutcome:
        """Give the canaries' objects back. Nothing interrupts it: half-way, there are two workloads."""
        self._enter_phase(Phase.UNINSTALLING)
        work = Uninstallation(self._request, self._fences, lambda what: self._update(waiting_for=what))
        await to_the_end(work.run())
        self._update(warnings=work.warnings)
        reason = narration.recovery_reason(work.outcomes, self._status.application)
        outcome = worst([canary.outcome for canary in work.outcomes] or [Outcome.UNCHANGED])
        return self._close(outcome, reason, work.outcomes)

    async def _recover(self) -> ReleaseOutcome:
        """Put right what the last run left. Nothing interrupts it: it is the way back already."""
        self._enter_phase(Phase.RECOVERING)
        recovery = Recovery(self._request, self._fences, lambda what: self._update(waiting_for=what))
        await to_the_end(recovery.run())
        self._update(warnings=recovery.warnings)
        reason = narration.recovery_reason(recovery.outcomes, self._status.application)
        outcome = worst([canary.outcome for canary in recovery.outcomes] or [Outcome.UNCHANGED])
        return self._close(outcome, reason, recovery.outcomes)

    async def _bring(self) -> ReleaseOutcome:
        await self._route_back_remains()
        resolved = await self._unless_aborted(self._resolve())
        survey = await self._unless_aborted(self._survey(resolved))
        await self._unless_aborted(self._hold_while_paused())
        self._enter_phase(Phase.SYNCING)
        await self._unless_aborted(self._bring_traffic_back(survey))
        await self._unless_aborted(self._sync(resolved))
        self._enter_phase(Phase.RELEASING)
        canaries = await self._release_canaries(survey)
        outcome = worst([canary.outcome for canary in canaries])
        return self._close(outcome, narration.release_reason(canaries, len(self._synced.objects)), canaries)

    async def _route_back_remains(self) -> None:
        """Found, it is said at once; and an abort does not end the way back."""
        self._update(waiting_for="a look at the mesh, for traffic that an earlier release has left split")
        found = await self._unless_aborted(find_split_traffic(self._request, self._fences, self._limits))
        left = tuple(narration.left_split(remains) for remains in found.canaries)
        self._warn(*found.warnings, *left)
        self._warn(*await to_the_end_at_first(route_back(found, self._fences, self._limits)))
        self._update(waiting_for="")

    async def _resolve(self) -> Resolved:
        self._update(waiting_for="Git")
        resolved = await self._resolved(self._request)
        self._limits = resolved.limits
        self._update(sha=resolved.owner.source.sha, waiting_for="")
        return resolved

    async def _resolved(self, request: ReleaseRequest) -> Resolved:
        return await workflow.execute_activity_method(
            GitActivities.resolve,
            ResolveCommand(request=request),
            **fetching("Resolve revision", budget_seconds=self._limits.outage_budget_seconds),
        )

    async def _survey(self, resolved: Resolved) -> Survey:
        """Render and validate all of it, before anything changes."""
        survey = await workflow.execute_activity_method(
            SyncActivities.survey,
            resolved.owner,
            **fetching("Render and validate", budget_seconds=self._limits.outage_budget_seconds),
        )
        self._fences.follow(survey.epoch)
        self._warn(*survey.warnings)
        return survey

    async def _bring_traffic_back(self, survey: Survey) -> None:
        """A run that was cut off may have left a weight behind: put it right before the target changes."""
        for ref in survey.canaries:
            report = await workflow.execute_activity_method(
                TrafficActivities.route,
                RouteCommand(ref=ref, fence=self._fences.next()),
                **self._quick(f"Route {ref.full_name} 100/0"),
            )
            self._warn(*report.warnings)
            self._children.changed[ref.full_name] = report.changed

    async def _sync(self, resolved: Resolved) -> None:
        command = SyncCommand(owner=resolved.owner, fence=self._fences.next())
        self._update(waiting_for="the sync")
        self._synced = await workflow.execute_activity_method(
            SyncActivities.apply, command, **self._waiting("Apply manifests")
        )
        self._update(waiting_for="what was applied to be healthy")
        await workflow.execute_activity_method(
            SyncActivities.await_health, command, **self._waiting("Wait for health")
        )
        self._update(waiting_for="")

    async def _release_canaries(self, survey: Survey) -> list[CanaryOutcome]:
        def changed() -> None:
            self._update(canaries=self._children.ids)

        if survey.together and self._request.application.coordinated:
            self._children.coordinate(survey.canaries)
        self._update(waiting_for=self._children.told if survey.canaries else "")
        return await self._children.release(survey.canaries, self._limits, self._status.sha, changed)

    def _close(
        self, outcome: Outcome, reason: str, canaries: list[CanaryOutcome] | None = None
    ) -> ReleaseOutcome:
        halves = narration.half_released(canaries or ()) if self._children.coordinated else ()
        result = ReleaseOutcome(
            application=self._status.application,
            outcome=outcome,
            reason=narration.with_what_is_left(reason, halves),
            revision=self._status.revision,
            sha=self._status.sha,
            canaries=tuple(canaries or ()),
            objects=self._synced.objects,
            warnings=self._status.warnings,
            seconds=round((workflow.now() - workflow.info().start_time).total_seconds(), 3),
        )
        self._enter_phase(outcome.phase)
        self._update(outcome=result, waiting_for="", paused=False)
        return result

    async def _hold_while_paused(self) -> None:
        if self._control.paused:
            self._update(waiting_for="the signal resume or abort")
            await workflow.wait_condition(lambda: not self._control.paused or self._is_worn())
            if self._is_worn():
                await settle()
                await workflow.wait_condition(workflow.all_handlers_finished)
            if self._control.paused and not self._control.aborted:
                self._hand_over_held()
            self._update(waiting_for="")

    def _is_worn(self) -> bool:
        return self._control.is_run_worn(self._limits.signals_per_run)

    def _hand_over_held(self) -> NoReturn:
        """A pause before the sync may last for weeks: a fresh run begins again, and holds at this place."""
        held = {"revision": self._status.sha, "held": True, "promoted": self._control.promoted}
        held |= {"warnings": self._status.warnings, "previous": None}
        carried = held | self._submissions.carried
        workflow.continue_as_new(self._request.model_copy(update=carried))

    async def _unless_aborted(self, work: Coroutine[Any, Any, T]) -> T:
        return await unless_aborted(self._control, work)

    def _enter_phase(self, phase: Phase) -> None:
        """Show a phase, and make it and the revision searchable where Temporal knows the attributes."""
        self._update(phase=phase)
        searchable = workflow.info().typed_search_attributes.get(PHASE) is not None
        if searchable or self._limits.search_attributes:
            revision = self._status.sha or self._status.revision
            workflow.upsert_search_attributes([PHASE.value_set(phase.value), REVISION.value_set(revision)])

    def _warn(self, *lines: str) -> None:
        self._update(warnings=tuple(dict.fromkeys((*self._status.warnings, *lines))))

    def _update(self, **changes: Any) -> None:
        self._status = self._status.model_copy(update=changes)
        workflow.set_current_details(release_details(self._status))

    def _quick(self, summary: str) -> Options:
        return quick(summary, budget_seconds=self._limits.outage_budget_seconds)

    def _waiting(self, summary: str) -> Options:
        return waiting(
            summary,
            deadline_seconds=self._limits.sync_timeout_seconds,
            budget_seconds=self._limits.outage_budget_seconds,
        )

"""The canaries of one release: started, told what people ask for, waited for, and put right if need be."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    TemporalError,
    TerminatedError,
    WorkflowAlreadyStartedError,
)

from workflows.canary import Canary
from workflows.control import Control, to_the_end
from workflows.coordination import Coordinator
from workflows.rollback import Fences, Tell, WayBack, now_ms
from workflows.steps import reason_of

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import (
        ABORT,
        APPLICATION_ATTRIBUTE,
        APPROVE,
        CLUSTER_ATTRIBUTE,
        DIRECTIVE,
        NAMESPACE_ATTRIBUTE,
        PAUSE,
        PHASE_ATTRIBUTE,
        PROMOTE,
        RESUME,
        REVISION_ATTRIBUTE,
        TASK_TIMEOUT,
        AbortRequest,
        ApproveRequest,
        CanaryOutcome,
        CanaryRef,
        CanaryRequest,
        Directive,
        Limits,
        Note,
        Report,
        StepReport,
        canary_workflow_id,
    )
    from tidegate.decisions import narration
    from tidegate.decisions.coordination import told_names
    from tidegate.domain.base import Model
    from tidegate.domain.release import Outcome, Phase

Handle = workflow.ChildWorkflowHandle[Any, CanaryOutcome]
Argument = AbortRequest | ApproveRequest
Message = tuple[str, tuple[Argument, ...]]


class Children:
    """All canaries of a release, side by side: each by itself, or coordinated.

    `tell` shows what keeps the release from putting one right.
    """

    def __init__(self, control: Control, fences: Fences, tell: Tell) -> None:
        self._control = control
        self._fences = fences
        self._tell = tell
        self._handles: dict[str, Handle] = {}
        self._outbox: list[Message] = []
        self._telling = False
        self._coordinator: Coordinator | None = None
        self.outcomes: list[CanaryOutcome] = []
        self.override_freeze = ""
        """Why canaries that start from here on wait for no freeze."""
        self.changed: dict[str, tuple[str, ...]] = {}
        """Fields of routes that were brought to Git before the canaries, by these's full names."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Workflow ids, in the order of the manifests."""
        return tuple(self._handles)

    @property
    def told(self) -> str:
        """What a release waits for that has canaries."""
        return narration.TOGETHER if self._coordinator else narration.CANARIES

    @property
    def coordinated(self) -> bool:
        """Whether they are promoted together."""
        return self._coordinator is not None

    def coordinate(self, refs: Sequence[CanaryRef]) -> None:
        """None of these is promoted before all have passed; one that turns back takes the others along."""
        names = dict(zip(map(_workflow_id, refs), told_names(refs), strict=True))
        self._coordinator = Coordinator(names, self._epoch, self._control, self._tell_directive)

    async def hear(self, report: Report) -> None:
        """One of several that are coordinated tells where it stands."""
        if self._coordinator:
            await self._coordinator.hear(report)

    async def release(
        self, refs: Sequence[CanaryRef], limits: Limits, revision: str, changed: Callable[[], None]
    ) -> list[CanaryOutcome]:
        """Release all canaries. A cancellation reaches every one, and waits for its way back."""
        runs = [asyncio.create_task(self._release_one(ref, limits, revision, changed)) for ref in refs]
        try:
            await workflow.wait_condition(lambda: all(run.done() for run in runs))
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is None:
                raise  # the run leaves its worker's cache, and goes on elsewhere
            if self._coordinator:
                self._coordinator.dissolve()
            for ref, run in zip(refs, runs, strict=True):
                if _workflow_id(ref) not in self._handles:
                    run.cancel()
            await asyncio.gather(*(_cancel(workflow_id) for workflow_id in self._handles))
            await workflow.wait_condition(lambda: all(run.done() for run in runs))
            self.outcomes = [run.result() for run in runs if not run.cancelled()]
            raise
        self.outcomes = [run.result() for run in runs]
        return self.outcomes

    async def tell(self, signal: str, *arguments: Argument) -> None:
        """Pass a signal on. A canary that has ended meanwhile has nothing left to do with it.

        Of what comes while one is being passed on, only what still matters follows: Temporal takes so many
        signals in flight, and a storm of them must not fill the release's history.
        """
        message = (signal, arguments)
        self._outbox = [*_still_wanted(self._outbox, message), message]
        if self._telling:
            return
        self._telling = True
        while self._outbox:
            name, values = self._outbox.pop(0)
            for handle in list(self._handles.values()):
                await _tell(handle, name, *values)
        self._telling = False

    async def _release_one(
        self, ref: CanaryRef, limits: Limits, revision: str, changed: Callable[[], None]
    ) -> CanaryOutcome:
        workflow_id, coordinator = _workflow_id(ref), self._coordinator
        others = coordinator.others(workflow_id) if coordinator else ()
        request = CanaryRequest(
            ref=ref,
            limits=limits,
            revision=revision,
            others=others,
            changed=self.changed.get(ref.full_name, ()),
            override_freeze=self.override_freeze,
            epoch=self._epoch,
        )
        outcome = await self._outcome_of(request, changed)
        if coordinator:
            await coordinator.ended(workflow_id, outcome)
        return outcome

    async def _outcome_of(self, request: CanaryRequest, changed: Callable[[], None]) -> CanaryOutcome:
        try:
            handle = await self._start(request)
        except ApplicationError as error:
            return CanaryOutcome(canary=request.ref.full_name, outcome=Outcome.FAILED, reason=error.message)
        self._handles[handle.id] = handle
        changed()
        await self._catch_up(handle)
        try:
            return await handle
        except ChildWorkflowError as error:
            if self._coordinator:
                await self._coordinator.lost(handle.id, _told_reason(error))
            stands = bool(self._coordinator and self._coordinator.stayed)
            return await _put_right(request, error, self._tell, stands)

    async def _start(self, request: CanaryRequest) -> Handle:
        """Start the canary; one left behind by an earlier release is told to turn back, and waited for."""
        ref, limits = request.ref, request.limits
        workflow_id = _workflow_id(ref)
        deadline = now_ms() + 1000 * limits.outage_budget_seconds
        pause_seconds = 0.5
        while True:
            try:
                return await workflow.start_child_workflow(
                    Canary.run,
                    request,
                    id=workflow_id,
                    parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                    cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                    task_timeout=TASK_TIMEOUT,
                    static_summary=f"{ref.full_name} on {', '.join(ref.owner.clusters)}",
                    search_attributes=_search_attributes(request),
                )
            except WorkflowAlreadyStartedError:
                if now_ms() > deadline:
                    raise ApplicationError(
                        f"{workflow_id} still belongs to an earlier release; end it first",
                        type="ReleaseFailed",
                        non_retryable=True,
                    ) from None
                await evict(workflow_id, "a new release begins")
                await workflow.sleep(pause_seconds, summary=f"Wait for the earlier {workflow_id}")
                pause_seconds = min(2 * pause_seconds, 10.0)

    async def _catch_up(self, handle: Handle) -> None:
        """Tell a canary what was asked before it existed."""
        if self._control.abort is not None:
            await _tell(handle, ABORT, self._control.abort)
        elif self._control.promoted:
            await _tell(handle, PROMOTE)
        elif self._control.paused:
            await _tell(handle, PAUSE)
        if self._coordinator:
            await self._coordinator.begun(handle.id)

    @property
    def _epoch(self) -> int:
        """Of the canaries' fences: later than the release's own."""
        return self._fences.epoch + 1

    async def _tell_directive(self, workflow_id: str, directive: Directive) -> None:
        await _tell(self._handles[workflow_id], DIRECTIVE, directive)


def _workflow_id(ref: CanaryRef) -> str:
    return canary_workflow_id(ref.owner.cluster, ref.namespace, ref.name)


def _still_wanted(outbox: list[Message], new: Message) -> list[Message]:
    """Without what the new signal settles: an abort all before it, a promotion pauses and resumes.

    A pause or a resume settles the one before it, and an approval an equal one.
    """
    settled = {
        ABORT: (ABORT, PROMOTE, APPROVE, PAUSE, RESUME),
        PROMOTE: (PROMOTE, PAUSE, RESUME),
        APPROVE: (),
    }
    over = settled.get(new[0], (PAUSE, RESUME))
    return [message for message in outbox if message[0] not in over and message != new]


async def _tell(handle: Handle, signal: str, *arguments: Model) -> None:
    try:
        await handle.signal(signal, args=arguments)
    except TemporalError as error:
        workflow.logger.info("%s not told %s: %s", handle.id, signal, error)


async def _cancel(workflow_id: str) -> None:
    """Cancel the canary's present run; the handle would name its first one, which may have continued."""
    try:
        await workflow.get_external_workflow_handle(workflow_id).cancel()
    except TemporalError as error:
        workflow.logger.info("%s ended by itself: %s", workflow_id, error)


async def evict(workflow_id: str, reason: str) -> bool:
    """Tell a canary that an earlier release left behind to turn back; False when there is none."""
    request = AbortRequest(reason=reason, superseded=True)
    try:
        await workflow.get_external_workflow_handle(workflow_id).signal(ABORT, request)
    except TemporalError as error:
        workflow.logger.info("%s ended by itself: %s", workflow_id, error)
        return False
    return True


async def end_stray(workflow_id: str, reason: str, budget_seconds: float) -> StepReport:
    """A canary that runs without its release is told to turn back; our fences keep it from doing harm."""
    deadline = now_ms() + 1000 * budget_seconds
    pause_seconds = 0.5
    told = False
    while await evict(workflow_id, reason):
        told = True
        if now_ms() > deadline:
            return StepReport(warnings=(f"{workflow_id} still runs; see why it is stuck in the UI",))
        await workflow.sleep(pause_seconds, summary=f"Wait for the end of {workflow_id}")
        pause_seconds = min(2 * pause_seconds, 10.0)
    return StepReport(notes=(f"{workflow_id} ran without its release; it has turned back",) if told else ())


def _told_reason(error: ChildWorkflowError) -> str:
    """Why a canary ended without an outcome of its own."""
    match error.cause:
        case CancelledError():
            return "cancelled in Temporal"
        case TerminatedError():
            return "terminated in Temporal"
        case _:
            return reason_of(error)


async def _put_right(
    request: CanaryRequest, error: ChildWorkflowError, tell: Tell, stands: bool
) -> CanaryOutcome:
    """A canary that was cancelled has gone back by itself; for one that was cut off, its parent does it.

    `stands`: all canaries were promoted by then, and this one is not undone. One that was cancelled may have
    gone back before it heard so: its parent looks.
    """
    ref, cause, reason = request.ref, error.cause, _told_reason(error)
    if isinstance(cause, CancelledError) and not stands:
        return CanaryOutcome(canary=ref.full_name, outcome=Outcome.ABORTED, reason=f"{reason}; rolled back")
    notes: list[Note] = []

    def say(report: StepReport) -> None:
        notes.extend(report.told(workflow.now()))

    fences = Fences(max(now_ms(), request.epoch + 1))
    way = WayBack(ref, fences, request.limits, say, tell, stands=lambda: stands)
    await to_the_end(way.roll_back(request.epoch))
    undone = Outcome.ABORTED if isinstance(cause, CancelledError | TerminatedError) else Outcome.FAILED
    promoted = request.epoch == way.promoted_by
    ended = narration.stands(reason) if promoted else f"{reason}; the release rolled it back"
    return CanaryOutcome(
        canary=ref.full_name,
        outcome=Outcome.PROMOTED if promoted else undone,
        reason=narration.with_what_is_left(ended, way.left),
        notes=tuple(notes),
    )


def _search_attributes(request: CanaryRequest) -> TypedSearchAttributes | None:
    if not request.limits.search_attributes:
        return None
    owner = request.ref.owner
    values = {
        APPLICATION_ATTRIBUTE: owner.application,
        CLUSTER_ATTRIBUTE: owner.cluster,
        NAMESPACE_ATTRIBUTE: request.ref.namespace,
        REVISION_ATTRIBUTE: request.revision,
        PHASE_ATTRIBUTE: Phase.PROGRESSING.value,
    }
    return TypedSearchAttributes(
        [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in values.items()]
    )

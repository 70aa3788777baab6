"""Starts that come while a run of their application is there: they attach, supersede, queue or are rejected.

What waits is handed over to by continuing as new, so that no start is lost with the process that asked.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.children import Children
from workflows.control import Control
from workflows.steps import failure_type, reason_of

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import (
        ABORT,
        AbortRequest,
        Disposition,
        OnConflict,
        ReleaseOutcome,
        ReleaseRequest,
        ReleaseStatus,
        Resolved,
        Submission,
    )

Resolve = Callable[[ReleaseRequest], Awaitable[Resolved]]


class Submissions:
    """The answers that one run gives, and the requests that wait for its end.

    `resolve` fixes a request's revision, `status` is the run's own, `show` is told the revisions that wait,
    and `promote` skips the run's analysis.
    """

    def __init__(
        self,
        request: ReleaseRequest,
        control: Control,
        children: Children,
        *,
        resolve: Resolve,
        status: Callable[[], ReleaseStatus],
        show: Callable[[tuple[str, ...]], None],
        promote: Callable[[], Awaitable[None]],
    ) -> None:
        self._request = request
        self._control = control
        self._children = children
        self._resolve = resolve
        self._status = status
        self._show = show
        self._promote = promote
        self._queue = list(request.queued)
        self._dropped: tuple[str, ...] = ()
        self._greeted = request.previous is not None or request.held

    async def answer(self, request: ReleaseRequest) -> Submission:
        """What becomes of a request; the first one is the run's own start."""
        if not self._greeted:
            self._greeted = True
            if request == self._request:
                return self._submission(Disposition.STARTED, request)
        if not request.releases:
            return self._asked_aside(request)
        wanted = await self._pinned(request)
        if not self._request.releases:
            return self._enqueue(wanted)
        same = wanted.revision == await self._sha() and wanted.application == self._request.application
        if same and not self._control.aborted:
            return await self._attach(wanted)
        if self._status().outcome is not None:
            return self._enqueue(wanted)
        match request.on_conflict:
            case OnConflict.REJECT:
                return self._submission(
                    Disposition.REJECTED, wanted, f"{self._status().revision} is being released already"
                )
            case OnConflict.QUEUE:
                return self._enqueue(wanted)
            case OnConflict.SUPERSEDE:
                return await self._supersede(wanted)

    @property
    def waiting(self) -> bool:
        """Whether anybody waits for this run's end."""
        return bool(self._queue)

    @property
    def carried(self) -> dict[str, Any]:
        """What a fresh run of the same request has to know of them."""
        return {"queued": tuple(self._queue), "dropped": self._dropped}

    def hand_over(self, outcome: ReleaseOutcome) -> NoReturn:
        """Continue as the first that waits, with the others behind it."""
        successor, *later = self._queue
        workflow.continue_as_new(
            successor.model_copy(
                update={"previous": outcome, "queued": tuple(later), "dropped": self._dropped}
            ),
            initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE,
        )

    def _asked_aside(self, request: ReleaseRequest) -> Submission:
        """A recovery or an uninstallation waits for the other's end, and is refused while a release runs."""
        status = self._status()
        if status.outcome is None and self._request.releases:
            return self._refused_aside(request)
        if status.outcome is None and _aside(request) == _aside(self._request):
            return self._submission(Disposition.ATTACHED, request)
        return self._enqueue(request)

    def _refused_aside(self, request: ReleaseRequest) -> Submission:
        status = self._status()
        return self._submission(Disposition.REJECTED, request, f"{status.revision} is being released")

    async def _pinned(self, request: ReleaseRequest) -> ReleaseRequest:
        """The request at a full SHA, so that it means the same when its turn comes."""
        try:
            resolved = await self._resolve(request)
        except ActivityError as error:
            raise ApplicationError(reason_of(error), type=failure_type(error), non_retryable=True) from error
        return request.model_copy(update={"revision": resolved.owner.source.sha})

    async def _sha(self) -> str:
        """What this run releases, once it is known."""
        await workflow.wait_condition(
            lambda: bool(self._status().sha) or self._status().outcome is not None,
        )
        return self._status().sha

    async def _attach(self, request: ReleaseRequest) -> Submission:
        if request.promoted:
            await self._promote()
        return self._submission(Disposition.ATTACHED, request)

    async def _supersede(self, request: ReleaseRequest) -> Submission:
        dropped = dict.fromkeys([*self._dropped, *(waiting.revision for waiting in self._queue)])
        self._dropped = tuple(revision for revision in dropped if revision != request.revision)
        self._queue = [request]
        self._show_queue()
        abort = AbortRequest(reason=f"superseded by {request.revision[:12]}", superseded=True)
        self._control.ask_abort(abort)
        await self._children.tell(ABORT, abort)
        return self._submission(Disposition.SUPERSEDING, request)

    def _enqueue(self, request: ReleaseRequest) -> Submission:
        """Let it wait behind the others; of two that ask for the same one waits, promoted if either is."""
        waiting = next((at for at, each in enumerate(self._queue) if _same(each, request)), None)
        if waiting is None:
            self._queue.append(request)
        elif request.promoted:
            self._queue[waiting] = self._queue[waiting].model_copy(update={"promoted": True})
        self._show_queue()
        return self._submission(Disposition.QUEUED, request)

    def _show_queue(self) -> None:
        self._show(tuple(waiting.revision for waiting in self._queue))

    def _submission(self, disposition: Disposition, request: ReleaseRequest, reason: str = "") -> Submission:
        status = self._status()
        return Submission(
            disposition=disposition,
            revision=status.sha or status.revision,
            run_id=workflow.info().run_id,
            reason=reason,
            wanted=request.wanted_revision,
        )


def _same(one: ReleaseRequest, other: ReleaseRequest) -> bool:
    """Whether two requests ask for the same."""
    return _asked(one) == _asked(other)


def _asked(request: ReleaseRequest) -> tuple[object, ...]:
    return *_aside(request), request.revision, request.application


def _aside(request: ReleaseRequest) -> tuple[object, ...]:
    """What a recovery or an uninstallation asks for."""
    return request.mode, request.canaries, request.forgotten

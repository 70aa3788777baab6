"""Follows a release to its end, across the runs that succeed each other under one workflow id.

A run that is superseded, or that others wait for, ends by continue-as-new; the next run's request holds the
ended run's outcome. A starter whose revision waits follows until the run that carries it, and on to its end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from temporalio.client import (
    Client,
    WorkflowContinuedAsNewError,
    WorkflowFailureError,
    WorkflowHistoryEventAsyncIterator,
)
from temporalio.exceptions import CancelledError, TerminatedError
from temporalio.service import RPCError, RPCStatusCode

from tidegate.cli.exits import OUT_OF_REACH, CommandFailed
from tidegate.cli.release_name import ReleaseName
from tidegate.contracts import ReleaseOutcome, ReleaseRequest
from tidegate.domain.release import Outcome

OUTAGE_SECONDS = 60.0
"""How long Temporal may be out of reach before following gives up: a restart of its frontends."""

RETRY_SECONDS = 1.0
OUTAGES = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)

T = TypeVar("T")


class Follower:
    """One revision of one release. `run_id` is the run to look at now.

    `revisions` are all names of the revision; `waits` says that the current run still carries another one.
    """

    def __init__(
        self,
        client: Client,
        release: ReleaseName,
        run_id: str,
        revisions: Iterable[str],
        *,
        waits: bool = False,
    ) -> None:
        self._client = client
        self._release = release
        self._revisions = frozenset(revisions)
        self.run_id = run_id
        self.waits = waits

    async def outcome(self) -> ReleaseOutcome:
        """How the revision's own run ended. CommandFailed when Temporal stays out of reach."""
        while True:
            ended = await self._end_of_run()
            if ended is not None:
                return ended

    async def _end_of_run(self) -> ReleaseOutcome | None:
        """The outcome, or None when the next run has to be followed."""
        handle = self._client.get_workflow_handle(
            self._release.workflow_id, run_id=self.run_id, result_type=ReleaseOutcome
        )
        try:
            return self._of_chain_end(await patiently(lambda: handle.result(follow_runs=False)))
        except WorkflowContinuedAsNewError as continued:
            run_id = continued.new_execution_run_id
        except WorkflowFailureError as failure:
            return self._made_up(*_words(failure.cause))
        return self._of_next_run(run_id, await read_request(self._client, self._release.workflow_id, run_id))

    def _of_next_run(self, run_id: str, request: ReleaseRequest) -> ReleaseOutcome | None:
        if not self.waits and request.previous and self._is_mine(request.previous):
            return request.previous
        if self.waits and self._revisions & set(request.dropped):
            return self._made_up(
                Outcome.SUPERSEDED, f"superseded by {request.wanted_revision} while it was queued"
            )
        self.run_id = run_id
        self.waits = self.waits and request.wanted_revision not in self._revisions
        return None

    def _of_chain_end(self, outcome: ReleaseOutcome) -> ReleaseOutcome:
        if not self.waits or self._is_mine(outcome):
            return outcome
        return self._made_up(
            Outcome.SUPERSEDED, f"another revision took its place; {outcome.revision} was {outcome.outcome}"
        )

    def _is_mine(self, outcome: ReleaseOutcome) -> bool:
        return bool(self._revisions & {outcome.revision, outcome.sha})

    def _made_up(self, outcome: Outcome, reason: str) -> ReleaseOutcome:
        return ReleaseOutcome(
            application=self._release.application,
            outcome=outcome,
            reason=reason,
            revision=max(self._revisions, key=len),
        )


async def read_request(client: Client, workflow_id: str, run_id: str | None) -> ReleaseRequest:
    """What a run (None: the last one) was asked for: the input in its first event."""

    async def first_input() -> ReleaseRequest:
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        events: WorkflowHistoryEventAsyncIterator = handle.fetch_history_events(page_size=1)
        first = await anext(events)
        payloads = first.workflow_execution_started_event_attributes.input.payloads
        request: ReleaseRequest = (await client.data_converter.decode(payloads, [ReleaseRequest]))[0]
        return request

    return await patiently(first_input)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, however often Temporal has to be asked during a short outage."""
    clock = asyncio.get_running_loop().time
    failing_since: float | None = None
    while True:
        asked = clock()
        try:
            return await ask()
        except RPCError as error:
            if error.status not in OUTAGES:
                raise
            failing_since = failing_since or asked
            if clock() - failing_since > OUTAGE_SECONDS:
                raise CommandFailed(
                    f"Temporal has been out of reach for {OUTAGE_SECONDS:g}s: {error.message}", OUT_OF_REACH
                ) from None
        await asyncio.sleep(RETRY_SECONDS)


def _words(cause: BaseException) -> tuple[Outcome, str]:
    """What to say of a workflow that ended without a result."""
    match cause:
        case CancelledError():
            return Outcome.ABORTED, "the workflow was cancelled"
        case TerminatedError():
            why = f": {cause.message}" if cause.message not in ("", "Workflow terminated") else ""
            return Outcome.ABORTED, f"the workflow was terminated{why}"
        case _:
            return Outcome.FAILED, f"the workflow failed: {_innermost(cause)}"


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__

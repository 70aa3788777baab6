"""Hands a release to Temporal: starts its workflow, or asks the running one, in a single step."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    QueryRejectCondition,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from tidegate.cli.exits import FAILED, INVALID, OUT_OF_REACH, REFUSED, CommandFailed
from tidegate.cli.following import OUTAGES
from tidegate.contracts import (
    APPLICATION_ATTRIBUTE,
    CLUSTER_ATTRIBUTE,
    NAMESPACE_ATTRIBUTE,
    PHASE_ATTRIBUTE,
    RELEASE_WORKFLOW,
    REVISION_ATTRIBUTE,
    STATUS,
    SUBMIT,
    TASK_TIMEOUT,
    ReleaseOutcome,
    ReleaseRequest,
    ReleaseStatus,
    Submission,
)
from tidegate.decisions.details import HOW_TO
from tidegate.domain.errors import AccessDenied, InvalidInput, RevisionNotFound, Unreachable
from tidegate.domain.release import Phase

SILENCE_SECONDS = 10.0
"""How long no answer is no news: a worker's first answer takes well under a second."""

QUEUE_TIMEOUT = timedelta(seconds=1)
"""How long a look at the queue may hold up the submission: it is for the message alone."""

COMPLETED_MEANWHILE = "AcceptedUpdateCompletedWorkflow"

CLOSING_ATTEMPTS = 5
"""How often a submission is repeated that met a run in the moment of its end."""


CLOSING = (*OUTAGES, RPCStatusCode.ABORTED, RPCStatusCode.NOT_FOUND)
"""What Temporal answers meanwhile, and during a short outage."""

BUSY_PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds before a submission is sent again that a workflow could not take in time: a worker with many starts
at once gets to it at Temporal's next try."""


async def submit(
    client: Client, request: ReleaseRequest, task_queue: str, on_silence: Callable[[], None]
) -> Submission:
    """What became of the request. `on_silence` is called once when no worker answers for a while.

    CommandFailed when the running release refuses, RPCError when Temporal does.
    """
    asking = asyncio.create_task(_submit(client, request, task_queue))
    try:
        done, _ = await asyncio.wait({asking}, timeout=SILENCE_SECONDS)
        if not done:
            on_silence()
        return await asking
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def queued_behind(client: Client, workflow_id: str) -> tuple[str, ...]:
    """The revisions that wait for the running release's end; none when nothing runs or nobody answers."""
    handle = client.get_workflow_handle(workflow_id)
    try:
        status: ReleaseStatus = await handle.query(
            STATUS,
            result_type=ReleaseStatus,
            reject_condition=QueryRejectCondition.NOT_OPEN,
            rpc_timeout=QUEUE_TIMEOUT,
        )
    except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError, ValidationError):
        return ()
    return status.queued


async def _submit(client: Client, request: ReleaseRequest, task_queue: str) -> Submission:
    pauses = iter(BUSY_PAUSES)
    while True:
        try:
            return await _submit_once(client, request, task_queue)
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            if not isinstance(error.__cause__, RPCError):
                raise  # cancelled; else Temporal waited its minute for a worker, and nothing was lost
        except RPCError as error:
            pause = next(pauses, None)
            if pause is None or error.status is not RPCStatusCode.FAILED_PRECONDITION:
                raise
            await asyncio.sleep(pause)


async def _submit_once(client: Client, request: ReleaseRequest, task_queue: str) -> Submission:
    attributes: TypedSearchAttributes | None = search_attributes(request)
    for attempt in range(CLOSING_ATTEMPTS):
        try:
            return await _send(client, request, task_queue, attributes)
        except WorkflowUpdateFailedError as error:
            if getattr(error.cause, "type", "") != COMPLETED_MEANWHILE:
                raise _refusal(error.cause) from None
        except RPCError as error:
            if attributes and _names_unknown_attribute(error):
                attributes = None
            elif error.status not in CLOSING or attempt == CLOSING_ATTEMPTS - 1:
                raise
    raise CommandFailed("the running release kept ending while it was asked; try again", REFUSED)


async def _send(
    client: Client, request: ReleaseRequest, task_queue: str, attributes: TypedSearchAttributes | None
) -> Submission:
    start: WithStartWorkflowOperation[Any, ReleaseOutcome] = WithStartWorkflowOperation(
        RELEASE_WORKFLOW,
        request,
        id=request.workflow_id,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        result_type=ReleaseOutcome,
        search_attributes=attributes,
        task_timeout=TASK_TIMEOUT,
        static_summary=summary(request),
        static_details=details(request),
    )
    try:
        answer: Submission = await client.execute_update_with_start_workflow(
            SUBMIT, request, start_workflow_operation=start, id=str(uuid.uuid4()), result_type=Submission
        )
    except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
        with contextlib.suppress(Exception):
            await start.workflow_handle()  # the SDK keeps the same error here, and logs it if nobody looks
        raise
    return answer


def _refusal(cause: BaseException) -> CommandFailed:
    """The running release could not take the submission: its line says why, its type whose fault that is."""
    code = _REFUSALS.get(getattr(cause, "type", None) or "", FAILED)
    return CommandFailed(str(cause), code)


_REFUSALS = {
    InvalidInput.__name__: INVALID,
    RevisionNotFound.__name__: INVALID,
    Unreachable.__name__: OUT_OF_REACH,
    AccessDenied.__name__: OUT_OF_REACH,
}


def search_attributes(request: ReleaseRequest) -> TypedSearchAttributes:
    """What releases are found by; the workflow keeps revision and phase current."""
    values = {
        APPLICATION_ATTRIBUTE: request.application.name,
        CLUSTER_ATTRIBUTE: request.cluster,
        NAMESPACE_ATTRIBUTE: request.application.spec.destination.namespace,
        REVISION_ATTRIBUTE: request.revision,
        PHASE_ATTRIBUTE: Phase.QUEUED.value,
    }
    return TypedSearchAttributes(
        [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in values.items()]
    )


def summary(request: ReleaseRequest) -> str:
    """The run's line in the UI's list."""
    clusters = "+".join((request.cluster, *request.application.further_clusters))
    return f"{request.application.name} to {clusters}/{request.application.spec.destination.namespace}"


def details(request: ReleaseRequest) -> str:
    """The run's page in the UI: what is released, and how to steer it."""
    source = request.application.spec.source
    lines = [
        f"repository: {source.repo_url}",
        f"path: `{source.path}`",
        f"revision: `{request.revision}`",
        f"started by: {request.started_by}" if request.started_by else "",
        "",
        HOW_TO,
    ]
    return "  \n".join(line for line in lines if line)


def _names_unknown_attribute(error: RPCError) -> bool:
    return error.status is RPCStatusCode.INVALID_ARGUMENT and "search attribute" in error.message.lower()

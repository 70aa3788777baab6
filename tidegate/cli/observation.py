"""What can be seen of a release now: its own answers, its canaries', and what Temporal retries for them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.service import RPCError, RPCStatusCode

from tidegate.cli.exits import INVALID, CommandFailed
from tidegate.cli.release_name import ReleaseName
from tidegate.contracts import STATUS, CanaryStatus, ReleaseStatus
from tidegate.domain.base import Model

CUT_OFF = (
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT,
    WorkflowExecutionStatus.FAILED,
)
"""Ends of a run that leave it no way back of its own."""

QUERY_TIMEOUT = timedelta(seconds=3)

Status = TypeVar("Status", ReleaseStatus, CanaryStatus)


class Retry(Model):
    """A step that failed and is tried again; `attempt` counts from 1."""

    activity: str
    attempt: int
    failure: str


class Observation(Model):
    """A release as it is seen at one moment. Without a worker that answers, `release` is None."""

    workflow_id: str
    run_id: str
    started: datetime
    ended: datetime | None = None
    closed_as: str = ""
    """Temporal's word for the end of the run; empty while it runs."""
    release: ReleaseStatus | None = None
    canaries: tuple[CanaryStatus, ...] = ()
    retries: tuple[Retry, ...] = ()
    ui: str = ""

    @property
    def was_cut_off(self) -> bool:
        """Whether the run ended without a way back of its own."""
        return self.closed_as in [status.name.lower().replace("_", " ") for status in CUT_OFF]

    @property
    def worker_answers(self) -> bool:
        """Whether a worker answered the query for the release's status."""
        return self.release is not None

    def seconds(self, now: datetime | None = None) -> float:
        """How long the run has taken up to `now` (default: the clock), or took."""
        return ((self.ended or now or datetime.now(UTC)) - self.started).total_seconds()


async def observe(client: Client, workflow_id: str, run_id: str | None = None, ui: str = "") -> Observation:
    """Ask Temporal and the release; CommandFailed when there is no such release."""
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    description, release = await asyncio.gather(_described(handle), _asked(handle, ReleaseStatus))
    ids = release.canaries if release else ()
    seen = await asyncio.gather(*(_canary(client, each, release) for each in ids))
    return Observation(
        workflow_id=workflow_id,
        run_id=description.run_id,
        started=description.start_time,
        ended=description.close_time,
        closed_as=_closed_as(description),
        release=release,
        canaries=tuple(status for status, _ in seen if status is not None),
        retries=(*_retries(description), *(retry for _, retries in seen for retry in retries)),
        ui=ui,
    )


async def _canary(
    client: Client, workflow_id: str, release: ReleaseStatus | None
) -> tuple[CanaryStatus | None, tuple[Retry, ...]]:
    """A child's status and retries; nothing while the child has yet to start."""
    handle = client.get_workflow_handle(workflow_id)
    try:
        status, description = await asyncio.gather(_asked(handle, CanaryStatus), handle.describe())
    except RPCError:
        return None, ()
    if status and release and status.revision not in (release.sha, release.revision):
        return None, ()  # the canary of an earlier release, for this one's has yet to start
    if status and (obstacle := await _obstacle(client, description)):
        status = status.model_copy(update={"waiting_for": f"{status.waiting_for}: {obstacle}"})
    return status, _retries(description)


async def _obstacle(client: Client, description: WorkflowExecutionDescription) -> str:
    """What a step that watches pods has said last, by its heartbeats; empty where none has."""
    for pending in description.raw_description.pending_activities:
        if pending.activity_type.name.startswith("workload_") and pending.heartbeat_details.payloads:
            (told, *_) = await client.data_converter.decode(pending.heartbeat_details.payloads)
            return told if isinstance(told, str) else ""
    return ""


async def _described(handle: WorkflowHandle[Any, Any]) -> WorkflowExecutionDescription:
    try:
        return await handle.describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND or "amespace" in error.message:
            raise
        raise CommandFailed(f"{ReleaseName.of_workflow(handle.id)} was never released", INVALID) from None


async def _asked(handle: WorkflowHandle[Any, Any], kind: type[Status]) -> Status | None:
    """The answer to the status query; None when no worker gives one."""
    try:
        answer = await handle.query(STATUS, result_type=kind, rpc_timeout=QUERY_TIMEOUT)
    except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError, ValidationError):
        return None
    return answer if isinstance(answer, kind) else None


def _closed_as(description: WorkflowExecutionDescription) -> str:
    if description.status in (None, WorkflowExecutionStatus.RUNNING):
        return ""
    return description.status.name.lower().replace("_", " ") if description.status else ""


def _retries(description: WorkflowExecutionDescription) -> tuple[Retry, ...]:
    pending = description.raw_description.pending_activities
    return tuple(_retry(each) for each in pending if each.attempt > 1)


def _retry(pending: PendingActivityInfo) -> Retry:
    failure = pending.last_failure
    while failure.HasField("cause") and not failure.message:
        failure = failure.cause
    line = " ".join(failure.message.split())
    return Retry(activity=pending.activity_type.name, attempt=pending.attempt, failure=line)

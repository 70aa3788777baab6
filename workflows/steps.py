"""How the workflows call their activities: time limits, retries, and what a failure says.

A step is retried with back-off for as long as a neighbour may be out of reach (the outage budget); the
routing of a rollback for ever, since traffic has to come back, and what follows it for a quarter of an hour.
"""

from datetime import timedelta
from typing import Any, TypedDict

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, TimeoutError

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import Fence
    from tidegate.domain.errors import InvalidInput, RevisionNotFound, StaleCommand
    from tidegate.domain.release import Outcome

RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=300),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=4),
)
RETRY_WAY_BACK = RetryPolicy(
    initial_interval=timedelta(milliseconds=300),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=1),
)
"""Traffic has to be back soon after the neighbour is, however long that was away."""

_INVALID = (InvalidInput.__name__, RevisionNotFound.__name__)

HEARTBEAT_TIMEOUT = timedelta(seconds=5)
"""So long a step stands still whose worker has died; a step that goes on beats every two seconds."""

HEARTBEAT_TIMEOUT_CLEARING = timedelta(seconds=10)
"""The same once the traffic is safe: there is time for a worker or a Temporal that is only slow."""

TELLING = timedelta(seconds=30)
"""What a batch of events may take."""

_QUICK = timedelta(seconds=60)
"""A few reads and a write at their most patient (tidegate/adapters/patience.py); heartbeats tell of death."""
_FETCH = timedelta(seconds=150)
_MARGIN = timedelta(seconds=30)


class Options(TypedDict, total=False):
    """Keyword arguments of workflow.execute_activity_method."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: workflow.ActivityCancellationType
    summary: str


def quick(summary: str, *, budget_seconds: float) -> Options:
    """A step of one or a few calls. An abort does not wait for it: its late writes are fenced off."""
    return Options(
        start_to_close_timeout=_QUICK,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        schedule_to_close_timeout=timedelta(seconds=budget_seconds),
        retry_policy=RETRY,
        cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
        summary=summary,
    )


def fetching(summary: str, *, budget_seconds: float) -> Options:
    """A step that may have to mirror a repository first."""
    options = quick(summary, budget_seconds=budget_seconds)
    options["start_to_close_timeout"] = _FETCH
    options["schedule_to_close_timeout"] = _FETCH + timedelta(seconds=budget_seconds)
    return options


def waiting(summary: str, *, deadline_seconds: float, budget_seconds: float) -> Options:
    """A step that watches until something is ready, and heartbeats meanwhile."""
    deadline = timedelta(seconds=deadline_seconds)
    return Options(
        start_to_close_timeout=deadline + _MARGIN,
        schedule_to_close_timeout=deadline + _MARGIN + timedelta(seconds=budget_seconds),
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RETRY,
        cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
        summary=summary,
    )


def under_load(summary: str, *, seconds: float, hook_seconds: float) -> Options:
    """A bake's load test. It beats once or twice a bake: every heartbeat that arrives is paid for.

    An attempt that takes over after a worker's death calls the hooks anew, as late as at the bake's end.
    """
    limit = timedelta(seconds=seconds + hook_seconds) + _MARGIN
    return Options(
        start_to_close_timeout=limit,
        schedule_to_close_timeout=limit,
        heartbeat_timeout=timedelta(seconds=min(30.0, max(5.0, seconds / 2))),
        retry_policy=RETRY,
        cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
        summary=summary,
    )


def asking(summary: str, *, hook_seconds: float, budget_seconds: float) -> Options:
    """A question to hooks, which may each take as long as their manifest says."""
    limit = timedelta(seconds=hook_seconds) + _MARGIN
    return Options(
        start_to_close_timeout=limit,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        schedule_to_close_timeout=limit + timedelta(seconds=budget_seconds),
        retry_policy=RETRY,
        cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
        summary=summary,
    )


def telling(summary: str, *, hook_seconds: float, limit: timedelta = TELLING) -> Options:
    """Events for hooks: nothing waits for them for long, and nothing depends on them."""
    return Options(
        start_to_close_timeout=limit,
        heartbeat_timeout=min(limit, timedelta(seconds=hook_seconds) + HEARTBEAT_TIMEOUT),
        schedule_to_close_timeout=limit,
        retry_policy=RETRY,
        cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
        summary=summary,
    )


def restoring(summary: str, *, deadline_seconds: float = 0.0) -> Options:
    """A step that brings traffic back or makes a promotion final: retried until it is done."""
    return Options(
        start_to_close_timeout=_QUICK + timedelta(seconds=deadline_seconds),
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RETRY_WAY_BACK,
        summary=summary,
    )


def clearing(summary: str, *, deadline_seconds: float, total_seconds: float) -> Options:
    """A step of the way back once the traffic is safe: given up after so long, all attempts together."""
    options = restoring(summary, deadline_seconds=deadline_seconds)
    options["heartbeat_timeout"] = HEARTBEAT_TIMEOUT_CLEARING
    options["schedule_to_close_timeout"] = timedelta(seconds=total_seconds)
    return options


def failure_type(error: BaseException) -> str:
    """The name of the error that an activity raised, or "" when it was none of ours."""
    root = _root(error)
    return root.type or "" if isinstance(root, ApplicationError) else ""


def obeyed_of(error: BaseException) -> Fence | None:
    """The token that made a command stale; None when that is not why it failed."""
    root = _root(error)
    if not isinstance(root, ApplicationError) or root.type != StaleCommand.__name__ or not root.details:
        return None
    return Fence.parse(str(root.details[0]))


def outcome_of(error: BaseException) -> Outcome:
    """Whether the input is at fault or something else: exit code 2 or 1."""
    return Outcome.INVALID if failure_type(error) in _INVALID else Outcome.FAILED


def reason_of(error: BaseException) -> str:
    """Why a step failed, in one line that a person understands."""
    root = _root(error)
    if isinstance(root, TimeoutError):
        step = error.activity_type if isinstance(error, ActivityError) else "the step"
        return f"{step} gave no result in time"
    return getattr(root, "message", None) or str(root) or type(root).__name__


def _root(error: BaseException) -> BaseException:
    """The innermost cause that Temporal reports; a time-out wraps the last attempt's failure."""
    cause: Any = error
    while isinstance(cause, FailureError) and isinstance(cause.__cause__, FailureError):
        cause = cause.__cause__
    return cause  # type: ignore[no-any-return]

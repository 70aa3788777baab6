"""What every activity shares: Tidegate's errors become Temporal's here, and nowhere else.

A `Permanent` error ends the activity; a `Transient` one, or one that we did not foresee, is retried by the
workflow's policy. The failure's type is the error's class name, its text one line without secrets.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NoReturn, TypeVar, cast

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.elapsed import counting
from activities.heartbeat import beating
from activities.whereabouts import cluster_of
from tidegate.adapters import patience
from tidegate.contracts import CanaryRef
from tidegate.decisions.clusters import told
from tidegate.domain.errors import Permanent, StaleCommand, TidegateError, Transient, Unreachable
from tidegate.domain.redaction import redacted

Method = TypeVar("Method", bound=Callable[..., Any])


def step(method: Method) -> Method:
    """Decorate an activity method, below `@activity.defn`: its errors reach the workflow well-formed.

    Its calls are patient by the attempt's number.
    """
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def run_async(*args: Any) -> Any:
            try:
                with counting(), patience.attempt(activity.info().attempt):
                    return await method(*args)
            except TidegateError as error:
                _fail(error, _cluster_of(args))

        return cast(Method, run_async)

    method = beating(method)

    @functools.wraps(method)
    def run(*args: Any) -> Any:
        try:
            with counting(), patience.attempt(activity.info().attempt):
                return method(*args)
        except TidegateError as error:
            _fail(error, _cluster_of(args))

    return cast(Method, run)


def _cluster_of(arguments: Sequence[Any]) -> str:
    """Where a step works that is done in each of several clusters; empty for every other."""
    ref = getattr(arguments[-1], "ref", None) if arguments else None
    return ref.cluster if isinstance(ref, CanaryRef) else ""


def _fail(error: TidegateError, cluster: str) -> NoReturn:
    """Transient errors are benign: an outage fills the UI's attempts, not the worker's error log.

    A stale command's detail is the token that was obeyed.
    """
    pause = error.retry_after if isinstance(error, Unreachable) else None
    details = (error.obeyed,) if isinstance(error, StaleCommand) else ()
    raise ApplicationError(
        redacted(told(cluster or cluster_of(error), str(error))),
        *details,
        type=type(error).__name__,
        non_retryable=isinstance(error, Permanent),
        category=ApplicationErrorCategory.BENIGN
        if isinstance(error, Transient)
        else ApplicationErrorCategory.UNSPECIFIED,
        next_retry_delay=None if pause is None else timedelta(seconds=pause),
    ) from None

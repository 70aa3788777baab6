"""What every activity shares: Tidegate's errors become Temporal's here, and nowhere else.

A `Permanent` error ends the activity; a `Transient` one, or one that we did not foresee, is retried by the
workflow's policy. The failure's type is the error's class name, its text one line without secrets.
"""

import functools
import inspect
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, cast

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from tidegate.domain.errors import Permanent, TidegateError, Transient

QUIET_SECONDS = 2.0
"""How long a step goes on before its first heartbeat; far below every heartbeat timeout."""

Method = TypeVar("Method", bound=Callable[..., Any])


def step(method: Method) -> Method:
    """Decorate an activity method, below `@activity.defn`: its errors reach the workflow well-formed."""
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def run_async(*args: Any) -> Any:
            try:
                return await method(*args)
            except TidegateError as error:
                _fail(error)

        return cast(Method, run_async)

    @functools.wraps(method)
    def run(*args: Any) -> Any:
        try:
            return method(*args)
        except TidegateError as error:
            _fail(error)

    return cast(Method, run)


def late_heartbeat() -> Callable[..., None]:
    """A heartbeat, silent for its first seconds: each that arrives is billed, and most steps are short."""
    began = time.monotonic()

    def beat(*details: object) -> None:
        if time.monotonic() - began >= QUIET_SECONDS:
            activity.heartbeat(*details)

    return beat


def _fail(error: TidegateError) -> NoReturn:
    """Transient errors are benign: an outage fills the UI's attempts, not the worker's error log."""
    raise ApplicationError(
        str(error),
        type=type(error).__name__,
        non_retryable=isinstance(error, Permanent),
        category=ApplicationErrorCategory.BENIGN
        if isinstance(error, Transient)
        else ApplicationErrorCategory.UNSPECIFIED,
    ) from None

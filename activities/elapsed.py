"""How long ago a step was scheduled, whatever the clock of this machine says.

Temporal's server tells when the step was scheduled and when this attempt began, by its own clock; from there
on a clock counts that nobody sets.
"""

import contextlib
import contextvars
import time
from collections.abc import Iterator

from temporalio import activity

_began: contextvars.ContextVar[float] = contextvars.ContextVar("began")
"""When this attempt began, in monotonic seconds."""


@contextlib.contextmanager
def counting() -> Iterator[None]:
    """An attempt at a step, from its begin to its end."""
    token = _began.set(time.monotonic())
    try:
        yield
    finally:
        _began.reset(token)


def seconds_since_scheduled() -> float:
    """Seconds since the step's first attempt was scheduled, and never below 0."""
    info = activity.info()
    waited = (info.started_time - info.scheduled_time).total_seconds()
    return max(0.0, waited) + time.monotonic() - _began.get(time.monotonic())

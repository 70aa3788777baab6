"""How long a neighbour is waited for: for one answer, and before the next try that it asks for.

Most attempts of a step give up early, so that a neighbour that has come back is noticed at once: what was
sent to one that hung may never be answered. Now and then one waits longer, for a neighbour that is only slow.

A write waits longer than a read in any case. An API server calls admission webhooks meanwhile, for 10 s each
unless they say otherwise and for 30 s at most, and drops a write whose sender has gone. Every write of a step
follows a read, in which a server that hangs is noticed.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime

from tidegate.decisions.retry_after import retry_after_seconds

SHORT_SECONDS, LONG_SECONDS = 3.0, 10.0
WRITE_SECONDS, LONG_WRITE_SECONDS = 12.0, 33.0
_FIRST_LONG = 8

LONGEST_PAUSE = 10.0
"""Seconds that a neighbour may ask us to stay away, at most: traffic may have to come back."""

_patient = ContextVar("patient", default=True)


def answer_seconds(*, writing: bool = False) -> float:
    """Seconds that an answer may take, in the present attempt; outside of one, the long time."""
    if writing:
        return LONG_WRITE_SECONDS if _patient.get() else WRITE_SECONDS
    return LONG_SECONDS if _patient.get() else SHORT_SECONDS


@contextlib.contextmanager
def attempt(number: int) -> Iterator[None]:
    """The block is a step's attempt of that number, from 1: of these the 8th, 16th, 32nd ... are patient."""
    long = number >= _FIRST_LONG and number.bit_count() == 1
    token = _patient.set(long)
    try:
        yield
    finally:
        _patient.reset(token)


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After asks for, in either of its forms; None without one that can be read."""
    asked = retry_after_seconds(header, datetime.now(UTC))
    return None if asked is None else min(max(asked, 0.0), LONGEST_PAUSE)

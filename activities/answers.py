"""The answers of neighbours that are asked all at once, and how long their silence is taken for a hiccup."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from activities.elapsed import seconds_since_scheduled
from tidegate.domain.errors import Permanent

T = TypeVar("T")

OUTAGE_SECONDS = 8.0
"""An outage this long is no hiccup: the check says so, and counts as failed as in Flagger."""


def is_outage() -> bool:
    """Whether the step has been tried for so long that a neighbour's silence is its answer."""
    return seconds_since_scheduled() >= OUTAGE_SECONDS


async def all_of(*questions: Coroutine[Any, Any, T]) -> list[T]:
    """All answers; of several failures the one that no retry mends."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    if failures:
        raise min(failures, key=lambda failure: not isinstance(failure, Permanent))
    return [answer for answer in answers if not isinstance(answer, BaseException)]

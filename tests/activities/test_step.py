"""What every activity shares: errors on their way to Temporal, and patience."""

import dataclasses
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.step import step
from tidegate.adapters.patience import LONG_SECONDS, SHORT_SECONDS, answer_seconds
from tidegate.domain.errors import TidegateError, Unreachable


@pytest.mark.parametrize(
    ("error", "delay"),
    [
        (Unreachable("cluster asm", "HTTP 429", retry_after=3), timedelta(seconds=3)),
        (Unreachable("cluster asm", "Connection refused"), None),
    ],
)
async def test_the_next_attempt_comes_when_the_neighbour_asks_for_it(
    error: TidegateError, delay: timedelta | None
) -> None:
    @step
    async def fail() -> None:
        raise error

    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(fail)
    assert (caught.value.next_retry_delay, caught.value.type) == (delay, "Unreachable")


@pytest.mark.parametrize(("attempt", "seconds"), [(1, SHORT_SECONDS), (8, LONG_SECONDS)])
def test_patience_goes_by_the_attempt(attempt: int, seconds: float) -> None:
    @step
    def ask() -> float:
        return answer_seconds()

    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=attempt)
    assert environment.run(ask) == seconds

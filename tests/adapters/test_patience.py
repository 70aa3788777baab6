"""How long a neighbour is waited for."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tidegate.adapters.patience import (
    LONG_SECONDS,
    LONG_WRITE_SECONDS,
    SHORT_SECONDS,
    WRITE_SECONDS,
    answer_seconds,
    attempt,
    retry_after,
)

WEBHOOK_SECONDS, LONGEST_WEBHOOK_SECONDS = 10, 30
"""How long Kubernetes waits for an admission webhook: by default, and at most."""


def test_most_attempts_are_short_and_some_are_patient() -> None:
    patient = []
    for number in range(1, 40):
        with attempt(number):
            assert answer_seconds() in (SHORT_SECONDS, LONG_SECONDS)
            if answer_seconds() == LONG_SECONDS:
                patient.append(number)
    assert patient == [8, 16, 32]


@pytest.mark.parametrize(
    ("number", "webhook_seconds", "seconds"),
    [(1, WEBHOOK_SECONDS, WRITE_SECONDS), (8, LONGEST_WEBHOOK_SECONDS, LONG_WRITE_SECONDS)],
)
def test_a_write_outlasts_an_admission_webhook(number: int, webhook_seconds: int, seconds: float) -> None:
    with attempt(number):
        assert answer_seconds(writing=True) == seconds
        assert answer_seconds(writing=True) > webhook_seconds


def test_outside_of_an_attempt_there_is_time() -> None:
    assert answer_seconds() == LONG_SECONDS


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), (" 0 ", 0.0), ("3600", 10.0), (None, None), ("", None), ("soon", None), ("-1", None)],
)
def test_retry_after_is_understood_and_bounded(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_retry_after_may_be_a_date() -> None:
    later = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=6), usegmt=True))
    past = retry_after("Wed, 21 Oct 2015 07:28:00 GMT")
    assert later is not None
    assert (4 < later < 7, past) == (True, 0.0)

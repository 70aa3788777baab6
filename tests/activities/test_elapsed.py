"""The time since a step was scheduled."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.elapsed import counting, seconds_since_scheduled

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("worker_is_ahead", [HOUR, timedelta(0), -HOUR], ids=["ahead", "right", "behind"])
def test_the_workers_clock_does_not_count(worker_is_ahead: timedelta) -> None:
    began = datetime.now(UTC) - worker_is_ahead
    assert 2.0 <= _elapsed(began - timedelta(seconds=2), began) < 3.0


def test_a_server_whose_clock_went_back_takes_no_time_away() -> None:
    now = datetime.now(UTC)
    assert 0.0 <= _elapsed(now + HOUR, now) < 1.0


def _elapsed(scheduled: datetime, started: datetime) -> float:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, scheduled_time=scheduled, started_time=started)

    def step() -> float:
        with counting():
            return seconds_since_scheduled()

    return float(environment.run(step))

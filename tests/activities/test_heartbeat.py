"""Heartbeats beside a step."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities import heartbeat
from activities.heartbeat import beating, late_heartbeat

Beats = list[tuple[Any, ...]]


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> Beats:
    monkeypatch.setattr(heartbeat, "QUIET_SECONDS", 0.05)
    return []


@pytest.fixture
def environment(beats: Beats) -> ActivityEnvironment:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, heartbeat_timeout=timedelta(seconds=5))
    environment.on_heartbeat = lambda *details: beats.append(details)
    return environment


def blocked(beats: Beats) -> Callable[[], int]:
    """A step that is stuck in a call until two heartbeats were sent."""

    @beating
    def step() -> int:
        deadline = time.monotonic() + 10
        while len(beats) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(beats)

    return step


def test_a_step_that_is_blocked_sends_heartbeats(environment: ActivityEnvironment, beats: Beats) -> None:
    assert environment.run(blocked(beats)) == 2


async def test_a_step_on_the_event_loop_sends_heartbeats(
    environment: ActivityEnvironment, beats: Beats
) -> None:
    @beating
    async def step() -> None:
        async with asyncio.timeout(10):
            while not beats:  # noqa: ASYNC110 - a list sets no event
                await asyncio.sleep(0.01)

    await environment.run(step)
    assert beats == [()]


def test_a_short_step_sends_none(environment: ActivityEnvironment, beats: Beats) -> None:
    environment.run(beating(lambda: None))
    time.sleep(0.1)
    assert beats == []


def test_they_repeat_what_the_step_told_last(environment: ActivityEnvironment, beats: Beats) -> None:
    wait = blocked(beats)

    @beating
    def step() -> None:
        late_heartbeat()("Deployment test/podinfo")
        wait()

    environment.run(step)
    assert ("Deployment test/podinfo",) in beats


def test_without_a_heartbeat_timeout_nobody_waits_for_them(
    environment: ActivityEnvironment, beats: Beats
) -> None:
    environment.info = replace(environment.info, heartbeat_timeout=None)
    environment.run(beating(lambda: time.sleep(0.15)))
    assert beats == []

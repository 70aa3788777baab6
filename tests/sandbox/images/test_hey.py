"""hey's command line and the load it makes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tidegate.sandbox.images.hey import MAX_SECONDS, HeyError, Load, LoadGenerator, parse_duration, parse_hey


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("hey http://a/", Load("http://a/")),
        (
            "hey -z 1m -q 10 -c 2 http://a/",
            Load("http://a/", workers=2, requests=None, seconds=60.0, rate=10.0),
        ),
        (
            "hey -n 3 -m POST -d '{\"a\": 1}' -T application/json -H 'Cookie: a=b' -host b http://a/",
            Load(
                "http://a/",
                requests=3,
                method="POST",
                body='{"a": 1}',
                headers=(("Cookie", "a=b"), ("Content-Type", "application/json"), ("Host", "b")),
            ),
        ),
        ("hey -z 3h http://a/", Load("http://a/", requests=None, seconds=MAX_SECONDS)),
    ],
)
def test_a_command_line_is_understood(command: str, expected: Load) -> None:
    assert parse_hey(command) == expected


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("wrk http://a/", "only hey"),
        ("hey -cpus 2 http://a/", "-cpus"),
        ("hey -z soon http://a/", "soon"),
        ("hey -c 0 http://a/", "-c"),
        ("hey -q -1 http://a/", "-q"),
        ("hey", "URL"),
        ("hey http://a/ && rm -rf /", "URL"),
        ("hey 'http://a/", "read"),
    ],
)
def test_what_is_not_supported_is_named(command: str, reason: str) -> None:
    with pytest.raises(HeyError, match=reason):
        parse_hey(command)


@pytest.mark.parametrize(("text", "seconds"), [("1h30m", 5400.0), ("500ms", 0.5), ("1.5s", 1.5)])
def test_a_duration_is_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


async def test_the_rate_is_kept(start: Callable[..., Awaitable[Any]]) -> None:
    pod = await start("podinfo")
    load = parse_hey(f"hey -z 1s -q 20 -c 2 {pod.url}/")
    report = await LoadGenerator(load).run()
    assert 30 <= report.statuses[200] <= 42


async def test_the_number_is_kept(start: Callable[..., Awaitable[Any]]) -> None:
    pod = await start("podinfo")
    report = await LoadGenerator(parse_hey(f"hey -n 50 -c 5 {pod.url}/status/500")).run()
    assert report.statuses == {500: 50}
    assert "[500]\t50 responses" in report.text()

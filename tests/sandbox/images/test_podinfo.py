"""podinfo's look-alike, as a process over HTTP."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

Start = Callable[..., Awaitable[Any]]


async def test_it_tells_who_it_is(start: Start, http: aiohttp.ClientSession) -> None:
    pod = await start("podinfo", PODINFO_UI_COLOR="#ff0000", HOSTNAME="podinfo-1")
    async with http.get(pod.url) as response:
        info = await response.json()
    assert {info[k] for k in ("hostname", "version", "color")} == {"podinfo-1", "6.1.0", "#ff0000"}
    assert info["message"] == "greetings from podinfo v6.1.0"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), ("/readyz", 200), ("/version", 200), ("/status/503", 503), ("/status/999", 400),
     ("/delay/0", 200), ("/env", 200), ("/headers", 200), ("/metrics", 200), ("/nowhere", 404)],
)  # fmt: skip
async def test_an_endpoint_answers_as_podinfo_does(
    start: Start, http: aiohttp.ClientSession, path: str, status: int
) -> None:
    pod = await start("podinfo")
    async with http.get(pod.url + path) as response:
        assert response.status == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/", 405), ("GET", "/readyz/enable", 405), ("PUT", "/status/201", 201), ("PUT", "/echo", 202)],
)
async def test_an_endpoint_has_its_methods(
    start: Start, http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    pod = await start("podinfo")
    async with http.request(method, pod.url + path, data=b"hello") as response:
        assert response.status == status


async def test_readiness_is_switched_off_and_on(start: Start, http: aiohttp.ClientSession) -> None:
    pod = await start("podinfo", "--unhealthy")
    seen = []
    for action in ("disable", "enable"):
        await (await http.post(f"{pod.url}/readyz/{action}")).read()
        async with http.get(f"{pod.url}/readyz") as response:
            seen.append(response.status)
    async with http.get(f"{pod.url}/healthz") as response:
        seen.append(response.status)
    assert seen == [503, 200, 503]


async def test_one_request_in_three_fails_and_the_probes_never_do(
    start: Start, http: aiohttp.ClientSession
) -> None:
    pod = await start("podinfo", "--random-error=true")

    async def status(path: str) -> int:
        async with http.get(pod.url + path) as response:
            return response.status

    answers = Counter(await asyncio.gather(*(status("/") for _ in range(900))))
    assert answers.keys() == {200, 400, 409, 500}
    assert 500 < answers[200] < 700
    assert set(await asyncio.gather(*(status("/readyz") for _ in range(50)))) == {200}


async def test_a_flag_in_the_environment_yields_to_the_argument(
    start: Start, http: aiohttp.ClientSession
) -> None:
    pod = await start("podinfo", "--ui-message=hello", PODINFO_UI_MESSAGE="no", PODINFO_UNREADY="true")
    async with http.get(pod.url) as response:
        assert (await response.json())["message"] == "hello"
    async with http.get(f"{pod.url}/readyz") as response:
        assert response.status == 503


async def test_the_metrics_count_what_was_answered(start: Start, http: aiohttp.ClientSession) -> None:
    pod = await start("podinfo", "--port-metrics=9797")
    for _ in range(3):
        await (await http.get(f"{pod.url}/status/500")).read()
    async with http.get(pod.url.replace("9898", "9797") + "/metrics") as response:
        text = await response.text()
    assert 'http_requests_total{status="500"} 3' in text
    assert 'http_request_duration_seconds_count{method="GET",path="/status",status="500"} 3' in text


async def test_requests_in_flight_are_finished_before_the_end(
    start: Start, http: aiohttp.ClientSession
) -> None:
    pod = await start("podinfo", "--level=debug")
    slow = asyncio.create_task(http.get(f"{pod.url}/delay/1"))
    await asyncio.sleep(0.1)
    code = await pod.process.terminate(10)
    assert ((await slow).status, code) == (200, 0)


async def test_a_panic_ends_the_process(start: Start, http: aiohttp.ClientSession) -> None:
    pod = await start("podinfo")
    with pytest.raises(aiohttp.ClientError):
        await http.get(f"{pod.url}/panic")
    assert await pod.process.wait() == 255

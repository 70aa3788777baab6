"""The load tester's look-alike, as a process over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

Start = Callable[..., Awaitable[Any]]


async def post(http: aiohttp.ClientSession, url: str, **metadata: str) -> tuple[int, str]:
    payload = {"name": "podinfo", "namespace": "test", "phase": "Progressing", "metadata": metadata}
    async with http.post(url, json=payload) as response:
        return response.status, await response.text()


async def test_a_load_test_runs_in_the_background_and_once(start: Start, http: aiohttp.ClientSession) -> None:
    pod = await start("podinfo", "--port-metrics=9797")
    tester = await start("loadtester", "-port=8080", port=8080)
    command = f"hey -n 30 -c 1 -q 60 {pod.url}/"
    answers = [await post(http, tester.url, cmd=command, logCmdOutput="true") for _ in range(2)]
    while "command finished" not in tester.log.read_text():  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.02)
    async with http.get(f"{pod.url}/metrics") as response:
        assert 'http_requests_total{status="200"} 30' in await response.text()
    assert answers == [(202, ""), (202, "")]


async def test_the_load_goes_through_the_proxy(start: Start, http: aiohttp.ClientSession) -> None:
    proxy = await start("podinfo")
    tester = await start("loadtester", "-port=8080", port=8080, HTTP_PROXY=proxy.url)
    metadata = {"type": "bash", "cmd": "hey -n 4 -c 1 http://podinfo-canary.test:9898/version"}
    status, report = await post(http, tester.url, **metadata, returnCmdOutput="true")
    assert status == 200
    assert "[200]\t4 responses" in report


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({}, 400),
        ({"type": "bash"}, 400),
        ({"cmd": "wrk http://a/"}, 501),
        ({"cmd": "hey -cpus 1 http://a/"}, 501),
        ({"type": "helmv3", "cmd": "test x"}, 501),
        ({"type": "bash", "cmd": "echo a | sh"}, 501),
        ({"type": "bash", "cmd": "echo $(id)"}, 501),
        ({"type": "bash", "cmd": "rm -rf /"}, 501),
        ({"type": "bash", "cmd": "true"}, 200),
        ({"type": "bash", "cmd": "exit 3"}, 500),
    ],
)
async def test_only_what_is_known_runs(
    start: Start, http: aiohttp.ClientSession, metadata: dict[str, str], status: int
) -> None:
    tester = await start("loadtester", "-port=8080", port=8080)
    assert (await post(http, tester.url, **metadata))[0] == status


async def test_a_gate_is_closed_until_it_is_opened(start: Start, http: aiohttp.ClientSession) -> None:
    tester = await start("loadtester", "-port=8080", port=8080)
    steps = ["gate/check", "gate/open", "gate/check", "rollback/check", "gate/close", "gate/check"]
    answers = [(await post(http, f"{tester.url}/{step}"))[0] for step in steps]
    assert answers == [403, 202, 200, 403, 202, 403]

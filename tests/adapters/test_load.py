"""Native load: paced, bounded, cancellable, and counted right."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tidegate.adapters.load import send_load
from tidegate.adapters.load_recorder import LoadRecorder
from tidegate.decisions.hey import parse_hey
from tidegate.domain.verdict import LoadReport

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


class Podinfo:
    """Answers after `delay` seconds; one request in `every` fails."""

    def __init__(self, delay: float = 0.0, every: int = 0) -> None:
        self.delay = delay
        self.every = every
        self.requests = 0
        self.connections: set[object] = set()
        self.started = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.connections.add(request.transport)
        self.started.set()
        await asyncio.sleep(self.delay)
        failing = self.every and self.requests % self.every == 0
        return web.Response(status=500 if failing else 200, text="x" * 100)


async def load(command: str, seconds: float = 0.5, max_rate: float = 2000, proxy: str = "") -> LoadReport:
    recorder, began = LoadRecorder(), time.monotonic()
    await send_load(parse_hey(command), seconds, recorder, max_rate=max_rate, proxy=proxy)
    return recorder.report(time.monotonic() - began)


async def test_the_rate_is_kept_for_as_long_as_asked(serve: Serve) -> None:
    podinfo = Podinfo()
    report = await load(f"hey -z 1m -q 20 -c 2 {await serve(podinfo)}/", seconds=1)
    assert 34 <= report.requests <= 40
    assert report.codes == {"200": report.requests}
    assert 0.95 <= report.seconds <= 1.3


async def test_connections_are_kept_alive(serve: Serve) -> None:
    podinfo = Podinfo()
    report = await load(f"hey -n 60 -c 3 {await serve(podinfo)}/", seconds=10)
    assert (report.requests, podinfo.requests, len(podinfo.connections)) == (60, 60, 3)


async def test_a_count_ends_the_load_early(serve: Serve) -> None:
    report = await load(f"hey -n 7 -c 5 {await serve(Podinfo())}/", seconds=10)
    assert report.requests == 7
    assert report.seconds < 5


@pytest.mark.parametrize("flags", ["-c 4", "-c 4 -q 1000"])
async def test_the_settings_rate_is_never_exceeded(serve: Serve, flags: str) -> None:
    report = await load(f"hey -z 1m {flags} {await serve(Podinfo())}/", max_rate=40)
    assert 10 <= report.requests <= 24


async def test_answers_are_counted_by_code(serve: Serve) -> None:
    report = await load(f"hey -n 30 -c 1 {await serve(Podinfo(every=3))}/", seconds=10)
    assert report.codes == {"200": 20, "500": 10}


async def test_errors_are_counted_by_their_name(free_port: int) -> None:
    report = await load(f"hey -z 1m -q 10 -c 1 http://127.0.0.1:{free_port}/")
    assert report.codes == {"ConnectError": report.requests}
    assert report.requests >= 3


async def test_cancelling_ends_it_at_once(serve: Serve) -> None:
    podinfo = Podinfo(delay=30)
    sending = asyncio.create_task(load(f"hey -z 1m -c 5 {await serve(podinfo)}/", seconds=60))
    await podinfo.started.wait()
    began = time.monotonic()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert time.monotonic() - began < 0.5


async def test_the_end_does_not_wait_for_slow_answers(serve: Serve) -> None:
    report = await load(f"hey -z 1m -c 2 {await serve(Podinfo(delay=30))}/", seconds=0.2)
    assert report.requests == 0
    assert report.seconds < 1


async def test_no_time_is_no_load(serve: Serve) -> None:
    podinfo = Podinfo()
    await load(f"hey -z 1m -c 2 {await serve(podinfo)}/", seconds=0)
    assert podinfo.requests == 0


async def test_the_request_is_the_command_s(serve: Serve) -> None:
    seen: Counter[tuple[str, ...]] = Counter()

    async def answer(request: web.Request) -> web.Response:
        headers = [request.headers[name] for name in ("Host", "X-Canary", "Content-Type")]
        seen[request.method, request.path_qs, *headers, await request.text()] += 1
        return web.Response()

    url = await serve(answer)
    await load(
        f"hey -n 2 -c 1 -m POST -host podinfo.test -H 'X-Canary: always' -T text/plain -d body '{url}/a?b=c'"
    )
    assert seen == {("POST", "/a?b=c", "podinfo.test", "always", "text/plain", "body"): 2}


async def test_redirects_are_counted_and_not_followed(serve: Serve) -> None:
    async def redirect(request: web.Request) -> web.Response:
        assert request.path == "/"
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    assert (await load(f"hey -n 3 -c 1 {await serve(redirect)}/")).codes == {"302": 3}


async def test_a_proxy_gets_the_whole_address(serve: Serve) -> None:
    seen: set[tuple[str, str]] = set()

    async def answer(request: web.Request) -> web.Response:
        seen.add((str(request.url), request.headers["Host"]))
        return web.Response()

    report = await load("hey -n 4 -c 2 http://podinfo-canary.test:9898/x", proxy=await serve(answer))
    assert report.codes == {"200": 4}
    assert seen == {("http://podinfo-canary.test:9898/x", "podinfo-canary.test:9898")}


async def test_latencies_are_the_server_s(serve: Serve) -> None:
    report = await load(f"hey -n 5 -c 1 {await serve(Podinfo(delay=0.05))}/", seconds=10)
    assert report.p50_ms is not None
    assert 49 <= report.p50_ms <= 90


def test_no_requests_have_no_percentiles() -> None:
    assert LoadRecorder().report(0) == LoadReport()


@given(st.lists(st.floats(min_value=0.02, max_value=60_000), min_size=1, max_size=200))
def test_percentiles_are_right_within_two_percent(latencies: list[float]) -> None:
    recorder = LoadRecorder()
    for latency in latencies:
        recorder.record("200", latency)
    report, ranked = recorder.report(1), sorted(latencies)
    for share, found in ((0.50, report.p50_ms), (0.90, report.p90_ms), (0.99, report.p99_ms)):
        assert found == pytest.approx(ranked[-(-len(ranked) * round(share * 100) // 100) - 1], rel=0.02)

"""The proxy does to real connections what its faults say, and nothing to the rest."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from benchmarks.faults.proxy import Fault, FaultProxy, Mode
from benchmarks.faults.wiring import throw_away_certificate
from tests.conftest import Serve

BODY = {"text": "x" * 1000}
POSTS = frozenset({"POST"})


class Neighbour:
    """Answers every request, and remembers it; /watch says "event" whenever it is told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.news = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.done.append(f"{request.method} {request.raw_path}")
        if request.path != "/watch":
            return web.json_response(BODY, headers={"X-Told": request.headers.get("Authorization", "")})
        stream = web.StreamResponse()
        await stream.prepare(request)
        await stream.write(b"event\n")
        await self.news.wait()
        await stream.write(b"event\n")
        return stream


@pytest.fixture
def neighbour() -> Neighbour:
    return Neighbour()


@pytest.fixture
async def proxy(neighbour: Neighbour, serve: Serve) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(await serve(neighbour.handle)) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy: FaultProxy) -> AsyncIterator[aiohttp.ClientSession]:
    """Keeps its connections, as a worker's pool does."""
    async with aiohttp.ClientSession(proxy.url) as client:
        yield client


async def status_of(client: aiohttp.ClientSession, method: str = "GET", path: str = "/a%2Fb?q=1") -> int:
    async with client.request(method, path) as response:
        assert await response.json() == BODY
        return response.status


async def test_without_a_fault_everything_passes(
    proxy: FaultProxy, client: aiohttp.ClientSession, neighbour: Neighbour
) -> None:
    async with client.get("/a%2Fb?q=1", headers={"Authorization": "Bearer secret"}) as response:
        assert (response.status, await response.json()) == (200, BODY)
        assert response.headers["X-Told"] == "Bearer secret"
    assert (neighbour.done, proxy.struck) == (["GET /a%2Fb?q=1"], [])


async def test_a_refused_connection_is_refused_for_old_and_new_clients_until_it_is_healed(
    proxy: FaultProxy, client: aiohttp.ClientSession
) -> None:
    assert await status_of(client) == 200
    async with proxy.failing(Fault(Mode.REFUSED)):
        with pytest.raises(aiohttp.ClientConnectorError):
            await status_of(client)
    assert await status_of(client) == 200


async def test_a_hanging_neighbour_takes_a_request_and_never_answers_it(
    proxy: FaultProxy, client: aiohttp.ClientSession, neighbour: Neighbour
) -> None:
    async with proxy.failing(Fault(Mode.HANGING)):
        hung = asyncio.create_task(status_of(client))
        assert await proxy.until_struck(5)
    assert await status_of(client) == 200
    assert (hung.done(), len(neighbour.done)) == (False, 1)
    hung.cancel()


async def test_a_watch_that_is_open_falls_silent_with_a_hanging_neighbour(
    proxy: FaultProxy, client: aiohttp.ClientSession, neighbour: Neighbour
) -> None:
    async with client.get("/watch") as response:
        assert await response.content.readline() == b"event\n"
        await proxy.inject(Fault(Mode.HANGING))
        neighbour.news.set()
        assert await proxy.until_struck(5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.content.readline(), 0.1)


@pytest.mark.parametrize(
    ("mode", "error"),
    [(Mode.UNTOLD, aiohttp.ClientOSError), (Mode.RESET, aiohttp.ClientPayloadError)],
)
async def test_a_lost_answer_leaves_the_request_done(
    proxy: FaultProxy,
    client: aiohttp.ClientSession,
    neighbour: Neighbour,
    mode: Mode,
    error: type[Exception],
) -> None:
    async with proxy.failing(Fault(mode)):
        with pytest.raises((error, aiohttp.ServerDisconnectedError)):
            await status_of(client, "POST")
    assert neighbour.done == ["POST /a%2Fb?q=1"]


@pytest.mark.parametrize(("mode", "status"), [(Mode.BROKEN, 500), (Mode.THROTTLED, 429)])
async def test_a_refusal_by_status_does_nothing_and_says_when_to_come_back(
    proxy: FaultProxy, client: aiohttp.ClientSession, neighbour: Neighbour, mode: Mode, status: int
) -> None:
    async with proxy.failing(Fault(mode, seconds=3)), client.get("/") as response:
        assert response.status == status
        assert response.headers.get("Retry-After") == ("3" if status == 429 else None)
    assert neighbour.done == []


async def test_a_slow_neighbour_answers_late(proxy: FaultProxy, client: aiohttp.ClientSession) -> None:
    began = time.monotonic()
    async with proxy.failing(Fault(Mode.SLOW, seconds=0.2)):
        assert await status_of(client) == 200
    assert time.monotonic() - began >= 0.2


async def test_only_requests_that_match_are_struck_and_only_so_many(
    proxy: FaultProxy, client: aiohttp.ClientSession
) -> None:
    await proxy.inject(Fault(Mode.BROKEN, methods=POSTS, path=r"^/apis/.*dryRun", times=1))
    others = [await status_of(client, "GET", "/apis/a?dryRun=All"), await status_of(client, "POST", "/apis")]
    async with client.post("/apis/a?dryRun=All") as response:
        struck = response.status
    after = await status_of(client, "POST", "/apis/a?dryRun=All")

    assert (others, struck, after) == ([200, 200], 500, 200)
    assert [each.path for each in proxy.struck] == ["/apis/a?dryRun=All"]


async def test_each_path_may_be_struck_once(proxy: FaultProxy, client: aiohttp.ClientSession) -> None:
    await proxy.inject(Fault(Mode.BROKEN, once_each=True))
    statuses = []
    for path in ("/a?n=1", "/a?n=2", "/b", "/b"):
        async with client.get(path) as response:
            statuses.append(response.status)

    assert statuses == [500, 200, 500, 200]


async def test_it_stands_between_https_on_either_side_and_verifies_its_neighbour(
    neighbour: Neighbour, serve: Serve, tmp_path: Path
) -> None:
    certificate, served = throw_away_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    upstream = await serve(neighbour.handle)
    async with (
        FaultProxy(upstream, tls=served) as inner,
        FaultProxy(inner.url, verify=trusting, headers={"Authorization": "Bearer token"}) as outer,
        FaultProxy(inner.url) as distrustful,
        aiohttp.ClientSession() as client,
    ):
        async with client.get(f"{outer.url}/a") as response:
            told = (response.status, response.headers["X-Told"])
        async with client.get(f"{distrustful.url}/a") as response:
            distrusted = response.status

    assert (told, distrusted, neighbour.done) == ((200, "Bearer token"), 502, ["GET /a"])

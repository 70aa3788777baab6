"""A reverse proxy on loopback that does what ill neighbours do, as told while it runs.

Settings alone put it between a worker and a neighbour. Watches stream through it; nothing is kept or changed
but by a fault.
"""

import asyncio
import contextlib
import json
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import NamedTuple, Self

import aiohttp
from aiohttp import web
from yarl import URL

_OWN_HEADERS = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}
_NO_LINGER = struct.pack("ii", 1, 0)
"""A socket closed with it sends a reset."""

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)


class Mode(StrEnum):
    """How a neighbour fails."""

    REFUSED = "refused"
    """Nobody listens; connections that were open are gone. All requests, whatever the fault matches."""
    HANGING = "hanging"
    """Requests are taken and never answered, not even once the fault is over; open watches fall silent."""
    RESET = "reset in mid-body"
    """The request is done; the connection is reset in the middle of the answer."""
    BROKEN = "500"
    """500, and the request is not done."""
    THROTTLED = "429"
    """429 with Retry-After, and the request is not done."""
    SLOW = "slow"
    """Every request waits before it is passed on."""
    UNTOLD = "answer lost"
    """The request is done, and the connection is reset instead of an answer."""


class Fault(NamedTuple):
    """What goes wrong with which requests."""

    mode: Mode
    methods: frozenset[str] = frozenset()
    """HTTP methods; none means all."""
    path: str = ""
    """A regular expression to be found in the path with its query."""
    times: int | None = None
    """How many requests it strikes; None: all until it is healed."""
    seconds: float = 1.0
    """The delay of a slow answer, or what Retry-After asks for."""
    once_each: bool = False
    """Strike each method and path (without its query) only the first time."""

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is struck."""
        return (not self.methods or method in self.methods) and bool(re.search(self.path, path))


class Struck(NamedTuple):
    """A request that a fault struck."""

    mode: Mode
    method: str
    path: str


class FaultProxy:
    """A proxy to one neighbour; it listens inside `async with`, on the same port for all its life."""

    def __init__(
        self,
        upstream: str,
        *,
        verify: ssl.SSLContext | bool = True,
        headers: dict[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`verify`: how an https upstream is verified. `headers` are added to each request.

        `tls`: the certificate to serve with; http without.
        """
        self._upstream = upstream.rstrip("/")
        self._verify = verify
        self._headers = headers or {}
        self._tls = tls
        self._port = 0
        self._listening: asyncio.Server | None = None
        self._server = web.Server(self._handle, handler_cancellation=True)
        self._fault: Fault | None = None
        self._left = 0
        self._stricken: set[tuple[str, str]] = set()
        self._hit = asyncio.Event()
        self.struck: list[Struck] = []
        """What faults struck so far."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=self._verify)
        self._session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, timeout=_NO_TIMEOUT, trust_env=False
        )
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._cut()
        await self._server.shutdown(timeout=0.1)
        await self._session.close()

    async def inject(self, fault: Fault) -> None:
        """Fail from now on; another fault takes the place of the one before."""
        await self.heal()
        self._fault, self._left = fault, -1 if fault.times is None else fault.times
        self._stricken.clear()
        self._hit.clear()
        if fault.mode is Mode.REFUSED:
            self._cut()

    async def heal(self) -> None:
        """Be well again. What hangs keeps hanging until its client gives up."""
        self._fault = None
        if self._listening is None:
            await self._listen()

    @asynccontextmanager
    async def failing(self, fault: Fault) -> AsyncIterator[None]:
        """Fail for as long as the block runs."""
        await self.inject(fault)
        try:
            yield
        finally:
            await self.heal()

    async def until_struck(self, seconds: float) -> bool:
        """Whether the present fault struck a request within so many seconds; a refusal is not noticed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hit.wait(), seconds)
        return self._hit.is_set()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server, "127.0.0.1", self._port, ssl=self._tls)
        self._port = self._listening.sockets[0].getsockname()[1]

    def _cut(self) -> None:
        """Stop listening, and reset what is open."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for connection in self._server.connections:
            _reset(connection.transport)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = self._strike(request)
        match fault and fault.mode:
            case Mode.HANGING:
                await _hang()
            case Mode.BROKEN:
                return _refusal(500, "Internal error occurred: it is broken")
            case Mode.THROTTLED if fault:
                return _refusal(429, "too many requests, please try again later", fault.seconds)
            case Mode.SLOW if fault:
                await asyncio.sleep(fault.seconds)
        return await self._pass(request, fault)

    def _strike(self, request: web.BaseRequest) -> Fault | None:
        """The fault, when it strikes this request."""
        fault, what = self._fault, (request.method, request.path)
        if fault is None or self._left == 0 or not fault.matches(request.method, request.raw_path):
            return None
        if fault.once_each and what in self._stricken:
            return None
        self._left -= 1
        self._stricken.add(what)
        self.struck.append(Struck(fault.mode, request.method, request.raw_path))
        self._hit.set()
        return fault

    async def _pass(self, request: web.BaseRequest, fault: Fault | None) -> web.StreamResponse:
        url = URL(self._upstream + request.raw_path, encoded=True)
        headers = _passed_on(request.headers) | self._headers
        body = await request.read()
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=body or None, allow_redirects=False
            ) as answer:
                return await self._answer(request, answer, fault)
        except aiohttp.ClientError as error:
            return _refusal(502, f"{type(error).__name__} behind the proxy")

    async def _answer(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse, fault: Fault | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
        response.content_length = answer.content_length
        if fault and fault.mode is Mode.UNTOLD:
            if answer.content_length is not None:
                await answer.read()
            _reset(request.transport)
            return response
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            if fault and fault.mode is Mode.RESET:
                await response.write(chunk[: len(chunk) // 2])
                _reset(request.transport)
                return response
            await self._hang_with_the_others(request)
            await response.write(chunk)
        return response

    async def _hang_with_the_others(self, request: web.BaseRequest) -> None:
        """A stream that was open before falls silent too."""
        if self._fault and self._fault.mode is Mode.HANGING and self._strike(request):
            await _hang()


async def _hang() -> None:
    """Until the client goes away, or the proxy ends."""
    await asyncio.Event().wait()


def _reset(transport: asyncio.Transport | None) -> None:
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OWN_HEADERS}


def _refusal(status: int, message: str, retry_after: float | None = None) -> web.Response:
    """As an API server words it; others show its body or read its message."""
    document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status}
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:.0f}"}
    return web.Response(
        status=status, text=json.dumps(document), content_type="application/json", headers=headers
    )

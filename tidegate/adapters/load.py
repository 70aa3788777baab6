"""Native load: what `hey` would send, sent by the worker itself, paced and bounded.

Requests go to httpx's transport and past its client: redirects, cookies and the log line of each request
would cost more than the request. Redirects are counted, not followed.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterator

import httpx

from tidegate.adapters.load_recorder import LoadRecorder
from tidegate.adapters.reach import trusted
from tidegate.decisions.hey import HeyCommand

REQUEST_TIMEOUT_SECONDS = 20.0
"""hey's own default."""

LAST_ANSWERS_SECONDS = 0.1
"""How long requests that are under way at the end may take; a bake does not wait for the slowest of them."""


async def send_load(
    command: HeyCommand,
    seconds: float,
    recorder: LoadRecorder,
    *,
    max_rate: float,
    proxy: str = "",
    verify: ssl.SSLContext | None = None,
) -> None:
    """Load for `seconds`, whatever the command's own -z; `requests` bounds it when it has a count.

    `max_rate` (requests per second, all workers together) bounds the command's rate. Cancelling ends it at
    once. What came back is in `recorder`, errors included; none is raised.
    """
    deadline = time.monotonic() + seconds
    quota = iter(range(command.requests)) if command.requests is not None else None
    period = _period(command, max_rate)
    async with contextlib.AsyncExitStack() as stack:
        workers = []
        for index in range(command.workers):
            transport = await stack.enter_async_context(_transport(proxy, verify))
            worker = _Worker(command, transport, recorder, deadline, quota)
            workers.append(asyncio.create_task(worker.run(period * index / command.workers, period)))
        try:
            await asyncio.wait(workers, timeout=seconds + LAST_ANSWERS_SECONDS)
        finally:
            await _end(workers)


class _Worker:
    """One of hey's workers: one request after the other."""

    def __init__(
        self,
        command: HeyCommand,
        transport: httpx.AsyncBaseTransport,
        recorder: LoadRecorder,
        deadline: float,
        quota: Iterator[int] | None,
    ) -> None:
        self._request = _request(command)
        self._transport = transport
        self._recorder = recorder
        self._deadline = deadline
        self._quota = quota

    async def run(self, start: float, period: float) -> None:
        """Request every `period` seconds until the deadline; time lost to slow answers is not made up for.

        `start` is how long this worker waits first, in seconds, so that workers do not come in bursts.
        """
        due = time.monotonic() + start
        while await self._is_due(due) and self._has_quota():
            await self._send()
            due = max(due + period, time.monotonic())

    async def _is_due(self, due: float) -> bool:
        """Wait for the next request's time: False when the deadline comes first."""
        await asyncio.sleep(max(min(due, self._deadline) - time.monotonic(), 0))
        return due < self._deadline

    def _has_quota(self) -> bool:
        return self._quota is None or next(self._quota, None) is not None

    async def _send(self) -> None:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                code = str(await self._exchange())
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            code = type(error).__name__
        self._recorder.record(code, (time.perf_counter() - began) * 1000)

    async def _exchange(self) -> int:
        """The status, once the body has been read and thrown away: the connection is used again."""
        response = await self._transport.handle_async_request(self._request)
        try:
            async for _ in response.aiter_raw():
                pass
        finally:
            await response.aclose()
        return response.status_code


def _period(command: HeyCommand, max_rate: float) -> float:
    """Seconds from one request of a worker to its next."""
    most = max_rate / command.workers
    return 1 / min(command.rate or most, most)


def _transport(proxy: str, verify: ssl.SSLContext | None) -> httpx.AsyncHTTPTransport:
    """One worker's connection, kept alive. A pool that all shared would look through all for each request."""
    return httpx.AsyncHTTPTransport(
        verify=verify or trusted(),
        trust_env=False,
        limits=httpx.Limits(max_connections=1),
        proxy=proxy or None,
    )


def _request(command: HeyCommand) -> httpx.Request:
    headers = httpx.Headers({"User-Agent": "tidegate-load", "Content-Type": command.content_type})
    headers.update(list(command.headers))
    if command.host:
        headers["Host"] = command.host
    limits = dict.fromkeys(("connect", "read", "write", "pool"), REQUEST_TIMEOUT_SECONDS)
    return httpx.Request(
        command.method,
        command.url,
        headers=headers,
        content=command.body.encode() or None,
        extensions={"timeout": limits},
    )


async def _end(workers: list[asyncio.Task[None]]) -> None:
    for worker in workers:
        worker.cancel()
    for ended in await asyncio.gather(*workers, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended

"""What a container's program is given, and how it serves HTTP until it is told to end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from aiohttp import web

SHUTDOWN_SECONDS = 25.0
"""How long requests in flight may take after the end was asked for; below the usual grace period of 30 s."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Container(NamedTuple):
    """A started container: the arguments after the program's name, its environment, its pod's address."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    address: str
    tag: str


class Listener(NamedTuple):
    """A port of the pod's address, and who answers there."""

    port: int
    handler: Handler


async def serve(
    address: str, listeners: Sequence[Listener], on_terminate: Callable[[], Awaitable[None]]
) -> None:
    """Answer HTTP until SIGTERM or SIGINT; then run `on_terminate`, and finish the requests in flight."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ended.set)
    runners = [await _listen(address, listener) for listener in listeners]
    await ended.wait()
    await on_terminate()
    await asyncio.gather(*(runner.cleanup() for runner in runners))


async def _listen(address: str, listener: Listener) -> web.ServerRunner:
    server = web.Server(listener.handler, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    await web.TCPSite(runner, address, listener.port, backlog=1024).start()
    return runner


def log_line(level: str, message: str, **fields: object) -> None:
    """One line of JSON to the container's log."""
    entry = {"level": level, "ts": datetime.now(UTC).isoformat(timespec="milliseconds"), "msg": message}
    sys.stdout.write(json.dumps({**entry, **fields}) + "\n")
    sys.stdout.flush()

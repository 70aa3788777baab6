"""Starting and ending container processes through the zygote."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

log = logging.getLogger(__name__)


class Command(NamedTuple):
    """What to run: a module of `images`, its arguments and environment, where it listens, its log file."""

    module: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    address: str
    tag: str
    log: Path


class Process:
    """A container's process, until it has exited."""

    def __init__(self, identity: str, zygote: ZygoteClient) -> None:
        self.identity = identity
        self.pid: int | None = None
        self._zygote = zygote
        self._started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def started(self) -> int:
        """Wait for the process to exist; its pid."""
        return await asyncio.shield(self._started)

    async def wait(self) -> int:
        """Wait for the process to end; its exit code (128 + n when signal n ended it)."""
        return await asyncio.shield(self._exit)

    def signal(self, signum: signal.Signals) -> None:
        """Send the signal to the process and all its children; nothing when it has ended."""
        if not self._exit.done():
            self._zygote.send({"op": "signal", "id": self.identity, "signal": int(signum)})

    async def terminate(self, grace_seconds: float) -> int:
        """SIGTERM, then SIGKILL after the grace period; the exit code."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_seconds):
                return await self.wait()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            return await self.wait()

    def tell_started(self, pid: int) -> None:
        """The zygote forked it."""
        self.pid = pid
        self._started.set_result(pid)

    def tell_exited(self, code: int) -> None:
        """The zygote saw its end, or ended itself."""
        for future in (self._started, self._exit):
            if not future.done():
                future.set_result(code)


class ZygoteClient:
    """The parent's side of one zygote."""

    def __init__(self, modules: Sequence[str], log: Path) -> None:
        self._modules = modules
        self._log = log
        self._processes: dict[str, Process] = {}
        self._identities = count(1)
        self._zygote: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Start the zygote. Requests may be sent at once; it obeys when its imports are done."""
        ours, theirs = socket.socketpair()
        with theirs, self._log.open("ab") as log:
            self._zygote = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tidegate.sandbox.node.zygote",
                str(theirs.fileno()),
                str(os.getpid()),
                *self._modules,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=_environment(),
            )
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._reading = asyncio.create_task(self._read(reader), name="zygote")

    async def stop(self) -> None:
        """End the zygote; it kills all that it started."""
        if self._zygote is None or self._writer is None or self._reading is None:
            return
        self._stopping = True
        self._writer.close()
        await self._zygote.wait()
        await self._reading
        self._zygote = None

    def run(self, command: Command) -> Process:
        """Have the command started; see `Process.started` and `Process.wait`.

        When the zygote has ended, so has the process, as if killed.
        """
        process = Process(str(next(self._identities)), self)
        if self._reading is None or self._reading.done():
            process.tell_exited(128 + signal.SIGKILL)
            return process
        self._processes[process.identity] = process
        request: dict[str, Any] = {"op": "start", "id": process.identity, **command._asdict()}
        self.send({**request, "log": str(command.log)})
        return process

    def send(self, request: dict[str, Any]) -> None:
        """Send one request."""
        if self._writer is None:
            raise RuntimeError("the zygote was not started")
        self._writer.write(json.dumps(request).encode() + b"\n")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            async for line in reader:
                self._tell(json.loads(line))
        except ConnectionResetError:
            pass
        if not self._stopping:
            log.error("the zygote has ended, and all containers with it; see %s", self._log)
        for process in self._processes.values():
            process.tell_exited(128 + signal.SIGKILL)
        self._processes.clear()

    def _tell(self, event: dict[str, Any]) -> None:
        if event["event"] == "started":
            self._processes[event["id"]].tell_started(event["pid"])
        else:
            self._processes.pop(event["id"]).tell_exited(event["code"])


def _environment() -> dict[str, str]:
    """What the zygote needs of ours: where programs and packages are, nothing secret."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return environment

"""Child processes that never outlive the sandbox.

Each child has a log file, a process group of its own and a condition that says when it is ready. The kernel
kills it when the sandbox dies, however it dies (PR_SET_PDEATHSIG).
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

log = logging.getLogger(__name__)

Ready = Callable[[], Awaitable[bool]]

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_LAST_LINES = 15


class ProcessError(Exception):
    """A child did not start, or ended before it was ready; the message has the end of its log."""


def die_with_parent(parent: int) -> Callable[[], None]:
    """What a child runs between fork and exec, so that it cannot outlive the process `parent`."""

    def in_child() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return in_child


def end_with_parent(parent: int) -> None:
    """Have this process told to end (SIGTERM) when the process `parent`, which started it, is killed."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os.kill(os.getpid(), signal.SIGTERM)


def find_program(name: str, folders: Sequence[Path] = ()) -> Path | None:
    """Where a program is: beside the interpreter, in `folders`, or on PATH."""
    beside = Path(sys.executable).parent
    path = os.pathsep.join(map(str, (beside, *folders)))
    found = shutil.which(name, path=path) or shutil.which(name)
    return Path(found) if found else None


class Process:
    """One child process, with its output in a log file."""

    def __init__(
        self, name: str, argv: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.argv = tuple(argv)
        self.log = log
        self.environment = environment
        self._child: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id, which is the id of its process group too."""
        return self._started().pid

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._child is not None and self._child.returncode is None

    @property
    def returncode(self) -> int | None:
        """What it ended with; negative for a signal, None while it runs."""
        return self._started().returncode

    async def start(self, ready: Ready | None = None, within: float = 10, cwd: Path | None = None) -> None:
        """Start it and wait until it is ready.

        Raises ProcessError when it ends, or is not ready within `within` seconds.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._child = await asyncio.create_subprocess_exec(
                *self.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(self.environment) if self.environment is not None else None,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=die_with_parent(os.getpid()),
            )
        if ready is not None:
            await self._until(ready, within)
        self._watch = asyncio.create_task(self._report_end(), name=f"watch {self.name}")

    async def wait(self) -> int:
        """Wait for its end; its return code."""
        return await self._started().wait()

    async def stop(self, within: float = 5) -> None:
        """Ask it to end; after `within` seconds, kill it. Harmless when it has ended."""
        await self._expect_end()
        if not self.running:
            return
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.wait(), within)
        except TimeoutError:
            await self.kill()
        self._signal(signal.SIGKILL)  # whatever is left of its group

    async def kill(self) -> None:
        """End it and its whole group at once (SIGKILL)."""
        await self._expect_end()
        self._signal(signal.SIGKILL)
        await self.wait()

    def last_lines(self) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])

    def _started(self) -> asyncio.subprocess.Process:
        if self._child is None:
            raise ProcessError(f"{self.name} was not started")
        return self._child

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def _expect_end(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})

    async def _report_end(self) -> None:
        code = await self.wait()
        log.error("%s ended with %s; %s ends:\n%s", self.name, code, self.log, self.last_lines())

    async def _until(self, ready: Ready, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                while not await ready():
                    if not self.running:
                        raise ProcessError(
                            f"{self.name} ended with {self.returncode}; {self.log} ends:\n{self.last_lines()}"
                        )
                    await asyncio.sleep(0.01)
        except TimeoutError:
            await self.kill()
            raise ProcessError(
                f"{self.name} was not ready within {within:g} s; {self.log} ends:\n{self.last_lines()}"
            ) from None
        except BaseException:
            if self.running:
                await self.kill()
            raise


class Processes:
    """Children that belong together, and are stopped together."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._children: list[Process] = []

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        ready: Ready | None = None,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        within: float = 10,
    ) -> Process:
        """Start a child that logs to `<logs>/<name>.log`. Raises ProcessError as `Process.start` does."""
        child = Process(name, argv, self.logs / f"{name}.log", environment)
        self._children.append(child)
        await child.start(ready, within, cwd)
        return child

    async def stop(self) -> None:
        """Stop all of them."""
        children, self._children = self._children, []
        await asyncio.gather(*(child.stop() for child in children))

    async def kill(self) -> None:
        """End all of them at once (SIGKILL)."""
        children, self._children = self._children, []
        await asyncio.gather(*(child.kill() for child in children if child.running))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def answers(session: aiohttp.ClientSession, url: str) -> Ready:
    """A condition: `url` answers with a status below 300."""

    async def ready() -> bool:
        try:
            async with session.get(url) as response:
                return response.status < 300
        except aiohttp.ClientError:
            return False

    return ready

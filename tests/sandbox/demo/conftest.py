"""Demos and sandboxes as processes, with all that they start."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tidegate.sandbox.processes import Process, Processes

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start `python -m tidegate.sandbox` and wait until it has printed a text."""
    async with Processes(tmp_path) as processes:

        async def begin(*arguments: str, until: str, parent: tuple[str, ...] = ()) -> Process:
            argv = [*parent, sys.executable, "-m", "tidegate.sandbox", *arguments]
            output = tmp_path / "sandbox.log"

            async def printed() -> bool:
                return until in output.read_text()

            folder = ["--dir", str(tmp_path / "state")]
            return await processes.start("sandbox", [*argv, *folder], printed, within=60)

        yield begin


@pytest.fixture(scope="package")
def family() -> Callable[[int], set[int]]:
    """All processes that a process has started, and those that they have."""
    return lambda pid: set(_descendants(pid))


@pytest.fixture(scope="package")
def until_gone() -> Callable[[set[int]], Awaitable[None]]:
    """Wait until none of the processes runs, at most 15 s."""

    async def wait(pids: set[int]) -> None:
        async with asyncio.timeout(15):
            while any(map(_runs, pids)):  # noqa: ASYNC110 - other processes set no event
                await asyncio.sleep(0.02)

    return wait


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield int(child)
            yield from _descendants(int(child))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False

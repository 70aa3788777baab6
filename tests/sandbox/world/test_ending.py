"""Nothing is left running, whatever ends the sandbox."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tidegate.sandbox import inventory
from tidegate.sandbox.processes import ProcessError, Processes
from tidegate.sandbox.world import World

_PROGRAMS = {"envoy", "prometheus", "temporal"}
Until = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_nothing_outlives_the_sandbox(tmp_path: Path, until: Until, number: signal.Signals) -> None:
    async with Processes(tmp_path) as processes:
        argv = [
            sys.executable,
            "-m",
            "tidegate.sandbox",
            "up",
            "--no-worker",
            "--dir",
            str(tmp_path / "state"),
        ]

        async def is_up() -> bool:
            return "is up" in (tmp_path / "sandbox.log").read_text()

        sandbox = await processes.start("sandbox", argv, is_up, within=30)
        family = set(_descendants(sandbox.pid))
        assert {_name(pid) for pid in family} >= _PROGRAMS
        os.kill(sandbox.pid, number)
        code = await asyncio.wait_for(sandbox.wait(), 10)

        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)

        async def all_gone() -> bool:
            return not any(_runs(pid) for pid in family)

        await until(all_gone)


async def test_nothing_is_left_when_the_start_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise OSError("no more")

    monkeypatch.setattr(inventory, "furnish", fail)
    before = set(_descendants(os.getpid()))
    with pytest.raises(ExceptionGroup):
        await World(tmp_path / "state").__aenter__()

    assert set(_descendants(os.getpid())) - before == set()


async def test_a_temporary_directory_goes_with_its_world() -> None:
    world = World(temporal=False)
    async with world:
        assert world.kubeconfig.exists()

    assert not world.directory.exists()


async def test_a_child_that_ends_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async with Processes(tmp_path) as processes:
        argv = [sys.executable, "-c", "import sys; print('what went wrong'); sys.exit(3)"]
        with pytest.raises(ProcessError, match=r"(?s)ended with 3.*what went wrong"):
            await processes.start("early", argv, never)


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield int(child)
            yield from _descendants(int(child))


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False

"""Nothing is left running, whatever ends the sandbox."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.tiers import REAL, TIERS, create_world
from tidegate.sandbox import inventory
from tidegate.sandbox.__main__ import main
from tidegate.sandbox.control_plane import Emulator
from tidegate.sandbox.processes import ProcessError, Processes
from tidegate.sandbox.world import World

_PROGRAMS = {"envoy", "prometheus", "temporal"}
_CONTROL_PLANE = {"etcd", "kube-apiserver", "kube-controller"}
_SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
Until = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


@pytest.mark.parametrize("number", _SIGNALS)
@pytest.mark.parametrize("programs", [_PROGRAMS] + [_PROGRAMS | _CONTROL_PLANE] * (REAL in TIERS))
async def test_nothing_outlives_the_sandbox(
    tmp_path: Path, until: Until, number: signal.Signals, programs: set[str]
) -> None:
    assets = os.environ["KUBEBUILDER_ASSETS"] if programs > _PROGRAMS else ""
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

        environment = {**os.environ, "KUBEBUILDER_ASSETS": assets}
        sandbox = await processes.start("sandbox", argv, is_up, environment, within=120)
        family = set(_descendants(sandbox.pid))
        assert {_name(pid) for pid in family} >= programs
        os.kill(sandbox.pid, number)
        code = await asyncio.wait_for(sandbox.wait(), 10)

        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)

        async def all_gone() -> bool:
            return not any(_runs(pid) for pid in family)

        await until(all_gone)


@pytest.mark.parametrize("tier", TIERS)
async def test_nothing_is_left_when_the_start_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tier: str
) -> None:
    async def fail(*_: object) -> None:
        raise OSError("no more")

    monkeypatch.setattr(inventory, "furnish", fail)
    before = set(_descendants(os.getpid()))
    with pytest.raises(ExceptionGroup):
        await create_world(tier, tmp_path / "state").__aenter__()

    assert set(_descendants(os.getpid())) - before == set()


async def test_a_temporary_directory_goes_with_its_world() -> None:
    world = World(temporal=False, control_plane=Emulator())
    async with world:
        assert world.kubeconfig.exists()

    assert not world.directory.exists()


async def test_a_folder_that_no_sandbox_made_is_left_alone(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    with pytest.raises(FileExistsError, match="holds what no sandbox made"):
        await World(tmp_path, temporal=False).__aenter__()

    assert logs.exists()


async def test_an_unexpected_end_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Processes(tmp_path) as processes:
        child = await processes.start("short", [sys.executable, "-c", "print('goodbye')"])
        await child.wait()
        await asyncio.sleep(0)

    assert [record.getMessage().count("goodbye") for record in caplog.records] == [1]


def test_a_missing_program_is_one_line_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr("tidegate.sandbox.prometheus._TOOLS", tmp_path)  # where `make setup` puts it

    assert main(["up", "--dir", str(tmp_path / "state")]) == 5

    assert capsys.readouterr().err.splitlines() == [
        "sandbox: prometheus was not found: install it with `apt-get install prometheus` (Debian, Ubuntu) or "
        "from https://prometheus.io/download/, and have it on PATH or at .tools/usr/bin/prometheus"
    ]


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

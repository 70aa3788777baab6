"""The README's first command, as somebody without a terminal runs it; and its end before its time."""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tidegate.sandbox.processes import Process

Start = Callable[..., Awaitable[Process]]
Family = Callable[[int], set[int]]
UntilGone = Callable[[set[int]], Awaitable[None]]


@pytest.mark.slow
async def test_the_demo_promotes_a_good_version_and_takes_a_broken_one_back(
    start: Start, family: Family, until_gone: UntilGone
) -> None:
    demo = await start("demo", until="1/5")
    started = family(demo.pid)
    code = await asyncio.wait_for(demo.wait(), 170)
    printed = demo.log.read_text()

    assert code == 0, printed
    assert [re.findall(rf"podinfo {version} +(\S+)", printed)[-1] for version in ("6.9.0", "6.9.1")] == [
        "initialised",
        "promoted",
    ]
    assert re.search(r"podinfo 6\.9\.2 +rolled back", printed)
    assert "200 requests through the gateway were answered: 200 by 6.9.1" in printed
    assert "0 for any other reason" in printed
    await until_gone(started)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 130), (signal.SIGINT, 130)]
)
async def test_nothing_outlives_a_demo_that_is_ended_in_mid_release(
    start: Start, family: Family, until_gone: UntilGone, number: signal.Signals, code: int
) -> None:
    demo = await start("demo", until="canary weight 5")
    started = family(demo.pid)
    os.kill(demo.pid, number)

    assert await asyncio.wait_for(demo.wait(), 15) == code
    await until_gone(started)


async def test_a_sandbox_ends_when_the_program_that_started_it_is_killed(
    start: Start, family: Family, until_gone: UntilGone
) -> None:
    make = ("sh", "-c", '"$@"; exit', "make")
    parent = await start("up", "--no-worker", "--end-with-parent", until="The sandbox is up", parent=make)
    started = family(parent.pid)
    assert len(started) > 3
    os.kill(parent.pid, signal.SIGKILL)

    await until_gone(started)


async def test_the_sandbox_says_what_to_try_in_it(start: Start, tmp_path: Path) -> None:
    sandbox = await start("up", "--no-worker", until="Ctrl-C takes all of it down.")
    lines = [line.strip() for line in sandbox.log.read_text().splitlines()]

    application = f"-f {tmp_path}/state/podinfo/application.yaml"
    assert f"source {tmp_path}/state/environment" in lines
    assert f"python starter.py start {application} --wait" in lines
    assert (tmp_path / "state" / "podinfo" / "application.yaml").exists()


async def test_a_demo_in_a_folder_that_is_taken_says_so(start: Start, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "mine").touch()
    demo = await start("demo", until="choose an empty folder")

    assert await asyncio.wait_for(demo.wait(), 10) == 5

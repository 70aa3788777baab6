"""Commands are shown, run in the checkout, and ended with the demo."""

import asyncio
import io
import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tidegate.sandbox.demo.commands import CommandError, Commands
from tidegate.sandbox.demo.example import BETTER, BROKEN, CHECKOUT, FIRST, Example, typed
from tidegate.sandbox.demo.screen import Screen
from tidegate.sandbox.demo.stay import welcome
from tidegate.sandbox.demo.story import create


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def commands(shown: io.StringIO) -> Commands:
    return Commands(dict(os.environ), Screen(shown))


async def test_a_command_is_shown_as_one_would_type_it(commands: Commands, shown: io.StringIO) -> None:
    await commands.run(["test", "a b", "=", "a b"])

    assert shown.getvalue() == "$ test 'a b' = 'a b'\n"


async def test_another_exit_code_than_expected_is_an_error(commands: Commands) -> None:
    await commands.run(["false"], expected=1)
    with pytest.raises(CommandError, match="`false` ended with 1, not 0"):
        await commands.run(["false"])


async def test_commands_run_in_the_checkout_with_its_python(commands: Commands) -> None:
    printed = await commands.read(["python", "-c", "import os, sys; print(sys.prefix, os.getcwd())"])

    assert printed.decode().split() == [sys.prefix, str(CHECKOUT)]


async def test_a_command_ends_when_nobody_waits_for_it(commands: Commands, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    running = asyncio.create_task(
        commands.run(["sh", "-c", 'echo $$ > "$1" && exec sleep 60', "sh", str(pid)])
    )
    async with asyncio.timeout(10):
        while not (pid.exists() and pid.read_text()):  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})

    assert running.cancelled()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


async def test_each_version_is_a_commit_on_the_branch_latest(commands: Commands, tmp_path: Path) -> None:
    example = Example(tmp_path)
    await create(example, commands, shown=False)
    for before, after in ((FIRST, BETTER), (BETTER, BROKEN)):
        for command in example.change(before, after):
            await commands.read(command)
    log = await commands.read(["git", "-C", example.repository, "log", "--format=%s", "latest"])
    deployment = (tmp_path / "podinfo" / "deployment.yaml").read_text()

    assert log.decode().split("\n")[:3] == ["podinfo 6.9.2", "podinfo 6.9.1", "podinfo 6.9.0"]
    assert "podinfo:6.9.2" in deployment
    assert "--random-error=true" in deployment


async def test_a_repository_of_an_earlier_demo_makes_way(commands: Commands, tmp_path: Path) -> None:
    example = Example(tmp_path)
    await create(example, commands, shown=False)
    (tmp_path / "podinfo" / "left").touch()
    await create(example, commands, shown=False)

    assert not (tmp_path / "podinfo" / "left").exists()
    assert (tmp_path / "podinfo.earlier" / "left").exists()


@pytest.mark.parametrize(
    ("clusters", "told"), [(("asm", "mesh02"), False), (("asm", "mesh02", "mesh03"), True)]
)
def test_a_second_workload_cluster_is_among_what_can_be_tried(
    tmp_path: Path, clusters: tuple[str, ...], told: bool
) -> None:
    world: Any = Mock(directory=tmp_path, clusters=dict.fromkeys(clusters))
    lines = "\n".join(welcome(world, Example(tmp_path)))
    assert ("annotations: {tidegate.dev/further-clusters: mesh03}" in lines) is told


def test_paths_in_the_checkout_are_typed_relative(tmp_path: Path) -> None:
    assert (typed(CHECKOUT / ".sandbox"), typed(tmp_path)) == (".sandbox", str(tmp_path))

"""`tidegate uninstall` against a running Temporal: what it submits, and what it says and returns."""

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from typer.testing import Result

from tidegate.cli.following import read_request
from tidegate.contracts import Mode, release_workflow_id

pytestmark = pytest.mark.usefixtures("worker")

Tidegate = Callable[..., Coroutine[Any, Any, Result]]


async def test_a_file_or_a_name_says_what_is_uninstalled(
    tidegate: Tidegate, client: Client, application_file: Path, name: str
) -> None:
    result = await tidegate("uninstall", "-f", application_file, "--canary", "podinfo", "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0, result.output
    assert (events[-1]["outcome"], events[-1]["exit_code"]) == ("uninstalled", 0)
    request = await read_request(client, release_workflow_id("mesh02", "test", name), None)
    assert (request.mode, request.canaries) == (Mode.UNINSTALL, ("podinfo",))

    again = await tidegate("uninstall", f"{name}@mesh02/test")
    assert again.exit_code == 0, again.output
    assert f"uninstalling: {name}@mesh02/test" in again.stdout
    assert "uninstalled; podinfo.test was uninstalled" in again.stdout


async def test_without_a_record_the_file_is_asked_for(tidegate: Tidegate) -> None:
    result = await tidegate("uninstall", "nobody@mesh02/test")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: Temporal has no record of nobody@mesh02/test; give the Application's file with -f\n",
    )


async def test_a_running_release_is_not_uninstalled(
    tidegate: Tidegate, application_file: Path, name: str
) -> None:
    started = await tidegate("start", "-f", application_file, "--revision", "v1", "--no-validate")
    assert started.exit_code == 0, started.output
    result = await tidegate("uninstall", f"{name}@mesh02/test")
    assert result.exit_code == 3
    assert f"end it with `tidegate abort {name}@mesh02/test`" in result.stderr


async def test_without_waiting_it_is_only_begun(
    tidegate: Tidegate, application_file: Path, name: str
) -> None:
    result = await tidegate("uninstall", "-f", application_file, "--no-wait")
    assert (result.exit_code, result.stdout) == (0, f"uninstalling: {name}@mesh02/test\n")

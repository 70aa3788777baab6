"""`tidegate recover` against a running Temporal: what it submits, and what it says and returns."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from typer.testing import Result

from tidegate.cli.following import read_request
from tidegate.contracts import STATUS, Mode, ReleaseStatus, release_workflow_id

pytestmark = pytest.mark.usefixtures("worker")

Tidegate = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture
def workflow_id(name: str) -> str:
    return release_workflow_id("mesh02", "test", name)


@pytest.fixture
async def running(tidegate: Tidegate, client: Client, application_file: Path, workflow_id: str) -> None:
    """The test's application, being released at v1 and baking."""
    result = await tidegate("start", "-f", application_file, "--revision", "v1", "--no-validate")
    assert result.exit_code == 0, result.output
    handle = client.get_workflow_handle(workflow_id)
    for _ in range(200):
        if (await handle.query(STATUS, result_type=ReleaseStatus)).canaries:
            return
    raise AssertionError("the canary did not start")


@pytest.fixture
async def cut_off(running: None, client: Client, workflow_id: str) -> None:
    """The same, terminated."""
    await client.get_workflow_handle(workflow_id).terminate(reason="by hand")


@pytest.mark.usefixtures("cut_off")
async def test_what_was_released_last_is_recovered(
    tidegate: Tidegate, client: Client, name: str, workflow_id: str
) -> None:
    result = await tidegate("recover", f"{name}@mesh02/test")
    assert result.exit_code == 0, result.output
    assert f"recovering: {name}@mesh02/test" in result.stdout
    assert f"{name} v1: recovered; podinfo.test was put right: traffic 85/15" in result.stdout
    request = await read_request(client, workflow_id, None)
    assert (request.mode, request.revision) == (Mode.RECOVER, "v1")


async def test_a_file_is_enough_where_temporal_has_no_record(
    tidegate: Tidegate, application_file: Path, name: str
) -> None:
    result = await tidegate("recover", "-f", application_file, "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0, result.output
    assert (events[0]["event"], events[0]["disposition"]) == ("submission", "started")
    assert (events[-1]["event"], events[-1]["outcome"], events[-1]["exit_code"]) == (
        "outcome",
        "recovered",
        0,
    )


async def test_without_a_record_the_file_is_asked_for(tidegate: Tidegate) -> None:
    result = await tidegate("recover", "nobody@mesh02/test")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: Temporal has no record of nobody@mesh02/test; give the Application's file with -f\n",
    )


@pytest.mark.usefixtures("running")
async def test_a_running_release_is_not_recovered(tidegate: Tidegate, name: str) -> None:
    result = await tidegate("recover", f"{name}@mesh02/test")
    assert result.exit_code == 3
    assert f"end it with `tidegate abort {name}@mesh02/test`" in result.stderr


@pytest.mark.usefixtures("cut_off")
async def test_without_waiting_the_recovery_is_only_begun(tidegate: Tidegate, name: str) -> None:
    result = await tidegate("recover", f"{name}@mesh02/test", "--no-wait")
    assert (result.exit_code, result.stdout) == (0, f"recovering: {name}@mesh02/test\n")


@pytest.mark.usefixtures("cut_off")
async def test_all_that_were_cut_off_are_recovered_once(tidegate: Tidegate, name: str) -> None:
    for _ in range(100):
        result = await tidegate("recover", "--all")
        assert result.exit_code == 0, result.output
        if f"{name} v1: recovered" in result.stdout:
            break
        await asyncio.sleep(0.05)  # Temporal's list lags behind
    else:
        raise AssertionError("never found")
    assert name not in (await tidegate("recover", "--all")).stdout


async def test_all_and_a_name_exclude_each_other(tidegate: Tidegate) -> None:
    result = await tidegate("recover", "podinfo", "--all")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: both --all and an application are given; give one of them\n",
    )


@pytest.mark.usefixtures("cut_off")
async def test_status_names_the_remedy_for_what_was_left_behind(tidegate: Tidegate, name: str) -> None:
    result = await tidegate("status", f"{name}@mesh02/test")
    assert result.exit_code == 0
    assert (
        f"warning: the release was terminated; {name}.test had 15 % of the traffic on the canary: "
        f"`tidegate recover {name}@mesh02/test` looks and puts it right" in result.stderr
    )


@pytest.mark.usefixtures("running")
async def test_status_of_a_running_release_names_no_remedy(tidegate: Tidegate, name: str) -> None:
    result = await tidegate("status", f"{name}@mesh02/test", "--json")
    assert "left_behind" not in json.loads(result.stdout)


@pytest.mark.usefixtures("cut_off")
async def test_whoever_stops_waiting_is_not_told_to_abort_a_recovery(
    tidegate: Tidegate, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def for_ever(*_: object) -> int:
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr("tidegate.cli.start.watch_to_end", for_ever)
    result = await tidegate("recover", f"{name}@mesh02/test", "--timeout", "1s")
    assert (result.exit_code, result.stderr) == (
        4,
        "error: gave up waiting after 1s; the recovery goes on: "
        f"follow it with `tidegate watch {name}@mesh02/test`\n",
    )

"""Commands against a running Temporal: start, steer, look, and the exit codes."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

import pytest
from temporalio.client import Client
from typer.testing import Result

from tidegate.cli.submission import submit
from tidegate.contracts import (
    STATUS,
    CanaryStatus,
    ReleaseRequest,
    ReleaseStatus,
    canary_workflow_id,
    release_workflow_id,
)

pytestmark = pytest.mark.usefixtures("worker")

RequestFor = Callable[..., ReleaseRequest]
Tidegate = Callable[..., Coroutine[Any, Any, Result]]

GATE = "confirm-promotion: sesame (stage 7)"
ACCEPTED: Literal["workflow_execution_update_accepted_event_attributes"] = (
    "workflow_execution_update_accepted_event_attributes"
)


@pytest.fixture
async def started(tidegate: Tidegate, client: Client, application_file: Path, name: str) -> None:
    """The test's application, being released at v1 and baking."""
    result = await tidegate("start", "-f", application_file, "--revision", "v1", "--no-validate")
    assert result.exit_code == 0, result.output
    handle = client.get_workflow_handle(release_workflow_id("mesh02", "test", name))
    for _ in range(200):
        if (await handle.query(STATUS, result_type=ReleaseStatus)).canaries:
            return
    raise AssertionError("the canary did not start")


async def submitted(client: Client, name: str, count: int) -> None:
    """Wait until so many submissions have reached the running release."""
    handle = client.get_workflow_handle(release_workflow_id("mesh02", "test", name))
    for _ in range(500):
        events = [event async for event in handle.fetch_history_events()]
        if sum(event.HasField(ACCEPTED) for event in events) >= count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the submission never came")


async def end(client: Client, name: str, signal: str) -> None:
    await client.get_workflow_handle(release_workflow_id("mesh02", "test", name)).signal(signal)


async def come_to_gate(client: Client, name: str) -> None:
    """Let the canary wait for an approval."""
    await end(client, name, "wait")
    canary = client.get_workflow_handle(canary_workflow_id("mesh02", "test", name))
    for _ in range(200):
        if (await canary.query(STATUS, result_type=CanaryStatus)).gate == GATE:
            return
    raise AssertionError("no gate")


async def test_start_says_what_it_started(tidegate: Tidegate, application_file: Path, name: str) -> None:
    result = await tidegate("start", "-f", application_file, "--no-validate")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"started: {name}@mesh02/test at latest",
        f"follow it with `tidegate watch {name}`",
    ]


async def test_a_start_is_one_json_document(tidegate: Tidegate, application_file: Path) -> None:
    result = await tidegate("start", "-f", application_file, "--no-validate", "--json")
    document = json.loads(result.stdout)
    assert (document["event"], document["disposition"]) == ("submission", "started")


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    ("options", "exit_code", "words"),
    [
        (["--revision", "v1"], 0, "attached: "),
        (["--revision", "v2", "--on-conflict", "queue"], 0, "queued: "),
        (["--revision", "v2", "--on-conflict", "reject"], 3, "error: another revision of "),
        (["--revision", "v2"], 0, "superseding: "),
    ],
)
async def test_a_second_start_follows_its_policy(
    tidegate: Tidegate, application_file: Path, options: list[str], exit_code: int, words: str
) -> None:
    result = await tidegate("start", "-f", application_file, "--no-validate", *options)
    assert result.exit_code == exit_code
    assert result.output.startswith(words)


@pytest.mark.parametrize(
    ("signal", "exit_code", "outcome"),
    [
        ("promote", 0, "promoted"),
        ("fail", 1, "rolled back"),
        ("refuse", 2, "invalid"),
        ("abort", 3, "aborted"),
    ],
)
async def test_waiting_exits_with_the_outcome(
    tidegate: Tidegate,
    client: Client,
    application_file: Path,
    name: str,
    started: None,
    signal: str,
    exit_code: int,
    outcome: str,
) -> None:
    waiting = asyncio.create_task(
        tidegate("start", "-f", application_file, "--revision", "v1", "--no-validate", "--wait", "--json")
    )
    await submitted(client, name, 2)
    await end(client, name, signal)
    result = await waiting
    *_, last = map(json.loads, result.stdout.splitlines())
    assert (result.exit_code, last["event"], last["outcome"]) == (exit_code, "outcome", outcome)


@pytest.mark.parametrize("as_json", [True, False])
async def test_what_the_worker_refuses_is_one_line_on_standard_error(
    tidegate: Tidegate, client: Client, name: str, started: None, as_json: bool
) -> None:
    watching = asyncio.create_task(tidegate("watch", f"{name}@mesh02/test", *["--json"] * as_json))
    await end(client, name, "refuse")
    result = await watching
    assert (result.exit_code, result.stderr) == (2, "error: ended by invalid\n")
    assert ("outcome" in result.stdout) == as_json
    assert (f"{name} v1: invalid in 1m01s; ended by invalid" in result.stdout) != as_json


@pytest.mark.usefixtures("started")
async def test_waiting_no_longer_than_the_timeout_exits_4(tidegate: Tidegate, name: str) -> None:
    result = await tidegate("watch", f"{name}@mesh02/test", "--timeout", "700ms")
    assert result.exit_code == 4
    assert (
        f"gave up waiting after 700ms; the release goes on: follow it with `tidegate watch {name}"
        in result.stderr
    )


async def test_a_superseded_watcher_exits_3(
    tidegate: Tidegate, client: Client, name: str, started: None, request_for: RequestFor
) -> None:
    watching = asyncio.create_task(tidegate("watch", f"{name}@mesh02/test"))
    await submit(client, request_for("v2"), "tidegate", print)
    result = await watching
    assert result.exit_code == 3
    assert f"{name} v1: superseded in 1m01s; ended by aborted" in result.stdout


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["pause"], "paused {name}: {name}.test at 15 %, traffic 85/15; go on with `tidegate resume {name}`"),
        (["resume"], "resumed {name}: {name}.test at 15 %, traffic 85/15"),
        (["promote"], "{name}: promoted"),
        (["abort", "--reason", "too slow"], "{name}: aborted; ended by aborted"),
    ],
)
async def test_a_signal_says_what_it_did(
    tidegate: Tidegate, name: str, command: list[str], sentence: str
) -> None:
    result = await tidegate(*command, f"{name}@mesh02/test")
    assert (result.exit_code, result.stdout) == (0, sentence.format(name=name) + "\n")


async def test_an_approval_says_what_goes_on(
    tidegate: Tidegate, client: Client, name: str, started: None
) -> None:
    await come_to_gate(client, name)
    result = await tidegate("approve", f"{name}@mesh02/test")
    expected = f"approved {name}: {name}.test confirm-promotion: sesame (stage 7)\n"
    assert (result.exit_code, result.stdout) == (0, expected)


@pytest.mark.parametrize(
    "options",
    [
        ["--gate", "confirm-promotion"],
        ["--gate", GATE],
        ["--canary", "{name}"],
        ["--canary", "{name}.test", "--by", "ann"],
    ],
)
async def test_only_the_gate_that_is_meant_is_approved(
    tidegate: Tidegate, client: Client, name: str, started: None, options: list[str]
) -> None:
    await come_to_gate(client, name)
    words = [option.format(name=name) for option in options]
    result = await tidegate("approve", f"{name}@mesh02/test", *words, "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, [gate["canary"] for gate in document["gates"]]) == (0, [f"{name}.test"])
    assert [canary["gate"] for canary in document["canaries"]] == [""]


async def test_an_approval_that_finds_no_gate_fails_and_says_which_one_waits(
    tidegate: Tidegate, client: Client, name: str, started: None
) -> None:
    line = f"error: no gate of {name} waits for this approval"
    result = await tidegate("approve", f"{name}@mesh02/test")
    assert (result.exit_code, result.stderr) == (2, f"{line}\n")
    await come_to_gate(client, name)
    result = await tidegate("approve", f"{name}@mesh02/test", "--gate", "confirm-rollout")
    assert (result.exit_code, result.stderr) == (2, f"{line}; {name}.test waits at {GATE}\n")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ["--canary", "frontend"],
            "error: --canary: frontend is no canary of {name}; name one of {name}.test\n",
        ),
        (["--by", " "], "error: --by: is empty; give a name, or leave it out\n"),
    ],
)
@pytest.mark.usefixtures("started")
async def test_an_approval_that_means_nothing_is_one_line(
    tidegate: Tidegate, name: str, options: list[str], line: str
) -> None:
    result = await tidegate("approve", f"{name}@mesh02/test", *options)
    assert (result.exit_code, result.stderr) == (2, line.format(name=name))


async def test_what_runs_already_is_not_overridden_by_another_start(
    tidegate: Tidegate, application_file: Path, name: str, started: None
) -> None:
    options = ("--revision", "v1", "--no-validate", "--override-freeze", "outage")
    result = await tidegate("start", "-f", application_file, *options)
    assert result.exit_code == 0
    assert f"`tidegate approve {name}@mesh02/test --gate freeze`" in result.stderr


async def test_freezes_are_overridden_for_a_reason(tidegate: Tidegate, application_file: Path) -> None:
    result = await tidegate("start", "-f", application_file, "--no-validate", "--override-freeze", "")
    line = "error: --override-freeze: is empty; say why, or leave it out\n"
    assert (result.exit_code, result.stderr) == (2, line)


@pytest.mark.parametrize("command", ["pause", "resume", "promote", "approve", "abort"])
async def test_a_release_that_does_not_run_cannot_be_steered(
    tidegate: Tidegate, name: str, command: str
) -> None:
    result = await tidegate(command, f"{name}@mesh02/test")
    assert (result.exit_code, result.stderr) == (2, f"error: {name}@mesh02/test has no running release\n")


async def test_status_shows_the_canary(tidegate: Tidegate, name: str, started: None) -> None:
    result = await tidegate("status", f"{name}@mesh02/test")
    assert result.exit_code == 0
    assert "85/15 primary/canary" in result.stdout


async def test_status_as_json_has_release_and_canaries(
    tidegate: Tidegate, application_file: Path, name: str, started: None
) -> None:
    document = json.loads((await tidegate("status", "-f", application_file, "--json")).stdout)
    assert document["release"]["application"] == name
    assert [canary["weight"] for canary in document["canaries"]] == [15]


async def test_a_name_alone_finds_the_release(tidegate: Tidegate, name: str, started: None) -> None:
    assert await eventually(tidegate, name, "status", name)


async def test_list_has_the_release(tidegate: Tidegate, name: str, started: None) -> None:
    assert await eventually(tidegate, name, "list", "--limit", "100")
    rows = json.loads((await tidegate("list", "--running", "--json")).stdout)["releases"]
    assert [row["cluster"] for row in rows if row["application"] == name] == ["mesh02"]


async def eventually(tidegate: Tidegate, words: str, *arguments: str) -> bool:
    """Visibility lags a little behind."""
    for _ in range(50):
        result = await tidegate(*arguments)
        if result.exit_code == 0 and words in result.stdout:
            return True
    return False


async def test_an_unknown_name_is_one_line(tidegate: Tidegate) -> None:
    result = await tidegate("status", "nobody")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: no release of nobody is known; see `tidegate list`, or give the Application's file with -f\n"
    )


async def test_an_unknown_release_is_invalid_input(tidegate: Tidegate) -> None:
    result = await tidegate("status", "nobody@mesh02/test")
    assert (result.exit_code, result.stderr) == (2, "error: nobody@mesh02/test was never released\n")


@pytest.mark.usefixtures("started")
async def test_a_terminated_release_was_aborted(tidegate: Tidegate, client: Client, name: str) -> None:
    await client.get_workflow_handle(release_workflow_id("mesh02", "test", name)).terminate(reason="by hand")
    result = await tidegate("watch", f"{name}@mesh02/test", "--json")
    last = json.loads(result.stdout.splitlines()[-1])
    assert (result.exit_code, last["outcome"], last["reason"]) == (
        3,
        "aborted",
        "the workflow was terminated: by hand",
    )


@pytest.mark.parametrize(
    ("options", "stdout", "stderr"),
    [
        (
            [],
            "",
            "error: no worker answers on task queue 'nobody'; a release that was not running begins when",
        ),
        (
            ["--wait", "--timeout", "800ms"],
            "no worker answers on task queue 'nobody' yet, waiting for one\n",
            "error: gave up waiting after 800ms: no worker answers on task queue 'nobody'; the release",
        ),
    ],
)
async def test_without_a_worker_starting_says_so_and_gives_up(
    tidegate: Tidegate,
    application_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    stdout: str,
    stderr: str,
) -> None:
    monkeypatch.setenv("TIDEGATE_WORKER__TASK_QUEUE", "nobody")
    monkeypatch.setattr("tidegate.cli.submission.SILENCE_SECONDS", 0.2)
    result = await tidegate("start", "-f", application_file, "--no-validate", *options)
    assert (result.exit_code, result.stdout) == (4, stdout)
    assert result.stderr.startswith(stderr)


async def test_a_short_timeout_says_that_no_worker_answers(
    tidegate: Tidegate, application_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_WORKER__TASK_QUEUE", "nobody")
    result = await tidegate("start", "-f", application_file, "--no-validate", "--wait", "--timeout", "300ms")
    assert result.exit_code == 4
    assert "after 300ms: no worker answers on task queue 'nobody'; the release goes on" in result.stderr


async def test_a_timeout_without_waiting_is_refused(tidegate: Tidegate, application_file: Path) -> None:
    result = await tidegate("start", "-f", application_file, "--timeout", "8s")
    assert result.exit_code == 2
    assert (
        result.stderr == "error: --timeout: limits --wait, which is not given; add --wait, or leave it out\n"
    )


@pytest.mark.usefixtures("started")
async def test_superseding_says_what_it_drops(tidegate: Tidegate, application_file: Path) -> None:
    options = ("start", "-f", application_file, "--no-validate", "--revision")
    await tidegate(*options, "v2", "--on-conflict", "queue")
    await tidegate(*options, "v3", "--on-conflict", "queue")
    result = await tidegate(*options, "v3", "--json")
    assert json.loads(result.stdout)["dropped"] == ["v2"]
    assert "also drops queued v2\n" in result.stderr


async def test_status_without_a_worker_says_so(
    tidegate: Tidegate, client: Client, request_for: RequestFor
) -> None:
    request = request_for("v1")
    await client.start_workflow("Release", request, id=request.workflow_id, task_queue="nobody")
    result = await tidegate("status", f"{request.application.name}@mesh02/test")
    assert (result.exit_code, "no worker answers" in result.stdout) == (0, True)

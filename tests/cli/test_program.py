"""The program as a process: what the shell and CI get to see."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from tidegate.contracts import release_workflow_id

STARTER = Path(__file__).parents[2] / "starter.py"


async def launch(*arguments: object, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(STARTER),
        *map(str, arguments),
        env={**os.environ, "TIDEGATE_CLUSTERS__MESH02__CONTEXT": "mesh02", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def outcome_of(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Exit code, standard output, standard error."""
    out, err = await asyncio.wait_for(process.communicate(), timeout=30)
    return process.returncode, out.decode(), err.decode()


async def test_temporal_out_of_reach_is_one_line_and_exits_5() -> None:
    code, out, err = await outcome_of(await launch("list", TEMPORAL_ADDRESS="127.0.0.1:1"))
    assert (code, out) == (5, "")
    assert err == (
        "error: Temporal at 127.0.0.1:1 is out of reach: Connection refused; "
        "check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_PROFILE\n"
    )


async def test_a_broken_temporal_configuration_exits_2(tmp_path: Path) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text("broken = [", encoding="utf-8")
    code, out, err = await outcome_of(await launch("list", TEMPORAL_CONFIG_FILE=str(file)))
    assert (code, out) == (2, "")
    assert err.startswith("error: Temporal's configuration: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["list", "--nonsense"], "no such option: --nonsense; see `tidegate list --help`"),
        (["start"], "missing option '--file' / '-f'; see `tidegate start --help`"),
        (["begin"], "no such command 'begin'; see `tidegate --help`"),
        (
            ["start", "-f", "application.yaml", "--on-conflict", "wait"],
            "invalid value for '--on-conflict': 'wait' is not one of 'supersede', 'queue', 'reject'; "
            "see `tidegate start --help`",
        ),
    ],
)
async def test_a_wrong_command_line_is_one_line_and_a_document(arguments: list[str], problem: str) -> None:
    assert await outcome_of(await launch(*arguments)) == (2, "", f"error: {problem}\n")

    code, out, err = await outcome_of(await launch(*arguments, "--json"))
    assert (code, err) == (2, f"error: {problem}\n")
    assert json.loads(out) == {"event": "error", "error": problem, "exit_code": 2}


async def test_an_option_without_its_argument_names_its_commands_help() -> None:
    problem = "option '--override-freeze' requires an argument; see `tidegate start --help`"
    assert await outcome_of(await launch("start", "--override-freeze")) == (2, "", f"error: {problem}\n")


@pytest.mark.usefixtures("worker")
async def test_interrupting_the_wait_leaves_the_release_alone(
    temporal: WorkflowEnvironment, client: Client, application_file: Path, name: str
) -> None:
    address = temporal.client.service_client.config.target_host
    process = await launch(
        "start", "-f", application_file, "--no-validate", "--wait", TEMPORAL_ADDRESS=address
    )
    assert process.stdout
    assert await process.stdout.readline() == f"started: {name}@mesh02/test at latest\n".encode()
    process.send_signal(signal.SIGINT)
    code, _, err = await outcome_of(process)
    assert code == 4
    assert err == (
        "error: interrupted; the release goes on: "
        f"follow it with `tidegate watch {name}@mesh02/test`, "
        f"end it with `tidegate abort {name}@mesh02/test`\n"
    )
    running = await client.get_workflow_handle(release_workflow_id("mesh02", "test", name)).describe()
    assert running.close_time is None

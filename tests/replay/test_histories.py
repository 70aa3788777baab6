"""What earlier releases did is understood by the workflows of today."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from tests.replay.changed import changed_canary
from tests.replay.fingerprint import ADVICE
from tests.replay.kinds import KINDS
from workflows.canary import Canary
from workflows.release import Release

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def history_of(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text())


async def test_every_kept_history_is_replayed() -> None:
    async def histories() -> AsyncIterator[WorkflowHistory]:
        for file in HISTORIES:
            yield history_of(file)

    replayer = Replayer(workflows=[Release, Canary], data_converter=pydantic_data_converter)
    results = await replayer.replay_workflows(histories(), raise_on_replay_failure=False)
    assert not results.replay_failures, f"{results.replay_failures}\n\n{ADVICE}"


def test_there_is_a_history_of_each_kind() -> None:
    assert {file.name.split(".")[0] for file in HISTORIES} >= set(KINDS)


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_a_kept_history_tells_nothing_of_the_machine(file: Path) -> None:
    names = {name for event in json.loads(file.read_text())["events"] for name in _names(event)}
    assert not names & {"identity", "stackTrace", "workerVersion"}
    assert file.stat().st_size < 64_000


async def test_a_changed_workflow_does_not_understand_the_old_history(tmp_path: Path) -> None:
    replayer = Replayer(
        workflows=[Release, changed_canary(tmp_path)],
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    (promoted,) = [file for file in HISTORIES if file.stem == "promoted.canary.1"]
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(history_of(promoted))


def _names(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for item in value.values() for name in _names(item)}
    return {name for item in value for name in _names(item)} if isinstance(value, list) else set()

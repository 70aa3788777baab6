"""Each kind of release gives the commands that are kept for it; a change of them comes with advice."""

from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.replay import fingerprint
from tests.replay.changed import changed_canary
from tests.replay.kinds import ORDERED, play
from workflows.release import Release


@pytest.mark.parametrize("name", ORDERED)
async def test_a_kind_of_release_gives_the_commands_that_are_kept(
    replay_server: WorkflowEnvironment, name: str
) -> None:
    kept = {run: lines for run, lines in fingerprint.read().items() if run.split(".")[0] == name}
    seen = {
        run: fingerprint.fingerprint(history) for run, history in (await play(name, replay_server)).items()
    }
    complaints = [fingerprint.complaint(run, kept.get(run, []), seen.get(run, [])) for run in kept | seen]
    assert not any(complaints), "".join(complaints)


async def test_a_changed_workflow_is_found_and_told_what_to_do(
    replay_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    workflows = [Release, changed_canary(tmp_path)]
    histories = await play("promoted", replay_server, workflows, sandboxed=False)
    seen = fingerprint.fingerprint(histories["promoted.canary.1"])
    complaint = fingerprint.complaint("promoted.canary.1", fingerprint.read()["promoted.canary.1"], seen)
    assert "+timer: A second thought" in complaint
    assert "workflow.patched(" in complaint
    assert "python -m tests.replay.record" in complaint


def test_the_same_commands_are_no_complaint() -> None:
    assert not fingerprint.complaint("promoted", ["timer: Drain"], ["timer: Drain"])

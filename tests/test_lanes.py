"""What runs on one process, and what a run that is short of time leaves out."""

from pathlib import Path

import pytest

from tests import lanes
from tests.tiers import EMULATOR, REAL

SURVIVED = "tests/faults/test_survived.py::test_a_release_survives[worker killed]"


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("tests/e2e/test_release.py::test_it[real]", "worlds"),
        ("tests/e2e/test_release.py::test_it[emulator-cookie]", "spare e2e"),
        ("tests/access/test_access.py::test_it", "worlds"),
        ("tests/faults/test_pods.py::test_it", "worlds"),
        (SURVIVED, "spare faults"),
        ("tests/sandbox/world/test_world.py::test_it[real]", "sandbox/world real"),
        ("tests/sandbox/world/test_world.py::test_it[emulator]", "sandbox/world emulator"),
        ("tests/workflows/test_release.py::test_it", "workflows/test_release.py"),
    ],
)
def test_what_shares_a_world_runs_on_one_process(
    monkeypatch: pytest.MonkeyPatch, test: str, expected: str
) -> None:
    monkeypatch.setattr(lanes, "TIERS", [EMULATOR, REAL])
    assert lanes.lane(test) == expected


def test_without_a_real_control_plane_no_end_to_end_test_is_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "TIERS", [EMULATOR])
    assert lanes.lane("tests/e2e/test_release.py::test_it[emulator]") == "worlds"
    assert lanes.is_spare(SURVIVED)


def test_what_can_be_spared_comes_last() -> None:
    found = ["spare faults", "cli/test_plan.py", "worlds", "spare e2e", "workflows/test_release.py"]
    expected = ["worlds", "cli/test_plan.py", "workflows/test_release.py", "spare e2e", "spare faults"]
    assert lanes.in_order(found) == expected


@pytest.mark.parametrize(("seconds", "outcomes"), [("0", "1 passed, 1 skipped"), ("3600", "2 passed")])
def test_past_its_time_a_run_leaves_out_what_can_be_spared(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, seconds: str, outcomes: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for file in ("faults/test_survived", "cli/test_plan"):
        path = pytester.path / "tests" / f"{file}.py"
        path.parent.mkdir(parents=True)
        path.write_text("def test_it() -> None:\n    pass\n")
    run = pytester.runpytest_subprocess("-p", "tests.lanes", "--spare-after", seconds)
    run.stdout.fnmatch_lines([f"*{outcomes}*"])

"""What the harness for faults makes of what it saw."""

from io import StringIO
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from benchmarks.chaos import chosen_by, parsed
from benchmarks.faults.canary import Weight
from benchmarks.faults.follower import CANARY, RELEASE, Seen
from benchmarks.faults.release import Release
from benchmarks.faults.runner import Result
from benchmarks.faults.safety import seconds_to_safety
from benchmarks.faults.table import table
from tidegate.contracts import ABORT


def seen(type_: str, at: float, label: str = "", text: str = "", workflow: str = CANARY) -> Seen:
    return Seen(workflow, 1, type_, label, at, at, text)


BAKE = (seen("TIMER_STARTED", 10, "Bake 4s at 25 %"), seen("TIMER_FIRED", 14, "Bake 4s at 25 %"))
ABORTED = seen("WORKFLOW_EXECUTION_SIGNALED", 12.0, text=f"{{'signalName': '{ABORT}'}}", workflow=RELEASE)


def release(fault_ended: float, weights: list[Weight], events: tuple[Seen, ...] = ()) -> Release:
    found: Any = SimpleNamespace(
        fault_ended=fault_ended,
        application=SimpleNamespace(canaries=[SimpleNamespace(weights=weights)]),
        follower=SimpleNamespace(seen=list(events)),
    )
    return cast(Release, found)


@pytest.mark.parametrize(
    ("weights", "events", "expected"),
    [
        pytest.param([Weight(1, 0)], (), 0.0, id="traffic that was never split is safe"),
        pytest.param([Weight(1, 25), Weight(9, 0)], (), 0.0, id="so it is when it was back before"),
        pytest.param([Weight(1, 25), Weight(15, 0)], (), 4.0, id="until the canary's share is 0"),
        pytest.param([Weight(1, 25), Weight(15, 0)], BAKE, 1.0, id="the plan's own bake does not count"),
        pytest.param([Weight(1, 25), Weight(15, 0)], (*BAKE, ABORTED), 3.0, id="but counts after an abort"),
    ],
)
def test_the_time_to_a_safe_state(weights: list[Weight], events: tuple[Seen, ...], expected: float) -> None:
    assert seconds_to_safety(release(11.0, weights, events)) == expected


def test_the_table_counts_by_group_and_says_what_was_broken() -> None:
    results = [
        Result(name="one", group="worker killed", kind="good", violations=(), seconds_to_safety=2.5),
        Result(name="two", group="worker killed", kind="good", violations=("it has not ended",)),
        Result(name="three", group="starts at once", kind="good", violations=(), seconds_to_safety=0.5),
    ]
    console = Console(width=140, record=True, file=StringIO())
    console.print(table(results))
    words = [line.replace("│", " ").split() for line in console.export_text().splitlines()]
    assert ["worker", "killed", "2", "1", "2.5", "2.5", "0"] in words
    assert ["all", "3", "2", "2.5", "1.5", "0"] in words
    assert ["-", "it", "has", "not", "ended"] in words


@pytest.mark.parametrize("count", [1, 2, 3])
def test_shares_of_the_cases_make_up_all_of_them(count: int) -> None:
    whole = _names("1/1")
    shares = [_names(f"{number}/{count}") for number in range(1, count + 1)]
    assert sorted(name for share in shares for name in share) == sorted(whole)
    assert all(share for share in shares)


def _names(share: str) -> list[str]:
    chosen = chosen_by(parsed(["--all", "--share", share]))
    return [f"{case.group}: {case.name}" for cases in chosen.values() for case in cases]


@pytest.mark.parametrize("share", ["0/3", "4/3", "1", "a/b"])
def test_a_share_that_is_none_is_a_usage_error(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(["--share", share])
    assert f"'{share}' is no share" in capsys.readouterr().err

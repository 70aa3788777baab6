"""What the demo says at its end, from what it saw."""

from typing import Any

import pytest
from rich.console import Console

from tidegate.sandbox.demo import summary
from tidegate.sandbox.demo.story import EXPECTED
from tidegate.sandbox.demo.summary import Release
from tidegate.sandbox.demo.users import LOST, Answer, Experience

GOOD = [
    Release("release/mesh02/test/podinfo", "run-1", "Initialized", 2.5),
    Release("release/mesh02/test/podinfo", "run-2", "Succeeded", 34.5),
    Release("release/mesh02/test/podinfo", "run-3", "Failed", 12.0),
]


def _row(number: int, phase: str) -> dict[str, Any]:
    started = f"2026-01-01T00:00:0{number}Z"
    return {
        "workflow_id": "release/a/b/c",
        "run_id": str(number),
        "phase": phase,
        "seconds": 1.0,
        "started": started,
    }


def test_releases_come_in_the_order_of_their_starts() -> None:
    listing = {"releases": [_row(2, "Succeeded"), _row(1, "Initialized")]}

    assert [each.phase for each in summary.parse(listing)] == ["Initialized", "Succeeded"]


def test_a_runs_address_names_workflow_and_run() -> None:
    address = GOOD[1].address("http://ui")

    assert address == "http://ui/namespaces/default/workflows/release%2Fmesh02%2Ftest%2Fpodinfo/run-2"


def test_the_table_tells_how_each_release_ended() -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(summary.table(EXPECTED, GOOD))

    assert [line.split() for line in captured.get().splitlines()] == [
        ["release", "of", "ended", "took"],
        ["1", "podinfo", "6.9.0", "initialised", "2.5", "s"],
        ["2", "podinfo", "6.9.1", "promoted", "34.5", "s"],
        ["3", "podinfo", "6.9.2", "rolled", "back", "12.0", "s"],
    ]


def test_nothing_surprises_in_a_demo_as_it_has_to_be() -> None:
    assert summary.surprises(EXPECTED, GOOD, Experience()) == []


@pytest.mark.parametrize(
    ("found", "surprise"),
    [
        (
            [*GOOD[:2], GOOD[2]._replace(phase="Succeeded")],
            "the release of podinfo 6.9.2 ended as Succeeded, not Failed",
        ),
        (
            [GOOD[0], GOOD[1]._replace(phase="Unchanged"), GOOD[2]],
            "the release of podinfo 6.9.1 ended as Unchanged, not Succeeded",
        ),
        (GOOD[:2], "there were 2 releases, not 3"),
    ],
)
def test_another_ending_is_a_surprise(found: list[Release], surprise: str) -> None:
    assert summary.surprises(EXPECTED, found, Experience()) == [surprise]


def test_a_request_that_got_no_answer_is_a_surprise() -> None:
    users = Experience()
    users.record(Answer(LOST))

    assert summary.surprises(EXPECTED, GOOD, users) == [
        "users lost requests that no faulty version failed: 1 x no answer"
    ]


def test_what_users_got_is_told_by_version() -> None:
    users = Experience()
    for answer in (Answer(200, "6.9.1"), Answer(200, "6.9.0"), Answer(200, "6.9.1"), Answer(500)):
        users.record(answer, faulty="6.9.2")

    assert summary.experience(users) == [
        "Users made 4 requests meanwhile.",
        "  answered: 1 by 6.9.0, 2 by 6.9.1",
        "  failed:   1 by 6.9.2 while it was tried; 0 for any other reason",
    ]

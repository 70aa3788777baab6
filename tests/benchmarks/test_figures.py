"""Figures from what was measured, their aims, and the table."""

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from benchmarks.figures import Aborts, Cost, Figures, Gateway, Overhead, Steps, bakes_in, breakdown
from benchmarks.history import Activity
from benchmarks.installation import heartbeats_in
from benchmarks.machine import Machine, processor_of
from benchmarks.report import report
from tidegate.contracts import StageTiming

MACHINE = Machine(processor="CPU", cores=2, memory_gib=8, system="Linux 6", python="3.11.7", load=0.5)


def figures(**changes: Any) -> Figures:
    measured: dict[str, Any] = {
        "overhead": Overhead(
            seconds=21, bakes_seconds=20, failed_checks=0, breakdown=(Cost(part="Plan", times=1, seconds=1),)
        ),
        "aborts": Aborts(milliseconds=(80, 60, 100)),
        "steps": Steps(
            count=10, events=205, actions=40, heartbeats=0, release_events=300, release_actions=60
        ),
        "gateway": Gateway(weight_changes=20, requests=4000, rate=400, failures={}),
    }
    return Figures(**measured | changes)


def printed(measured: Figures) -> str:
    console = Console(file=StringIO(), width=140)
    console.print(report(measured, MACHINE))
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def test_the_headline_has_the_published_names() -> None:
    assert figures().headline() == {
        "overhead_ratio": 1.05,
        "abort_ms_p50": 80,
        "events_per_step": 20.5,
        "actions_per_step": 4,
        "gateway_failures": 0,
    }


def test_the_document_begins_with_the_headline_and_keeps_the_samples() -> None:
    document = figures().document()
    assert list(document)[:5] == list(figures().headline())
    assert document["samples"]["aborts"] == {"milliseconds": [80, 60, 100]}


def test_heartbeats_are_billed_with_the_steps() -> None:
    steps = Steps(count=10, events=200, actions=40, heartbeats=20, release_events=0, release_actions=0)
    assert figures(steps=steps).missed() == ["actions_per_step"]


def test_a_met_aim_is_not_called_missed() -> None:
    assert figures().missed() == []
    assert "aim missed" not in printed(figures())


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({"aborts": Aborts(milliseconds=(500.1,))}, "abort_ms_p50"),
        (
            {"gateway": Gateway(weight_changes=20, requests=9, rate=1, failures={"503": 1})},
            "gateway_failures",
        ),
        (
            {"overhead": Overhead(seconds=23, bakes_seconds=20, failed_checks=0, breakdown=())},
            "overhead_ratio",
        ),
    ],
)
def test_a_missed_aim_is_said(changes: dict[str, Any], missed: str) -> None:
    measured = figures(**changes)
    assert measured.missed() == [missed]
    assert printed(measured).count("aim missed") == 1


def test_the_table_says_where_the_time_went_and_on_which_machine() -> None:
    text = printed(figures())
    assert "Where the 1.00 s beyond the bakes went" in text
    assert "2 cores (CPU), 8 GiB, Linux 6, Python 3.11.7" in text


def test_the_breakdown_accounts_for_every_second_beyond_the_bakes() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    activities = [Activity("git_resolve", noon, 0.1, 0.2), Activity("traffic_route", noon, 1, 1)]
    stages = [
        StageTiming(stage="Route 95/5", seconds=0.1),
        StageTiming(stage="Bake 2s at 5%, 2 checks, load", seconds=2.2),
        StageTiming(stage="Route 90/10", seconds=0.2),
        StageTiming(stage="Bake 2s at 10%, 2 checks, load", seconds=2.3),
        StageTiming(stage="Route 100/0", seconds=0.1),
    ]
    costs = breakdown(1.5, 2.0, activities, stages)
    assert [(cost.part, cost.times, round(cost.seconds, 3)) for cost in costs] == [
        ("Resolve revision", 1, 0.3),
        ("Routes to the canary", 2, 0.3),
        ("Bakes, beyond their time", 2, 0.5),
        ("Route 100/0", 1, 0.1),
        ("Temporal and the workflows between them", 1, 0.3),
    ]
    assert bakes_in(stages) == 2


def test_heartbeats_are_read_from_the_sdks_metrics() -> None:
    metrics = (
        "# TYPE temporal_request counter\n"
        'temporal_request{namespace="default",operation="RecordActivityTaskHeartbeat",service_name="x"} 6\n'
        'temporal_request{namespace="default",operation="RespondActivityTaskCompleted",service_name="x"} 50\n'
    )
    assert heartbeats_in(metrics) == 6
    assert heartbeats_in("") == 0


def test_the_processor_is_named_as_the_kernel_names_it() -> None:
    assert processor_of("processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: AMD EPYC\n") == "AMD EPYC"
    assert processor_of("") == ""

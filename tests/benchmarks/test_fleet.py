"""What a fleet's histories and counts are made into, and what its table says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from benchmarks.fleet_figures import Cost, Fleet, Round, Waiting, lateness, per_release, percentile, span
from benchmarks.fleet_report import report
from benchmarks.history import History
from benchmarks.machine import Machine
from benchmarks.neighbours import call_of
from benchmarks.usage import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def written(*events: tuple[float, str, dict[str, Any]]) -> History:
    """A history of events, each at so many seconds after noon."""
    return History.parse(
        {
            "events": [
                {
                    "eventId": str(number),
                    "eventTime": (NOON + timedelta(seconds=at)).isoformat().replace("+00:00", "Z"),
                    "eventType": f"EVENT_TYPE_{kind}",
                    "someEventAttributes": attributes,
                }
                for number, (at, kind, attributes) in enumerate(events, start=1)
            ]
        }
    )


def scheduled(at: float, name: str) -> tuple[float, str, dict[str, Any]]:
    return at, "ACTIVITY_TASK_SCHEDULED", {"activityType": {"name": name}}


def started(at: float, of: int) -> tuple[float, str, dict[str, Any]]:
    return at, "ACTIVITY_TASK_STARTED", {"scheduledEventId": str(of)}


def timer(at: float, seconds: str) -> tuple[float, str, dict[str, Any]]:
    return at, "TIMER_STARTED", {"startToFireTimeout": seconds}


def round_of(releases: int, late: tuple[float, ...] = (0.1,), **changed: Any) -> Round:
    values: dict[str, Any] = {
        "releases": releases,
        "outcomes": {"promoted": releases},
        "wrong": (),
        "bakes_seconds": 50,
        "starting_seconds": 1,
        "seconds": 60,
        "late": late,
        "judged_late": late,
        "calls": {"asm: get virtualservices": 6, "mesh02: update deployments": 4.5},
        "actions": 40,
        "events": 200,
        "cost": Cost(worker=30, children=1, server=45, neighbours=5),
        "memory": 200,
        "threads": 60,
    }
    return Round(**values | changed)


def test_a_step_is_late_from_its_timers_due_time_to_the_start_of_what_follows() -> None:
    history = written(
        timer(0, "10s"),
        (10.5, "TIMER_FIRED", {}),
        scheduled(10.5, "metrics_judge"),
        started(10.6, 3),
        scheduled(10.8, "traffic_route"),
        started(11, 5),
    )
    assert list(lateness(history)) == [pytest.approx((0.6, 1.0))]


def test_a_drain_is_no_bake() -> None:
    history = written(timer(0, "5s"), scheduled(5, "workload_scale_down"), started(5.1, 2))
    assert list(lateness(history)) == []


def test_a_bake_that_is_repeated_ends_without_a_next_step() -> None:
    history = written(
        timer(0, "10s"),
        scheduled(10, "metrics_judge"),
        started(10, 2),
        timer(10, "10s"),
        scheduled(20, "metrics_judge"),
        started(20.1, 5),
        scheduled(20.1, "workload_promote"),
        started(20.2, 7),
    )
    assert list(lateness(history)) == [pytest.approx((0.1, 0.2))]


@pytest.mark.parametrize(("percent", "value"), [(50, 2), (99, 4), (100, 4), (25, 1)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], percent) == value


def test_calls_are_counted_for_one_release_from_where_the_count_stood() -> None:
    before = {"asm": {"get namespaces": 3}}
    after = {"asm": {"get namespaces": 7, "list pods": 0}, "mesh02": {"update deployments": 1}}
    assert per_release(before, after, 2) == {"asm: get namespaces": 2, "mesh02: update deployments": 0.5}


def test_a_span_reaches_from_the_first_beginning_to_the_last_end() -> None:
    moments = [
        (NOON + timedelta(seconds=begin), NOON + timedelta(seconds=end)) for begin, end in [(1, 5), (0, 4)]
    ]
    assert span(moments) == 5


def test_the_knee_is_the_last_fleet_in_time_and_no_larger_one_after_a_late_one() -> None:
    rounds = (round_of(25), round_of(50), round_of(100, late=(0.1, 3.0)), round_of(200))
    assert Fleet(initialisation=round_of(200), rounds=rounds).knee == 50


@pytest.mark.parametrize(
    "changed", [{"outcomes": {"promoted": 24, "failed": 1}}, {"wrong": ("the traffic is split",)}]
)
def test_a_fleet_that_lost_a_release_is_not_complete(changed: dict[str, Any]) -> None:
    assert not Fleet(initialisation=round_of(25), rounds=(round_of(25, **changed),)).complete


def test_what_limits_a_round_is_its_busiest_part() -> None:
    assert round_of(25).limit == "Temporal's server, with 0.75 cores"


def test_python_allows_as_many_as_fit_into_a_core() -> None:
    assert round_of(25).per_core_minute == 50


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("GET", "/apis/apps/v1/namespaces/a/deployments/b", {}, ""), "get deployments"),
        (("GET", "/apis/apps/v1/namespaces/a/deployments", {}, ""), "list deployments"),
        (("GET", "/apis/apps/v1/namespaces/a/deployments", {"watch": "1"}, ""), "watch deployments"),
        (
            ("PATCH", "/api/v1/namespaces/a/services/b", {"dryRun": "All"}, "application/apply-patch+yaml"),
            "apply services (dry run)",
        ),
        (
            ("PATCH", "/api/v1/namespaces/a/services/b", {}, "application/json-patch+json"),
            "patch services",
        ),
        (("PUT", "/api/v1/namespaces/a/services/b", {}, "application/json"), "update services"),
        (("POST", "/api/v1/namespaces/a/services", {}, "application/json"), "create services"),
        (("GET", "/apis", {}, ""), "discovery"),
    ],
)
def test_a_call_is_named_as_in_kubectl(call: tuple[str, str, dict[str, str], str], words: str) -> None:
    assert call_of(*call) == words


def test_usage_is_read_past_a_name_with_spaces_and_brackets() -> None:
    fields = ["S", *["0"] * 10, "200", "100", "30", "20", "0", "0", "7", "0", "0", "0", "256", "0"]
    found = parse(f"1 (a ) b) {' '.join(fields)}")
    assert (found.cpu, found.children_cpu, found.memory, found.threads) == (3.0, 0.5, 1.0, 7)


def test_the_table_says_how_many_are_waiting_and_that_all_ended_well() -> None:
    waiting = Waiting(
        releases=1000,
        seconds=60,
        memory_before=100,
        memory_cached=200,
        memory_evicted=110,
        answer_cached_ms=5,
        answer_evicted_ms=20,
        wake_cpu_ms=15,
        outcomes={"promoted": 1000},
        wrong=(),
        finishing_seconds=80,
    )
    fleet = Fleet(initialisation=round_of(200, bakes_seconds=0), rounds=(round_of(25),), waiting=waiting)
    console = Console(width=140)
    with console.capture() as capture:
        console.print(report(fleet, Machine.here(), 10, 5))
    assert "1000 releases waiting" in capture.get()
    assert "114 KiB" in capture.get()
    assert "all 25" in capture.get()

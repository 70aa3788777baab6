"""The judge's benchmark: its traffic is what it says, and its releases end as a canary's do."""

import random
from collections.abc import Sequence
from io import StringIO

import pytest
from rich.console import Console

from benchmarks.judge import BAKES, CASES, JUDGES, THRESHOLD, Case, Moment, Run, rates, table
from benchmarks.synthetic_traffic import Behaviour, Counted, Traffic, binomial, together
from tidegate.domain.verdict import Result, Verdict

CASE = {case.name: case for case in CASES}


def traffic(seed: str, requests: int = 100_000, **behaviour: float) -> Counted:
    return Traffic(seed, {"canary": Behaviour(**behaviour)}, {"canary": requests}).sample()["canary"]


def test_a_seed_gives_the_same_traffic_each_time() -> None:
    assert traffic("a") == traffic("a") != traffic("b")


@pytest.mark.parametrize("errors", [0.0, 0.0005, 0.02, 0.2, 1.0])
def test_as_many_requests_fail_as_were_asked_for(errors: float) -> None:
    found = traffic("a", errors=errors)
    assert sum(found.buckets) == found.requests == 100_000
    assert 100 - found.success_rate == pytest.approx(100 * errors, abs=0.4)


def test_latencies_are_as_many_times_the_usual_ones() -> None:
    usual, slow = traffic("a").p99, traffic("a", latency=2).p99
    assert 200 < usual < 350
    assert 1.6 < slow / usual < 2.4


@pytest.mark.parametrize(
    ("buckets", "p99"),
    [((0, 0, 0, 0, 0, 100), 248.5), ((0, 0, 0, 0, 90, 10), 235.0), ((0, 0, 0, 0, 0, 98, 2), 375.0)],
)
def test_the_p99_is_interpolated_as_prometheus_does(buckets: Sequence[int], p99: float) -> None:
    padded = (*buckets, *(0 for _ in range(13 - len(buckets))))
    assert Counted(100, 0, padded).p99 == pytest.approx(p99)


def test_samples_add_up() -> None:
    one = Counted(10, 1, (4, 6))
    assert together([one, one, one]) == Counted(30, 3, (12, 18))


@pytest.mark.parametrize(("trials", "share"), [(20, 0.1), (1000, 0.01), (5000, 0.3), (300, 0.9)])
def test_draws_have_the_mean_and_the_variance_of_the_binomial_distribution(trials: int, share: float) -> None:
    source = random.Random(1)  # noqa: S311 - repeatable, not secret
    drawn = [binomial(source, trials, share) for _ in range(3000)]
    mean = sum(drawn) / len(drawn)
    variance = sum((each - mean) ** 2 for each in drawn) / len(drawn)
    assert mean == pytest.approx(trials * share, rel=0.03)
    assert variance == pytest.approx(trials * share * (1 - share), rel=0.12)


@pytest.mark.parametrize(
    ("result", "waits", "rolled_back", "bakes"),
    [(Result.PASSED, False, False, BAKES), (Result.FAILED, False, True, THRESHOLD)],
)
def test_a_release_ends_after_its_bakes_or_at_the_threshold(
    result: Result, waits: bool, rolled_back: bool, bakes: int
) -> None:
    def judged(_: Sequence[Moment]) -> tuple[Verdict, ...]:
        return (Verdict(check="a", result=result, reason="", waits=waits),)

    assert Run(CASE["healthy"], 20, 1).released(judged) == (rolled_back, bakes)


def test_what_waits_counts_as_nothing() -> None:
    def judged(moments: Sequence[Moment]) -> tuple[Verdict, ...]:
        enough = len(moments) >= 20
        result = Result.PASSED if enough else Result.INCONCLUSIVE
        return (Verdict(check="a", result=result, reason="", waits=not enough),)

    assert Run(CASE["healthy"], 20, 1).released(judged) == (False, 9 + BAKES)


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        ("healthy", {"thresholds": 0, "primary": 0}),
        ("healthy, all 2 % errors", {"thresholds": 100, "primary": 0}),
        ("faulty, 20 % errors", {"thresholds": 0, "primary": 0}),
        ("faulty, +50 % slow", {"thresholds": 100, "primary": 0}),
    ],
)
def test_thresholds_and_comparison_differ_where_all_are_bad_and_below_the_threshold(
    case: str, wrong: dict[str, float]
) -> None:
    found = {rate.judge: rate.wrong for rate in rates(3, (2000,), (CASE[case],))}
    assert {name: found[name] for name in wrong} == wrong


def test_the_table_has_a_row_for_each_judge_in_each_case() -> None:
    console = Console(file=StringIO(), width=110)
    console.print(table(rates(1, (20, 100), (CASE["healthy"], Case("mine", Behaviour(errors=1))))))
    assert isinstance(console.file, StringIO)
    printed = console.file.getvalue()
    assert " 100 " in printed
    assert "mine" in printed
    assert all(printed.count(f" {name} ") >= 2 for name in JUDGES)

"""`python -m benchmarks.judge`: wrong rollbacks and missed faults of thresholds and of the comparison.

Each trial is a release of ten bakes of a minute on synthetic traffic, with five failed checks as its
threshold, judged by the judge's own functions. All judges see the same traffic. Repeatable: the seed is in
the code. Results go to benchmarks/out/judge.json.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.machine import Machine, write_document
from benchmarks.synthetic_traffic import ERROR_RATE, Behaviour, Counted, Traffic, together
from tidegate.decisions.comparison import Rule, compare
from tidegate.decisions.judge import Criterion, Measure, Sample, is_waiting, judge
from tidegate.domain.analysis import ThresholdRange
from tidegate.domain.comparison import Worse
from tidegate.domain.verdict import Verdict

OUT = Path(__file__).parent / "out" / "judge.json"
PLAIN_WIDTH = 110
TRIALS = 100
BAKES, THRESHOLD, SAMPLES_A_BAKE = 10, 5, 2
LONGEST = 60
"""Bakes after which a release that still waits or fails is left alone."""

REQUESTS = (20, 100, 500, 2000)
"""The canary's in a bake. It has a tenth of all, unless a case says more; a baseline would have as much."""

USUAL = Behaviour()


class Case(NamedTuple):
    """What the canary does, and what all other versions do. Healthy: it is no worse than they are.

    `weight` is the canary's, in percent. The release compares nothing above 50.
    """

    name: str
    canary: Behaviour
    others: Behaviour = USUAL
    weight: int = 10

    @property
    def healthy(self) -> bool:
        return self.canary == self.others


CASES = (
    Case("healthy", USUAL),
    Case("healthy, at a weight of 90", USUAL, weight=90),
    Case("healthy, all 2 % errors", Behaviour(errors=0.02), Behaviour(errors=0.02)),
    Case("healthy, all +100 % slow", Behaviour(latency=2), Behaviour(latency=2)),
    *(
        Case(f"faulty, {share * 100:g} % errors", Behaviour(errors=share))
        for share in (0.005, 0.02, 0.05, 0.2)
    ),
    *(Case(f"faulty, +{more} % slow", Behaviour(latency=1 + more / 100)) for more in (10, 50, 100)),
)

CRITERIA = (
    Criterion(
        check="request-success-rate",
        canary="podinfo.test",
        measure=Measure.SUCCESS_RATE,
        range=ThresholdRange(min=99),
    ),
    Criterion(
        check="request-duration",
        canary="podinfo.test",
        measure=Measure.REQUEST_DURATION,
        range=ThresholdRange(max=500),
    ),
)
RULES = (
    Rule(
        check="request-success-rate",
        measure=Measure.SUCCESS_RATE,
        worse=Worse.DECREASE,
        minimum_difference=0.5,
        waits=True,
    ),
    Rule(check="request-duration", measure=Measure.REQUEST_DURATION, waits=True),
)

Moment = Mapping[str, Counted]
Judge = Callable[[Sequence[Moment]], tuple[Verdict, ...]]
"""From all samples up to now to the verdicts of the bake that has just ended."""


def by_thresholds(moments: Sequence[Moment]) -> tuple[Verdict, ...]:
    """Flagger's usual ranges, of the last bake's minute."""
    last = together([moment["canary"] for moment in moments[-SAMPLES_A_BAKE:]])
    values = (last.success_rate, last.p99)
    return judge(
        (criterion, Sample(value=value, series=1)) for criterion, value in zip(CRITERIA, values, strict=True)
    )


def by_comparison(moments: Sequence[Moment], other: str) -> tuple[Verdict, ...]:
    """All samples of the canary against the other version's."""
    canary, others = ([moment[name] for moment in moments] for name in ("canary", other))
    rate, duration = RULES
    return (
        compare(rate, [each.success_rate for each in canary], [each.success_rate for each in others]),
        compare(duration, [each.p99 for each in canary], [each.p99 for each in others]),
    )


def by_both(moments: Sequence[Moment]) -> tuple[Verdict, ...]:
    """What a release with a comparison does: the metrics keep their ranges."""
    return (*by_thresholds(moments), *by_comparison(moments, "primary"))


JUDGES: Mapping[str, Judge] = {
    "thresholds": by_thresholds,
    "primary": partial(by_comparison, other="primary"),
    "baseline of its size": partial(by_comparison, other="baseline"),
    "thresholds + primary": by_both,
}


class End(NamedTuple):
    """How a release ended, after how many bakes."""

    rolled_back: bool
    bakes: int


class Run:
    """One trial's traffic, made as far as the slowest judge needs it, and the same for all of them."""

    def __init__(self, case: Case, requests: int, trial: int) -> None:
        behaviours = {"canary": case.canary, "primary": case.others, "baseline": case.others}
        each = requests // SAMPLES_A_BAKE
        primary = max(1, each * (100 - case.weight) // case.weight)
        counts = {"canary": each, "primary": primary, "baseline": each}
        self._traffic = Traffic(f"{case.name} {requests} {trial}", behaviours, counts)
        self._moments: list[Moment] = []

    def released(self, judged: Judge) -> End:
        """Walk a release's bakes."""
        passed = failed = bakes = 0
        while passed < BAKES and failed < THRESHOLD and bakes < LONGEST:
            bakes += 1
            verdicts = judged(self._until(bakes))
            if all(verdict.passed for verdict in verdicts):
                passed += 1
            elif not is_waiting(verdicts):
                failed += 1
        return End(failed >= THRESHOLD, bakes)

    def _until(self, bakes: int) -> Sequence[Moment]:
        wanted = bakes * SAMPLES_A_BAKE
        while len(self._moments) < wanted:
            self._moments.append(self._traffic.sample())
        return self._moments[:wanted]


class Rate(NamedTuple):
    """A judge's wrong decisions in a case, in percent of the trials, and a release's bakes at the median."""

    case: str
    healthy: bool
    judge: str
    requests: int
    wrong: float
    bakes: int


def rates(trials: int, requests: Sequence[int] = REQUESTS, cases: Sequence[Case] = CASES) -> list[Rate]:
    """Every judge in every case."""
    return [rate for case in cases for count in requests for rate in _rates_of(case, count, trials)]


def _rates_of(case: Case, requests: int, trials: int) -> list[Rate]:
    ends: dict[str, list[End]] = {name: [] for name in JUDGES}
    for trial in range(trials):
        run = Run(case, requests, trial)
        for name, judged in JUDGES.items():
            ends[name].append(run.released(judged))
    return [_rate(case, name, requests, found) for name, found in ends.items()]


def _rate(case: Case, name: str, requests: int, ends: Sequence[End]) -> Rate:
    wrong = sum(end.rolled_back is case.healthy for end in ends)
    median = sorted(end.bakes for end in ends)[len(ends) // 2]
    return Rate(case.name, case.healthy, name, requests, round(100 * wrong / len(ends), 1), median)


def table(found: Sequence[Rate]) -> Table:
    """One row for a case and a judge, one column for each number of requests."""
    counts = sorted({rate.requests for rate in found})
    shown = Table(title="Wrong decisions in percent (bakes at the median), by requests in a bake")
    shown.add_column("The canary", no_wrap=True)
    shown.add_column("Judged by", no_wrap=True)
    for count in counts:
        shown.add_column(f"{count}", justify="right", no_wrap=True)
    cells = {(rate.case, rate.judge, rate.requests): f"{rate.wrong:g} ({rate.bakes})" for rate in found}
    for case in dict.fromkeys(rate.case for rate in found):
        for number, name in enumerate(JUDGES):
            row = [cells[case, name, count] for count in counts]
            shown.add_row("" if number else case, name, *row, end_section=number == len(JUDGES) - 1)
    return shown


def main() -> int:
    """Simulate, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS, help="releases for each case and traffic")
    trials = max(1, parser.parse_args().trials)
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    machine = Machine.here()
    found = rates(trials)
    console.print(table(found))
    usual = f"usually {ERROR_RATE:.2%} errors, P99 256 ms"
    console.print(f"{trials} releases for each figure; {usual}. Measured on {machine}", style="dim")
    document = {"trials": trials, "rates": [rate._asdict() for rate in found]}
    write_document(OUT, document, machine)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The comparison: samples of the canary against samples of the current version, taken at the same times.

In this order: too few finite samples on one side are inconclusive; a difference fails when it is
significant (Mann-Whitney), of a size that matters, and for the worse; the rest passes. Success rates are
compared as error rates: from 99.9% to 99.8% is nearly no difference, and twice the errors.

A sample hangs on how many requests it is of: of few, the P99 is too low, and mostly no error is among them.
The canary is therefore compared only while the primary has as many requests as it has, or more.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tidegate.decisions.judge import UNITS, WAITS, Measure, broken_bound, duration
from tidegate.decisions.mann_whitney import mann_whitney
from tidegate.domain.analysis import ThresholdRange
from tidegate.domain.base import Model
from tidegate.domain.comparison import HEAVIEST, Worse
from tidegate.domain.verdict import Missing, Result, Verdict

_LARGEST = 1e300
"""No metric's value; means of what is below are finite."""


class Rule(Model):
    """When a difference counts.

    `effect_size`: of the means, relative to the other's. `minimum_difference`: of the means, in the metric's
    unit. Both have to be reached. `confidence` is that of the test, to both sides. `waits`: with too few
    samples, or no answer at all, the check waits for more, instead of failing.
    """

    check: str
    measure: Measure = Measure.CUSTOM
    against: str = "primary"
    worse: Worse = Worse.INCREASE
    effect_size: float = 0.25
    minimum_difference: float = 0.0
    minimum_samples: int = 20
    enough_after: str = ""
    """How long an analysis lasts until there can be enough samples, while it is younger than that."""
    confidence: float = 0.98
    waits: bool = False
    sound: ThresholdRange | None = None
    """Where the other's own mean has to be: what nobody else judges may be broken itself."""


class _Difference(NamedTuple):
    """What lies between two samples. `direction`: 1 higher, -1 lower, 0 when it is not significant."""

    canary: float
    other: float
    direction: int
    p: float

    @property
    def absolute(self) -> float:
        return self.canary - self.other

    @property
    def relative(self) -> float:
        """Infinite where the other's mean is 0."""
        if self.absolute == 0:
            return 0.0
        return self.absolute / abs(self.other) if self.other else math.copysign(math.inf, self.absolute)


def compare(rule: Rule, canary: Iterable[float | None], other: Iterable[float | None]) -> Verdict:
    """The verdict on two samples, with all numbers in its reason. What is not finite is no data."""
    return _compared(rule, _values(rule, canary), _values(rule, other), "")


def compare_series(rule: Rule, canary: Mapping[float, float], other: Mapping[float, float]) -> Verdict:
    """The verdict on the values of two series by their times, of those moments at which both have one."""
    ours, theirs = (_values(rule, values) for values in paired(canary, other))
    return _compared(rule, ours, theirs, _want(rule, canary, other))


def left_out(rule: Rule, weight: float) -> Verdict:
    """The verdict where the canary has more requests than the other, which reads too well for that alone.

    There is no room for a baseline then, which would have as many.
    """
    why = f"{rule.against} has fewer requests than canary, and reads better for that alone"
    why = f"a {rule.against} as large has no room" if rule.against == "baseline" else why
    told = f"{_subject(rule)} is not compared at {weight:g}%: above {HEAVIEST}% {why}"
    return _verdict(rule, Result.PASSED, told)


def _compared(rule: Rule, ours: Sequence[float], theirs: Sequence[float], want: str) -> Verdict:
    if min(len(ours), len(theirs)) < max(1, rule.minimum_samples):
        return _inconclusive(rule, len(ours), len(theirs), want)
    found = _difference(ours, theirs, rule.confidence)
    fault = _fault(rule, found.other)
    failed = fault or (_matters(rule, found) and found.direction in _WORSE[_worse(rule)])
    reason = fault or _reason(rule, found, len(ours), len(theirs))
    value = _turned(rule, found.canary)
    return _verdict(rule, Result.FAILED if failed else Result.PASSED, reason, value=value)


def _fault(rule: Rule, mean: float) -> str:
    """Why there is nothing to compare with; empty when there is."""
    broken = broken_bound(rule.sound, _turned(rule, mean)) if rule.sound else None
    if broken is None:
        return ""
    bound = _turned(rule, broken[1])
    told = f"{_told(rule, mean)} {'>' if mean > bound else '<'} {_told(rule, bound)}"
    return f"{_subject(rule)} of {rule.against} itself is {told}: there is nothing to compare with"


def _turned(rule: Rule, value: float) -> float:
    """A success rate as an error rate, and the other way round; any other value as it is."""
    return 100 - value if rule.measure is Measure.SUCCESS_RATE else value


def _verdict(rule: Rule, result: Result, reason: str, **more: Any) -> Verdict:
    return Verdict(check=name_of(rule), result=result, reason=reason, unit=UNITS[rule.measure], **more)


def unanswered(rule: Rule, why: str) -> Verdict:
    """The verdict when a server gave no answer at all, which counts as a failed check, unless it waits."""
    return _unknown(rule, why, Missing.ANSWER)


def paired(
    canary: Mapping[float, float], other: Mapping[float, float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The samples of the moments at which both have a number: both saw what befell all versions alike."""
    moments = [at for at in canary if at in other and not math.isnan(canary[at] + other[at])]
    return tuple(canary[at] for at in moments), tuple(other[at] for at in moments)


def name_of(rule: Rule) -> str:
    """What a comparison is called among the checks."""
    return f"{rule.check} against {rule.against}"


def _values(rule: Rule, samples: Iterable[float | None]) -> list[float]:
    finite = (value for value in samples if value is not None and abs(value) <= _LARGEST)
    return [_turned(rule, value) for value in finite]


def _difference(ours: Sequence[float], theirs: Sequence[float], confidence: float) -> _Difference:
    """The means may point the other way than the ranks, by a few outliers: then there is no direction."""
    test = mann_whitney(ours, theirs)
    means = _mean(ours), _mean(theirs)
    higher = (test.superiority > 0.5) - (test.superiority < 0.5)
    agrees = (means[0] - means[1]) * higher > 0
    return _Difference(*means, direction=higher if agrees and test.p <= 1 - confidence else 0, p=test.p)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _matters(rule: Rule, found: _Difference) -> bool:
    return (
        found.direction != 0
        and abs(found.relative) >= rule.effect_size
        and abs(found.absolute) >= rule.minimum_difference
    )


_WORSE = {Worse.INCREASE: (1,), Worse.DECREASE: (-1,), Worse.EITHER: (1, -1)}
_OF_ERRORS = {
    Worse.INCREASE: Worse.DECREASE,
    Worse.DECREASE: Worse.INCREASE,
    Worse.EITHER: Worse.EITHER,
}


def _worse(rule: Rule) -> Worse:
    return _OF_ERRORS[rule.worse] if rule.measure is Measure.SUCCESS_RATE else rule.worse


def _want(rule: Rule, canary: Mapping[float, float], other: Mapping[float, float]) -> str:
    """Why there are few moments at which both have a value."""
    silent = [
        name
        for name, series in (("canary", canary), (rule.against, other))
        if not any(math.isfinite(value) for value in series.values())
    ]
    match silent:
        case []:
            return "; they need values of the same times, which a longer spec.comparison.step gives"
        case [name]:
            return f"; {name} has no value at all, probably no traffic"
        case _:
            return "; neither has a value: no traffic, or a step of less than two scrapes of Prometheus"


def _inconclusive(rule: Rule, ours: int, theirs: int, want: str) -> Verdict:
    has = f"{ours} samples of canary and {theirs} of {rule.against}"
    if rule.enough_after:
        told = f"{_subject(rule)}: {has} so far, of {rule.minimum_samples} each"
        return _unknown(rule, f"{told}, which takes {rule.enough_after} of analysis", Missing.SAMPLES)
    told = f"{_subject(rule)}: {has} are too few to compare, of {rule.minimum_samples} each{want}"
    return _unknown(rule, told, Missing.SAMPLES)


def _unknown(rule: Rule, reason: str, missing: Missing) -> Verdict:
    told = f"{reason}{WAITS}" if rule.waits else reason
    return _verdict(rule, Result.INCONCLUSIVE, told, missing=missing, waits=rule.waits)


def _reason(rule: Rule, found: _Difference, ours: int, theirs: int) -> str:
    values = f"{_told(rule, found.canary)} against {_told(rule, found.other)} of {rule.against}"
    p = f"p={found.p:.3f}" if found.p >= 0.001 else "p<0.001"
    counts = f"{ours} samples each" if ours == theirs else f"{ours} samples against {theirs}"
    change = _change(rule, found)
    return f"{_subject(rule)} of canary is {_place(rule, found)}: {values}, {change}, {p}, {counts}"


def _subject(rule: Rule) -> str:
    subjects = {Measure.SUCCESS_RATE: "error rate", Measure.CUSTOM: rule.check}
    return subjects.get(rule.measure, str(rule.measure))


def _place(rule: Rule, found: _Difference) -> str:
    if not found.direction:
        return "alike"
    place = "higher" if found.direction > 0 else "lower"
    return place if _matters(rule, found) else f"{place} by too little to matter"


def _told(rule: Rule, value: float) -> str:
    match rule.measure:
        case Measure.SUCCESS_RATE:
            return f"{value:.2f}%"
        case Measure.REQUEST_DURATION:
            return duration(value, 2)
        case _:
            return f"{value:.4g}"


def _change(rule: Rule, found: _Difference) -> str:
    if rule.measure is Measure.SUCCESS_RATE:
        return f"{found.absolute:+.2f} points"
    if math.isinf(found.relative):
        return f"{found.absolute:+.4g}"
    return f"{found.relative * 100:+.{0 if abs(found.relative) >= 0.1 else 1}f}%"

"""The judge: criteria paired with samples become verdicts, each with its reason in Flagger's words.

In this order: a server that gave no answer is inconclusive; so are fewer requests than a verdict takes, and a
value that is none (no series, NaN or infinite, which is what a division by nothing gives); outside its range,
bounds included, fails; the rest passes. The three wants (traffic, data, an answer) are told apart. They count
as failed, unless they wait; too few requests always wait, but for none at all.
"""

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Literal

from tidegate.domain.analysis import ThresholdRange
from tidegate.domain.base import Model
from tidegate.domain.verdict import Missing, Result, Verdict


class Measure(StrEnum):
    """What a value is, which decides its words and its unit."""

    SUCCESS_RATE = "success rate"
    REQUEST_DURATION = "request duration"
    CUSTOM = "custom"


UNITS = {Measure.SUCCESS_RATE: "%", Measure.REQUEST_DURATION: "ms", Measure.CUSTOM: ""}
WAITS = "; it waits, and is not counted"
"""What a reason ends with where the verdict waits."""


class Criterion(Model):
    """One check's range. `canary` is name.namespace, as reasons write it.

    `waits`: without a value, or any request, the check waits for one, instead of failing. With some requests,
    and fewer than `minimum_requests`, it waits in any case. `dry_run`: the verdict is told, never counted.
    """

    check: str
    canary: str
    measure: Measure = Measure.CUSTOM
    range: ThresholdRange
    waits: bool = False
    minimum_requests: int = 0
    dry_run: bool = False


class Sample(Model):
    """A query's answer. No value: no data. `series` counts what came back; `chosen` is the one of the value.

    `aged` is how old the newest value is, in seconds, where that is too old to be one. `unanswered` says why
    the server gave no answer at all. `requests` are those of the check's window or of the whole bake, where
    they were counted.
    """

    value: float | None = None
    series: int = 0
    chosen: Literal["first", "last"] = "last"
    aged: float = 0.0
    unanswered: str = ""
    requests: int | None = None

    def counted(self, count: "Sample | None") -> "Sample":
        """With the requests of its window, which are another query's answer; no series are no requests."""
        if count is None:
            return self
        found = count.value if count.value is not None and math.isfinite(count.value) else 0.0
        return self.model_copy(
            update={"requests": round(found), "unanswered": self.unanswered or count.unanswered}
        )


def judge(pairs: Iterable[tuple[Criterion, Sample]]) -> tuple[Verdict, ...]:
    """One verdict for each pair, in their order."""
    return tuple(_told(criterion, _verdict(criterion, sample)) for criterion, sample in pairs)


def _told(criterion: Criterion, verdict: Verdict) -> Verdict:
    """What does not count says so itself: its reason goes into notes and chats alone."""
    if criterion.dry_run:
        update = {"dry_run": True, "waits": False, "reason": f"{verdict.reason}; dry run, not counted"}
        return verdict.model_copy(update=update)
    if verdict.waits:
        return verdict.model_copy(update={"reason": f"{verdict.reason}{WAITS}"})
    return verdict


def is_waiting(verdicts: Sequence[Verdict]) -> bool:
    """Whether all that did not pass waits: then nothing is known yet, and nothing counts."""
    left = [verdict for verdict in verdicts if verdict.halts]
    return bool(left) and all(verdict.waits for verdict in left)


def _verdict(criterion: Criterion, sample: Sample) -> Verdict:
    if sample.unanswered:
        return _inconclusive(criterion, Missing.ANSWER, sample.unanswered)
    if sample.requests is not None and sample.requests < criterion.minimum_requests:
        return _too_few(criterion, sample.requests)
    if sample.value is None or not math.isfinite(sample.value):
        return _no_values(criterion, sample)
    broken = broken_bound(criterion.range, sample.value)
    told = _comparison(criterion, sample.value, broken) if broken else _pass(criterion, sample.value)
    return Verdict(
        check=criterion.check,
        result=Result.FAILED if broken else Result.PASSED,
        reason=f"{told} (the {sample.chosen} of {sample.series} series)" if sample.series > 1 else told,
        value=sample.value,
        unit=UNITS[criterion.measure],
    )


def _inconclusive(criterion: Criterion, missing: Missing, reason: str) -> Verdict:
    return Verdict(
        check=criterion.check,
        result=Result.INCONCLUSIVE,
        reason=reason,
        unit=UNITS[criterion.measure],
        missing=missing,
        waits=criterion.waits,
    )


def _too_few(criterion: Criterion, requests: int) -> Verdict:
    reason = f"{requests} of the {criterion.minimum_requests} requests that {criterion.check} needs"
    if not requests:
        reason = f"{reason}, probably {criterion.canary} is not receiving traffic"
    return _inconclusive(criterion, Missing.TRAFFIC, reason).model_copy(
        update={"waits": criterion.waits or requests > 0}
    )


def _no_values(criterion: Criterion, sample: Sample) -> Verdict:
    found = f"no values found for metric {criterion.check}"
    if criterion.measure is Measure.CUSTOM:
        return _inconclusive(criterion, Missing.DATA, f"{found}, {_want(sample)}")
    reason = f"{found}, probably {criterion.canary} is not receiving traffic"
    return _inconclusive(criterion, Missing.TRAFFIC, reason)


def _want(sample: Sample) -> str:
    if sample.aged:
        return f"its newest is {sample.aged:.0f}s old"
    return "its query gives no number" if sample.series else "its query has no result"


def broken_bound(bounds: ThresholdRange, value: float) -> tuple[str, float] | None:
    """How a value leaves its range: "<" or ">", and what it should not."""
    if bounds.min is not None and not value >= bounds.min:
        return "<", bounds.min
    if bounds.max is not None and not value <= bounds.max:
        return ">", bounds.max
    return None


def _pass(criterion: Criterion, value: float) -> str:
    bounds = [(">=", criterion.range.min), ("<=", criterion.range.max)]
    first, *others = [(sign, bound) for sign, bound in bounds if bound is not None] or [(">=", -math.inf)]
    told = _comparison(criterion, value, first)
    return "".join([told, *(f" and {sign} {_bound(criterion, bound)}" for sign, bound in others)])


def _comparison(criterion: Criterion, value: float, against: tuple[str, float]) -> str:
    sign, bound = against
    subject = criterion.check if criterion.measure is Measure.CUSTOM else str(criterion.measure)
    return f"{subject} {_value(criterion, value, bound)} {sign} {_bound(criterion, bound)}"


def _value(criterion: Criterion, value: float, bound: float) -> str:
    """Two decimals, and more where two would make the value look like its bound."""
    digits = next((n for n in (2, 3, 4, 6) if value == bound or round(value, n) != bound), 9)
    match criterion.measure:
        case Measure.SUCCESS_RATE:
            return f"{value:.{digits}f}%"
        case Measure.REQUEST_DURATION:
            return duration(value, digits)
        case _:
            return f"{value:.{digits}f}"


def duration(milliseconds: float, digits: int) -> str:
    """Go's notation of a duration: 97.4ms, 1.5s, 1m15s."""
    if milliseconds < 1000:
        return f"{_trimmed(milliseconds, digits)}ms"
    minutes, seconds = divmod(milliseconds / 1000, 60)
    return f"{f'{int(minutes)}m' if minutes else ''}{_trimmed(seconds, digits + 3)}s"


def _bound(criterion: Criterion, bound: float) -> str:
    text = _trimmed(bound, 9)
    return {Measure.SUCCESS_RATE: f"{text}%", Measure.REQUEST_DURATION: f"{text}ms"}.get(
        criterion.measure, text
    )


def _trimmed(number: float, digits: int) -> str:
    text = f"{number:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

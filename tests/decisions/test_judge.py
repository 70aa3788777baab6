"""The judge's table, and what holds for all values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.decisions.judge import Criterion, Measure, Sample, is_waiting, judge
from tidegate.domain.analysis import ThresholdRange
from tidegate.domain.verdict import Missing, Result, Verdict

NAMES = {
    Measure.SUCCESS_RATE: "request-success-rate",
    Measure.REQUEST_DURATION: "request-duration",
    Measure.CUSTOM: "latency",
}
RATE, DURATION, CUSTOM = Measure


def criterion(measure: Measure, low: float | None, high: float | None) -> Criterion:
    return Criterion(
        check=NAMES[measure],
        canary="podinfo.test",
        measure=measure,
        range=ThresholdRange(min=low, max=high),
    )


def one(given_criterion: Criterion, sample: Sample) -> Verdict:
    (verdict,) = judge([(given_criterion, sample)])
    return verdict


@pytest.mark.parametrize(
    ("measure", "low", "high", "value", "result", "reason"),
    [
        (RATE, 99, None, 98.69, "failed", "success rate 98.69% < 99%"),
        (RATE, 99, None, 99.71, "passed", "success rate 99.71% >= 99%"),
        (RATE, 99, None, 99.0, "passed", "success rate 99.00% >= 99%"),
        (RATE, 99, None, 98.9999, "failed", "success rate 98.9999% < 99%"),
        (RATE, 99, None, 0.0, "failed", "success rate 0.00% < 99%"),
        (RATE, 99.5, None, 99.4, "failed", "success rate 99.40% < 99.5%"),
        (DURATION, None, 500, 1500.0, "failed", "request duration 1.5s > 500ms"),
        (DURATION, None, 500, 97.43, "passed", "request duration 97.43ms <= 500ms"),
        (DURATION, None, 500, 500.0, "passed", "request duration 500ms <= 500ms"),
        (DURATION, None, 500, 500.0004, "failed", "request duration 500.0004ms > 500ms"),
        (DURATION, None, 500, 75_000.0, "failed", "request duration 1m15s > 500ms"),
        (CUSTOM, None, 500, 612.0, "failed", "latency 612.00 > 500"),
        (CUSTOM, 0.5, 10, 4.25, "passed", "latency 4.25 >= 0.5 and <= 10"),
        (CUSTOM, 0.5, 10, 0.25, "failed", "latency 0.25 < 0.5"),
        (CUSTOM, 0.5, 10, 11.0, "failed", "latency 11.00 > 10"),
        (CUSTOM, -1, None, -1.0, "passed", "latency -1.00 >= -1"),
    ],
)
def test_a_value_is_judged_in_flagger_s_words(
    measure: Measure, low: float | None, high: float | None, value: float, result: str, reason: str
) -> None:
    verdict = one(criterion(measure, low, high), Sample(value=value, series=1))
    assert (verdict.result, verdict.reason, verdict.value) == (result, reason, value)


def test_a_canary_without_traffic_is_inconclusive() -> None:
    verdict = one(criterion(RATE, 99, None), Sample())
    assert verdict.result is Result.INCONCLUSIVE
    assert verdict.reason == (
        "no values found for metric request-success-rate, probably podinfo.test is not receiving traffic"
    )


def test_a_query_without_result_is_inconclusive() -> None:
    verdict = one(criterion(CUSTOM, None, 1), Sample())
    assert verdict.result is Result.INCONCLUSIVE
    assert verdict.reason == "no values found for metric latency, its query has no result"


def test_a_server_that_gave_no_answer_is_inconclusive_and_says_why() -> None:
    verdict = one(criterion(RATE, 99, None), Sample(unanswered="Prometheus x is out of reach: refused"))
    assert (verdict.result, verdict.reason) == (
        Result.INCONCLUSIVE,
        "Prometheus x is out of reach: refused",
    )


@pytest.mark.parametrize(
    ("measure", "sample", "missing", "reason"),
    [
        (RATE, Sample(), Missing.TRAFFIC, "probably podinfo.test is not receiving traffic"),
        (RATE, Sample(series=1), Missing.TRAFFIC, "probably podinfo.test is not receiving traffic"),
        (DURATION, Sample(value=math.nan, series=1), Missing.TRAFFIC, "is not receiving traffic"),
        (CUSTOM, Sample(), Missing.DATA, "its query has no result"),
        (CUSTOM, Sample(series=2), Missing.DATA, "its query gives no number"),
        (CUSTOM, Sample(series=2, aged=412.7), Missing.DATA, "its newest is 413s old"),
        (CUSTOM, Sample(unanswered="x is out of reach: refused"), Missing.ANSWER, "x is out of reach"),
        (RATE, Sample(unanswered="x is out of reach: refused"), Missing.ANSWER, "x is out of reach"),
    ],
)
@pytest.mark.parametrize("waits", [False, True])
def test_no_traffic_no_data_and_no_answer_are_told_apart(
    measure: Measure, sample: Sample, missing: Missing, reason: str, waits: bool
) -> None:
    asked = criterion(measure, 0, None).model_copy(update={"waits": waits})
    verdict = one(asked, sample)
    assert (verdict.result, verdict.missing, verdict.waits) == (Result.INCONCLUSIVE, missing, waits)
    assert reason in verdict.reason
    assert verdict.reason.endswith("; it waits, and is not counted") is waits


def test_errors_alone_are_no_want_of_traffic() -> None:
    verdict = one(criterion(RATE, 99, None).model_copy(update={"waits": True}), Sample(value=0, series=1))
    assert (verdict.result, verdict.missing, verdict.waits) == (Result.FAILED, None, False)


PASSES = Verdict(check="a", result=Result.PASSED, reason="")
FAILS = Verdict(check="b", result=Result.FAILED, reason="")
WANTS = Verdict(check="c", result=Result.INCONCLUSIVE, reason="")
WAITS = Verdict(check="d", result=Result.INCONCLUSIVE, reason="", waits=True)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], False),
        ([PASSES], False),
        ([WANTS], False),
        ([WAITS], True),
        ([PASSES, WAITS], True),
        ([FAILS, WAITS], False),
        ([WANTS, WAITS], False),
    ],
)
def test_a_bake_waits_when_nothing_else_is_wrong_with_it(verdicts: list[Verdict], expected: bool) -> None:
    assert is_waiting(verdicts) is expected


def test_the_last_of_several_series_counts_and_the_reason_says_so() -> None:
    verdict = one(criterion(CUSTOM, None, 500), Sample(value=612, series=3))
    assert verdict.reason == "latency 612.00 > 500 (the last of 3 series)"
    verdict = one(criterion(CUSTOM, None, 700), Sample(value=612, series=3, chosen="first"))
    assert verdict.reason == "latency 612.00 <= 700 (the first of 3 series)"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("measure", list(Measure))
@pytest.mark.parametrize("bounds", [(0, None), (None, 0), (-1, 1)])
def test_what_is_no_number_never_passes(
    measure: Measure, bounds: tuple[float | None, float | None], value: float
) -> None:
    verdict = one(criterion(measure, *bounds), Sample(value=value, series=1))
    assert (verdict.result, verdict.value) == (Result.INCONCLUSIVE, None)


numbers = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)
bounds_of = st.one_of(st.none(), numbers)


@given(numbers, bounds_of, bounds_of, st.sampled_from(Measure))
def test_a_value_passes_exactly_within_its_bounds(
    value: float, low: float | None, high: float | None, measure: Measure
) -> None:
    within = (low is None or low <= value) and (high is None or value <= high)
    assert one(criterion(measure, low, high), Sample(value=value, series=1)).passed is within


@given(st.lists(st.tuples(st.sampled_from(Measure), bounds_of, st.one_of(st.none(), st.floats()))))
def test_there_is_one_verdict_for_each_criterion_in_order(
    cases: list[tuple[Measure, float | None, float | None]],
) -> None:
    pairs = [(criterion(measure, low, None), Sample(value=value)) for measure, low, value in cases]
    assert [verdict.check for verdict in judge(pairs)] == [each.check for each, _ in pairs]


ENOUGH = criterion(CUSTOM, None, 500).model_copy(update={"minimum_requests": 100})


@pytest.mark.parametrize("waits", [True, False])
def test_no_request_at_all_waits_only_where_no_data_does(waits: bool) -> None:
    verdict = one(ENOUGH.model_copy(update={"waits": waits}), Sample(value=612.0, series=1, requests=0))
    assert (verdict.result, verdict.missing, verdict.waits) == ("inconclusive", "traffic", waits)
    assert "0 of the 100 requests that latency needs, probably podinfo.test is not rec" in verdict.reason


@pytest.mark.parametrize(
    ("sample", "result", "reason", "waits"),
    [
        (
            Sample(value=612.0, series=1, requests=99),
            "inconclusive",
            "99 of the 100 requests that latency needs; it waits, and is not counted",
            True,
        ),
        (Sample(value=612.0, series=1, requests=100), "failed", "latency 612.00 > 500", False),
        (Sample(value=4.0, series=1, requests=100), "passed", "latency 4.00 <= 500", False),
        (Sample(requests=100), "inconclusive", "its query has no result", False),
        (Sample(unanswered="out of reach", requests=0), "inconclusive", "out of reach", False),
    ],
)
def test_a_verdict_takes_its_number_of_requests(
    sample: Sample, result: str, reason: str, waits: bool
) -> None:
    verdict = one(ENOUGH, sample)
    assert (verdict.result, verdict.waits) == (result, waits)
    assert verdict.reason.endswith(reason)


@pytest.mark.parametrize(
    ("count", "requests", "unanswered"),
    [
        (None, None, ""),
        (Sample(), 0, ""),
        (Sample(value=math.nan, series=1), 0, ""),
        (Sample(value=99.6, series=1), 100, ""),
        (Sample(unanswered="out of reach"), 0, "out of reach"),
    ],
)
def test_no_series_are_no_requests_and_no_answer_is_no_count(
    count: Sample | None, requests: int | None, unanswered: str
) -> None:
    sample = Sample(value=1.0).counted(count)
    assert (sample.requests, sample.unanswered) == (requests, unanswered)


@pytest.mark.parametrize(
    "sample", [Sample(value=612.0), Sample(), Sample(unanswered="out of reach"), Sample(requests=1)]
)
def test_a_dry_run_is_told_and_holds_nothing_up(sample: Sample) -> None:
    verdict = one(ENOUGH.model_copy(update={"dry_run": True, "waits": True}), sample)
    assert (verdict.passed, verdict.halts, verdict.waits) == (False, False, False)
    assert verdict.reason.endswith("; dry run, not counted")
    failed = one(criterion(RATE, 99, None), Sample(value=1.0))
    assert not is_waiting([verdict, failed])
    assert not is_waiting([verdict])

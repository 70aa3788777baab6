"""The comparison's table, and what holds for all samples."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.decisions.comparison import Rule, compare, compare_series, left_out, paired, unanswered
from tidegate.decisions.judge import Measure
from tidegate.domain.analysis import ThresholdRange
from tidegate.domain.comparison import Worse
from tidegate.domain.verdict import Missing, Result, Verdict

RATE, DURATION, CUSTOM = Measure
FLAT = [float(value) for value in range(248, 272)]
samples = st.lists(st.floats(0, 1e6), min_size=5, max_size=25)


def rule(measure: Measure = DURATION, **changes: Any) -> Rule:
    worse = Worse.DECREASE if measure is RATE else Worse.INCREASE
    return Rule(check="depth", measure=measure, **{"worse": worse} | changes)


def moved(values: list[float], by: float) -> list[float]:
    return [value + by for value in values]


@pytest.mark.parametrize(
    ("given_rule", "canary", "primary", "result", "reason"),
    [
        (
            rule(),
            moved(FLAT, 152),
            FLAT,
            "failed",
            "request duration of canary is higher: 411.5ms against 259.5ms of primary, +59%, p<0.001, "
            "24 samples each",
        ),
        (
            rule(),
            moved(FLAT, 1),
            FLAT,
            "passed",
            "request duration of canary is alike: 260.5ms against 259.5ms of primary, +0.4%, p=0.635, "
            "24 samples each",
        ),
        (
            rule(),
            moved(FLAT, 20),
            FLAT,
            "passed",
            "request duration of canary is higher by too little to matter: 279.5ms against 259.5ms of "
            "primary, +7.7%, p<0.001, 24 samples each",
        ),
        (
            rule(),
            moved(FLAT, -120),
            FLAT,
            "passed",
            "request duration of canary is lower: 139.5ms against 259.5ms of primary, -46%, p<0.001, "
            "24 samples each",
        ),
        (
            rule(RATE),
            [97.0, 98.0] * 10,
            [100.0] * 19 + [98.0] * 5,
            "failed",
            "error rate of canary is higher: 2.50% against 0.42% of primary, +2.08 points, p<0.001, "
            "20 samples against 24",
        ),
        (
            rule(RATE, minimum_difference=0.5),
            [99.8] * 20,
            [99.9] * 20,
            "passed",
            "error rate of canary is higher by too little to matter: 0.20% against 0.10% of primary, "
            "+0.10 points, p<0.001, 20 samples each",
        ),
        (
            rule(CUSTOM),
            [3.0] * 20,
            [0.0] * 20,
            "failed",
            "depth of canary is higher: 3 against 0 of primary, +3, p<0.001, 20 samples each",
        ),
        (
            rule(CUSTOM, worse=Worse.DECREASE),
            [0.002] * 20,
            [0.004] * 20,
            "failed",
            "depth of canary is lower: 0.002 against 0.004 of primary, -50%, p<0.001, 20 samples each",
        ),
    ],
)
def test_a_difference_is_told_with_all_its_numbers(
    given_rule: Rule, canary: list[float], primary: list[float], result: str, reason: str
) -> None:
    verdict = compare(given_rule, canary, primary)
    assert (verdict.result, verdict.reason) == (result, reason)


@pytest.mark.parametrize(
    ("worse", "higher", "lower"),
    [("increase", "failed", "passed"), ("decrease", "passed", "failed"), ("either", "failed", "failed")],
)
@pytest.mark.parametrize("measure", [DURATION, CUSTOM])
def test_only_a_difference_for_the_worse_fails(measure: Measure, worse: str, higher: str, lower: str) -> None:
    asked = rule(measure, worse=Worse(worse))
    assert compare(asked, moved(FLAT, 200), FLAT).result == higher
    assert compare(asked, FLAT, moved(FLAT, 200)).result == lower


@pytest.mark.parametrize(("worse", "result"), [("decrease", "failed"), ("increase", "passed")])
def test_a_success_rate_gets_worse_downwards(worse: str, result: str) -> None:
    verdict = compare(rule(RATE, worse=Worse(worse)), [90.0] * 20, [100.0] * 20)
    assert (verdict.result, verdict.value, verdict.unit) == (result, 90.0, "%")


@pytest.mark.parametrize(
    ("canary", "primary"),
    [(FLAT[:19], FLAT), (FLAT, FLAT[:19]), ([*FLAT[:19], math.nan, math.inf, None], FLAT), ([], [])],
)
@pytest.mark.parametrize("waits", [True, False])
def test_too_few_samples_are_inconclusive(canary: list[Any], primary: list[Any], waits: bool) -> None:
    verdict = compare(rule(waits=waits), canary, primary)
    assert (verdict.result, verdict.missing, verdict.waits) == (Result.INCONCLUSIVE, Missing.SAMPLES, waits)
    assert "too few to compare, of 20 each" in verdict.reason
    assert verdict.reason.endswith("it waits, and is not counted") is waits


def test_before_there_can_be_enough_samples_nothing_is_said_to_be_wrong_with_them() -> None:
    young = rule(waits=True, enough_after="10m30s")
    series = {30.0 * n: 1.0 for n in range(2)}
    reason = compare_series(young, series, series).reason
    assert "2 samples of canary and 2 of primary so far, of 20 each, which takes 10m30s of analysis" in reason
    assert "spec.comparison.step" not in reason


NONE: dict[float, float] = {}


@pytest.mark.parametrize(
    ("canary", "primary", "cause"),
    [
        (NONE, NONE, "neither has a value: no traffic, or a step of less than two scrapes of Prometheus"),
        ({10.0: math.nan}, {10.0: 1.0}, "canary has no value at all, probably no traffic"),
        ({10.0: 1.0}, NONE, "primary has no value at all, probably no traffic"),
        ({10.0: 1.0}, {20.0: 1.0}, "they need values of the same times"),
    ],
)
def test_too_few_samples_say_what_they_want(
    canary: dict[float, float], primary: dict[float, float], cause: str
) -> None:
    assert cause in compare_series(rule(), canary, primary).reason


def test_what_is_not_compared_passes_and_says_why() -> None:
    verdict = left_out(rule(), 80)
    assert (verdict.passed, verdict.value) == (True, None)
    assert verdict.reason.startswith("request duration is not compared at 80%: above 50% primary has fewer")
    assert left_out(rule(against="baseline"), 60).reason == (
        "request duration is not compared at 60%: above 50% a baseline as large has no room"
    )


def test_what_is_no_number_does_not_count() -> None:
    gaps: list[float | None] = [math.nan, None, math.inf, -math.inf, 1.7e308]
    assert compare(rule(), [*gaps, *FLAT], FLAT) == compare(rule(), FLAT, FLAT)


def test_only_moments_that_both_have_a_number_of_are_compared() -> None:
    canary = {10.0: 1.0, 20.0: math.nan, 30.0: 3.0, 40.0: 4.0}
    assert paired(canary, {10.0: 5.0, 20.0: 6.0, 30.0: math.nan, 40.0: 8.0, 50.0: 9.0}) == ((1, 4), (5, 8))


def test_a_server_without_an_answer_is_inconclusive_and_counts() -> None:
    verdict = unanswered(rule(), "Prometheus x is out of reach: refused")
    assert (verdict.result, verdict.missing, verdict.waits) == (Result.INCONCLUSIVE, Missing.ANSWER, False)
    assert verdict.check == "depth against primary"


def test_a_few_outliers_do_not_turn_lower_values_into_higher_ones() -> None:
    verdict = compare(rule(worse=Worse.EITHER), [*moved(FLAT, -100), 1e6], FLAT)
    assert verdict.passed
    assert " is alike: " in verdict.reason


def results(asked: Rule, canary: list[float], primary: list[float]) -> Verdict:
    return compare(asked.model_copy(update={"minimum_samples": 5}), canary, primary)


@given(samples, st.sampled_from(Measure), st.sampled_from(Worse), st.floats(0, 0.5))
def test_a_version_like_itself_never_fails(
    values: list[float], measure: Measure, worse: Worse, effect: float
) -> None:
    asked = rule(measure, worse=worse, effect_size=effect)
    assert results(asked, values, values[::-1]).passed


@given(st.floats(-1e300, 1e300), st.sampled_from(Measure), st.integers(20, 40))
def test_a_single_value_on_both_sides_passes(value: float, measure: Measure, count: int) -> None:
    assert compare(rule(measure, worse=Worse.EITHER, effect_size=0), [value] * 20, [value] * count).passed


@given(samples, samples)
def test_what_is_higher_one_way_is_lower_the_other_way(canary: list[float], primary: list[float]) -> None:
    there = results(rule(effect_size=0), canary, primary)
    back = results(rule(effect_size=0, worse=Worse.DECREASE), primary, canary)
    assert there.result == back.result


@given(samples, samples, st.sampled_from([0.001, 2.0, 1024.0]))
def test_the_unit_makes_no_difference(canary: list[float], primary: list[float], factor: float) -> None:
    def scaled(values: list[float]) -> list[float]:
        return [round(value) * factor for value in values]

    whole = rule(CUSTOM, effect_size=0.2503)
    once = results(whole, [round(value) for value in canary], [round(value) for value in primary])
    assert results(whole, scaled(canary), scaled(primary)).result == once.result


@given(samples, samples, st.floats(0, 2), st.floats(0, 2))
def test_a_larger_minimum_never_makes_a_pass_a_failure(
    canary: list[float], primary: list[float], less: float, more: float
) -> None:
    low, high = sorted((less, more))
    if results(rule(effect_size=low), canary, primary).passed:
        assert results(rule(effect_size=high), canary, primary).passed


@pytest.mark.parametrize(
    ("measure", "bounds", "other", "reason"),
    [
        (RATE, {"min": 99}, [50.0] * 24, "error rate of baseline itself is 50.00% > 1.00%"),
        (DURATION, {"max": 500}, [900.0] * 24, "request duration of baseline itself is 900ms > 500ms"),
        (CUSTOM, {"min": 5}, [2.0] * 24, "depth of baseline itself is 2 < 5"),
    ],
)
def test_a_baseline_that_is_broken_itself_is_no_measure(
    measure: Measure, bounds: dict[str, float], other: list[float], reason: str
) -> None:
    sound = ThresholdRange.model_validate(bounds)
    verdict = compare(rule(measure, against="baseline", sound=sound), [100.0] * 24, other)
    assert (verdict.result, verdict.reason) == (
        Result.FAILED,
        f"{reason}: there is nothing to compare with",
    )


def test_a_sound_baseline_is_compared() -> None:
    sound = ThresholdRange(min=99)
    assert compare(rule(RATE, against="baseline", sound=sound), [100.0] * 24, [99.5] * 24).result == "passed"

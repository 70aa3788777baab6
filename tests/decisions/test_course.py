"""What a promotion by hand skips, where a pause holds, and what is final."""

from typing import get_args

import pytest

from tidegate.decisions import course
from tidegate.domain.hook import HookType
from tidegate.domain.plan import (
    Approval,
    Bake,
    Drain,
    Freeze,
    Gate,
    Hold,
    Hooks,
    Meet,
    Prepare,
    Promote,
    Route,
    Routing,
    ScaleDown,
    ScaleUp,
    Stage,
)


def gate(kind: HookType) -> Gate:
    return Gate(type=kind, hooks=("ask",), seconds=60)


def hooks(kind: HookType) -> Hooks:
    return Hooks(type=kind, hooks=("call",), seconds=60)


ANALYSIS: tuple[Stage, ...] = (
    hooks(HookType.PRE_ROLLOUT),
    gate(HookType.CONFIRM_TRAFFIC_INCREASE),
    gate(HookType.CONFIRM_PROMOTION),
    Route(primary=90, canary=10),
    Route(primary=100, canary=0, mirror=100),
    Bake(seconds=60, weight=10),
)
"""What a promotion by hand skips."""

CONSENT: tuple[Stage, ...] = (
    gate(HookType.CONFIRM_ROLLOUT),
    Approval(before="promotion", quorum=1, approvers=("ann",)),
    Freeze(rules=()),
)
"""What it does not stand for: each needs a person or a time of its own."""

STANDING: tuple[Stage, ...] = (Prepare(), ScaleUp(), Meet(others=("backend",)), Promote())

RECEDING: tuple[Stage, ...] = (Hold(seconds=60, weight=50), Route(primary=50, canary=50, receding=True))
BACK = Route(primary=100, canary=0)
FINAL: tuple[Stage, ...] = (ScaleDown(), hooks(HookType.POST_ROLLOUT))
ALL: tuple[Stage, ...] = (*ANALYSIS, *CONSENT, *STANDING, *RECEDING, BACK, Drain(seconds=1), *FINAL)


def test_every_kind_of_stage_is_looked_at_here() -> None:
    assert {type(stage) for stage in ALL} == set(get_args(get_args(Stage)[0]))


@pytest.mark.parametrize("stage", ALL, ids=repr)
def test_a_promotion_by_hand_skips_the_analysis_alone(stage: Stage) -> None:
    assert course.is_analysis(stage) == (stage in ANALYSIS)


@pytest.mark.parametrize("stage", ALL, ids=repr)
def test_a_pause_holds_wherever_nothing_stands_half_way(stage: Stage) -> None:
    assert course.may_pause_before(stage) == (stage in (*ANALYSIS, *CONSENT, *STANDING))


@pytest.mark.parametrize("stage", ALL, ids=repr)
def test_an_abort_comes_too_late_for_what_is_final(stage: Stage) -> None:
    assert course.is_final(stage) == (stage in FINAL)


@pytest.mark.parametrize("stage", ALL, ids=repr)
def test_only_what_spreads_the_promotion_recedes(stage: Stage) -> None:
    assert course.is_receding(stage) == (stage in RECEDING)


def bake(weight: float, seconds: float = 60) -> Bake:
    return Bake(seconds=seconds, weight=weight)


WEIGHTED: tuple[Stage, ...] = (
    Prepare(),
    Route(primary=100, canary=0, mirror=50),
    bake(0),
    Route(primary=95, canary=5),
    bake(5, seconds=1),
    bake(5),
    Route(primary=80, canary=20),
    bake(20),
    Promote(),
    Route(primary=95, canary=5, receding=True),
)
BLUE_GREEN: tuple[Stage, ...] = (bake(0), Route(primary=0, canary=100, at_once=True), bake(100))


@pytest.mark.parametrize(
    ("stages", "routing", "expected"),
    [
        (WEIGHTED, Routing(canary=20), bake(20)),
        (WEIGHTED, Routing(canary=5), bake(5)),
        (WEIGHTED, Routing(mirror=50), bake(0)),
        (WEIGHTED, Routing(), None),
        (WEIGHTED, None, None),
        (BLUE_GREEN, Routing(), None),
        (BLUE_GREEN, Routing(canary=100), bake(100)),
    ],
)
def test_the_bake_that_stands_is_the_last_one_of_the_traffic_as_it_is(
    stages: tuple[Stage, ...], routing: Routing | None, expected: Bake | None
) -> None:
    assert course.standing_bake(stages, routing) == expected

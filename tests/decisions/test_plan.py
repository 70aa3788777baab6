"""Every canary becomes a plan that ends on the primary."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.decisions.plan import compile_plan
from tidegate.domain.canary import Canary
from tidegate.domain.percent import exact
from tidegate.domain.plan import (
    Bake,
    Drain,
    Plan,
    Promote,
    Purpose,
    Route,
    Routing,
    ScaleDown,
    Stage,
    describe,
)


def canary(**analysis: Any) -> Canary:
    return Canary.parse(
        {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "Canary",
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {
                "targetRef": {"kind": "Deployment", "name": "podinfo"},
                "progressDeadlineSeconds": 60,
                "service": {"port": 9898},
                "analysis": analysis,
            },
        }
    )


@pytest.mark.parametrize(
    ("analysis", "weights"),
    [
        ({"stepWeight": 20, "maxWeight": 50}, (20, 40, 60)),
        ({"stepWeight": 5, "maxWeight": 50}, (5, 10, 15, 20, 25, 30, 35, 40, 45, 50)),
        ({"stepWeight": 30}, (30, 60, 90, 100)),
        ({"stepWeight": 100, "maxWeight": 1}, (100,)),
        ({"stepWeights": [1, 2, 10, 80]}, (1, 2, 10, 80)),
        ({"stepWeights": [10, 80], "maxWeight": 50}, (10, 80)),
    ],
)
def test_weights_go_as_flaggers_do(analysis: dict[str, Any], weights: tuple[int, ...]) -> None:
    assert canary(**analysis).spec.analysis.weights == weights


def test_a_release_is_walked_in_this_order() -> None:
    webhook = {"name": "load-test", "url": "http://loadtester.test/"}
    metric = {"name": "request-success-rate", "thresholdRange": {"min": 99}}
    released = canary(stepWeights=[10, 50], interval="30s", threshold=5, metrics=[metric], webhooks=[webhook])
    plan = compile_plan(released, Purpose.RELEASE, 5.0)
    assert [describe(stage) for stage in plan.stages] == [
        "Prepare primary and routes",
        "Scale up target",
        "Route 90/10",
        "Bake 30s at 10%, 1 check, load",
        "Route 50/50",
        "Bake 30s at 50%, 1 check, load",
        "Promote to primary",
        "Route 100/0",
        "Drain 5s",
        "Scale down target",
    ]
    assert (plan.threshold, plan.progress_deadline_seconds, plan.earliest_end_seconds) == (5, 60, 65)


@pytest.mark.parametrize(
    ("webhooks", "seconds"),
    [
        ([], 0),
        ([{}], 10),
        ([{"timeout": "1m"}, {"timeout": "5s"}], 65),
        ([{"timeout": "2s", "retries": 1}], 2 * 2 + 0.5),
        ([{"timeout": "1m", "retries": 6}], 7 * 60 + 0.5 + 1 + 2 + 4 + 5 + 5),
    ],
)
def test_a_bake_knows_how_long_its_hooks_may_take(webhooks: list[dict[str, Any]], seconds: float) -> None:
    named = [{"name": "smoke", "url": "http://loadtester.test/"} | webhook for webhook in webhooks]
    plan = compile_plan(canary(stepWeight=50, maxWeight=50, webhooks=named), Purpose.RELEASE, 5.0)
    assert [stage.hook_seconds for stage in plan.stages if isinstance(stage, Bake)] == [seconds]


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        (Purpose.INITIALISATION, ["prepare", "route", "drain", "scale-down"]),
        (Purpose.UPKEEP, ["prepare", "route", "scale-down"]),
    ],
)
def test_without_a_release_only_the_surroundings_are_prepared(purpose: Purpose, expected: list[str]) -> None:
    plan = compile_plan(canary(stepWeight=10), purpose, 5.0)
    assert [stage.kind for stage in plan.stages] == expected
    assert plan.stages[1] == Route(primary=100, canary=0)


steps = st.one_of(
    st.fixed_dictionaries({"stepWeight": st.integers(1, 100), "maxWeight": st.integers(1, 100)}),
    st.builds(
        lambda weights: {"stepWeights": sorted(weights)},
        st.sets(st.integers(1, 100), min_size=1, max_size=12),
    ),
)


def _release(analysis: dict[str, Any], drain_seconds: float) -> Plan:
    return compile_plan(canary(**analysis), Purpose.RELEASE, drain_seconds)


@given(steps)
def test_weights_rise_strictly_and_routes_sum_to_a_hundred(analysis: dict[str, Any]) -> None:
    routes = [stage for stage in _release(analysis, 0).stages if isinstance(stage, Route)]
    rising = [route.canary for route in routes[:-1]]
    assert rising == sorted(set(rising))
    assert all(route.primary + route.canary == 100 for route in routes)


@given(steps)
def test_each_share_is_baked_before_the_next(analysis: dict[str, Any]) -> None:
    stages = _release(analysis, 0).stages
    for before, after in pairwise(stages):
        if isinstance(before, Route) and before.canary:
            assert isinstance(after, Bake)
            assert after.weight == before.canary


@given(steps, st.floats(0, 60))
def test_a_release_promotes_once_and_ends_on_the_primary(
    analysis: dict[str, Any], drain_seconds: float
) -> None:
    stages = _release(analysis, drain_seconds).stages
    promotions = [index for index, stage in enumerate(stages) if isinstance(stage, Promote)]
    last_bake = max(index for index, stage in enumerate(stages) if isinstance(stage, Bake))
    assert len(promotions) == 1
    assert promotions[0] > last_bake
    assert stages[promotions[0] + 1] == Route(primary=100, canary=0)
    assert isinstance(stages[-1], ScaleDown)
    assert any(isinstance(stage, Drain) for stage in stages) == (drain_seconds > 0)


def test_a_b_testing_routes_matching_requests_alone() -> None:
    plan = compile_plan(
        canary(iterations=2, interval="30s", match=[{"headers": {"x-canary": {"exact": "yes"}}}]),
        Purpose.RELEASE,
        5.0,
    )
    assert [describe(stage) for stage in plan.stages] == [
        "Prepare primary and routes",
        "Scale up target",
        "Route matching requests 0/100",
        "Bake 30s iteration 1/2, 0 checks",
        "Bake 30s iteration 2/2, 0 checks",
        "Promote to primary",
        "Route 100/0",
        "Drain 5s",
        "Scale down target",
    ]


@pytest.mark.parametrize(
    ("mirroring", "first"),
    [
        ({}, []),
        ({"mirror": True}, ["Route 100/0, mirror 100%"]),
        ({"mirror": True, "mirrorWeight": 30}, ["Route 100/0, mirror 30%"]),
        ({"mirrorWeight": 30}, []),
    ],
)
def test_blue_green_moves_all_traffic_once_and_judges_it_there_too(
    mirroring: dict[str, Any], first: list[str]
) -> None:
    plan = compile_plan(canary(iterations=2, interval="30s", **mirroring), Purpose.RELEASE, 0.0)
    assert [describe(stage) for stage in plan.stages] == [
        "Prepare primary and routes",
        "Scale up target",
        *first,
        "Bake 30s iteration 1/2, 0 checks",
        "Bake 30s iteration 2/2, 0 checks",
        "Route 0/100",
        "Bake 30s at 100%, 0 checks",
        "Promote to primary",
        "Route 100/0",
        "Scale down target",
    ]


def test_a_mirrored_canary_has_one_bake_on_copies_first() -> None:
    plan = compile_plan(canary(stepWeights=[10], interval="30s", mirror=True), Purpose.RELEASE, 0.0)
    assert [describe(stage) for stage in plan.stages][2:6] == [
        "Route 100/0, mirror 100%",
        "Bake 30s at 0%, 0 checks",
        "Route 90/10",
        "Bake 30s at 10%, 0 checks",
    ]


def test_after_the_promotion_the_traffic_may_go_over_step_by_step() -> None:
    analysis = {"stepWeights": [10, 50], "interval": "30s", "stepWeightPromotion": 20}
    plan = compile_plan(canary(**analysis), Purpose.RELEASE, 5.0)
    assert [describe(stage) for stage in plan.stages][6:] == [
        "Promote to primary",
        "Route 70/30",
        "Hold 30s at 30%",
        "Route 90/10",
        "Hold 30s at 10%",
        "Route 100/0",
        "Drain 5s",
        "Scale down target",
    ]
    assert plan.earliest_end_seconds == 2 * 30 + 2 * 30 + 5


def test_a_skipped_analysis_promotes_once_the_target_is_ready() -> None:
    skipped = canary(stepWeight=10)
    spec = skipped.spec.model_copy(update={"skip_analysis": True})
    plan = compile_plan(skipped.model_copy(update={"spec": spec}), Purpose.RELEASE, 0.0)
    assert [describe(stage) for stage in plan.stages] == [
        "Prepare primary and routes",
        "Scale up target",
        "Promote to primary",
        "Route 100/0",
        "Scale down target",
    ]


MATCH = [{"headers": {"x-canary": {"exact": "yes"}}}]
STRATEGIES = st.fixed_dictionaries(
    {},
    optional={
        "match": st.sampled_from([[], MATCH]),
        "mirror": st.booleans(),
        "mirrorWeight": st.integers(0, 100),
        "stepWeightPromotion": st.integers(0, 100),
        "maxWeight": st.integers(1, 100),
    },
)
STEPS = st.one_of(
    st.fixed_dictionaries({"iterations": st.integers(1, 20)}),
    st.fixed_dictionaries({"stepWeight": st.integers(1, 100)}),
    st.fixed_dictionaries(
        {"stepWeights": st.sets(st.integers(1, 100), min_size=1, max_size=8).map(lambda found: sorted(found))}
    ),
)


@given(STEPS, STRATEGIES, st.sampled_from(list(Purpose)))
def test_in_every_strategy_weights_rise_to_the_promotion_and_fall_to_zero_after_it(
    steps: dict[str, Any], strategy: dict[str, Any], purpose: Purpose
) -> None:
    assert_rises_and_falls(compile_plan(canary(**steps, **strategy), purpose, 5.0).stages)


def assert_rises_and_falls(stages: Sequence[Stage]) -> None:
    """Weights sum to 100, rise to the promotion, fall after it, and end at 100/0."""
    routes = [stage for stage in stages if isinstance(stage, Route)]
    assert all(exact(route.primary + route.canary + route.baseline) == 100 for route in routes)
    assert all(route.baseline in (0, route.canary) for route in routes)
    assert (routes[-1].routing, isinstance(stages[-1], ScaleDown)) == (Routing(), True)
    promotion = next((at for at, stage in enumerate(stages) if isinstance(stage, Promote)), 0)
    before = [stage.canary for stage in stages[:promotion] if isinstance(stage, Route)]
    after = [stage.canary for stage in stages[promotion:] if isinstance(stage, Route)]
    assert before == sorted(before)
    assert after == sorted(after, reverse=True)
    copies = [stage for stage in routes if stage.mirror]
    assert all(stage.canary == 0 for stage in copies)

"""What a ReleasePolicy makes of its canary's plan."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.decisions.test_plan import STRATEGIES, assert_rises_and_falls, canary
from tidegate.cli.words import terms_line
from tidegate.decisions.plan import compile_plan
from tidegate.domain.percent import exact
from tidegate.domain.plan import Bake, Plan, Promote, Purpose, Route, Terms, describe
from tidegate.domain.release_policy import ReleasePolicy

METRICS = [
    {"name": "request-success-rate", "thresholdRange": {"min": 99}},
    {"name": "request-duration", "thresholdRange": {"max": 500}},
]


def policy(**spec: Any) -> ReleasePolicy:
    metadata = {"name": "careful", "namespace": "test"}
    return ReleasePolicy.parse({"metadata": metadata, "spec": {"canaryRef": {"name": "podinfo"}} | spec})


def planned(rules: dict[str, Any], **spec: Any) -> Plan:
    return compile_plan(canary(**rules), Purpose.RELEASE, 5.0, policy(**spec))


def test_the_policy_s_steps_stand_for_the_canary_s_weights() -> None:
    steps = [{"weight": 1, "duration": "5m", "checks": ["request-duration"]}, {"weight": 20}]
    plan = planned({"stepWeight": 10, "interval": "30s", "metrics": METRICS}, steps=steps)
    assert [describe(stage) for stage in plan.stages][2:6] == [
        "Route 99/1",
        "Bake 5m at 1%, 1 check",
        "Route 80/20",
        "Bake 30s at 20%, 2 checks",
    ]
    assert plan.earliest_end_seconds == 300 + 30 + 5


def test_a_step_may_be_a_fraction_of_a_percent() -> None:
    plan = planned({"stepWeight": 10, "interval": "30s"}, steps=[{"weight": 0.5}, {"weight": 33.33}])
    assert [describe(stage) for stage in plan.stages][2:6] == [
        "Route 99.5/0.5",
        "Bake 30s at 0.5%, 0 checks",
        "Route 66.67/33.33",
        "Bake 30s at 33.33%, 0 checks",
    ]
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_a_fraction_recedes_as_well() -> None:
    plan = planned({"stepWeight": 10, "stepWeightPromotion": 20}, steps=[{"weight": 50.5}])
    receding = [stage for stage in plan.stages if isinstance(stage, Route) and stage.receding]
    assert [(route.primary, route.canary) for route in receding] == [(69.5, 30.5), (89.5, 10.5)]


def test_a_step_without_checks_judges_nothing_and_one_that_names_none_judges_all() -> None:
    steps = [{"weight": 1, "checks": []}, {"weight": 20}]
    plan = planned({"stepWeight": 10, "metrics": METRICS}, steps=steps)
    bakes = [stage for stage in plan.stages if isinstance(stage, Bake)]
    assert [(bake.checks, bake.narrowed) for bake in bakes] == [
        ((), True),
        (("request-success-rate", "request-duration"), False),
    ]


STEPS = st.sets(st.integers(1, 10_000), min_size=1, max_size=8).map(
    lambda hundredths: [{"weight": number / 100} for number in sorted(hundredths)]
)


ANALYSES = st.fixed_dictionaries({}, optional={"initialDelay": st.just("1m")})


@given(STEPS, ANALYSES, STRATEGIES, st.sampled_from(list(Purpose)))
def test_by_any_policy_weights_rise_to_the_promotion_and_fall_to_zero_after_it(
    steps: list[dict[str, Any]], analysis: dict[str, Any], strategy: dict[str, Any], purpose: Purpose
) -> None:
    released = canary(stepWeight=10, **strategy)
    plan = compile_plan(released, purpose, 5.0, policy(steps=steps, analysis=analysis))
    assert_rises_and_falls(plan.stages)


def test_an_initial_delay_is_a_bake_that_judges_nothing() -> None:
    analysis = {"stepWeights": [5, 50], "interval": "30s", "metrics": METRICS}
    plan = planned(analysis, analysis={"initialDelay": "1m"})
    assert [describe(stage) for stage in plan.stages][2:7] == [
        "Route 95/5",
        "Bake 1m at 5%, 0 checks",
        "Bake 30s at 5%, 2 checks",
        "Route 50/50",
        "Bake 30s at 50%, 2 checks",
    ]
    delay = plan.stages[3]
    assert isinstance(delay, Bake)
    assert (delay.checks, delay.narrowed) == ((), True)


def test_iterations_begin_after_the_initial_delay() -> None:
    plan = planned({"iterations": 2, "interval": "30s"}, analysis={"initialDelay": "1m"})
    assert [describe(stage) for stage in plan.stages][2:5] == [
        "Bake 1m at 0%, 0 checks",
        "Bake 30s iteration 1/2, 0 checks",
        "Bake 30s iteration 2/2, 0 checks",
    ]


def test_a_plan_says_what_the_policy_asks_of_its_checks() -> None:
    checks = [{"name": "request-duration", "dryRun": True}, {"name": "request-success-rate"}]
    analysis = {"minimumRequests": 100, "noData": "wait", "checks": checks}
    plan = planned({"stepWeight": 10, "metrics": METRICS}, analysis=analysis)
    assert plan.terms == Terms(
        policy="careful", minimum_requests=100, no_data="wait", dry_runs=("request-duration",)
    )


def test_an_approval_may_stand_before_a_fraction() -> None:
    plan = planned(
        {"stepWeight": 10},
        steps=[{"weight": 0.5}, {"weight": 50}],
        approvals=[{"before": 0.5, "approvers": ["ann"]}],
    )
    kinds = [stage.kind for stage in plan.stages]
    assert kinds[kinds.index("approval") + 1] == "route"
    assert kinds.count("approval") == 1


def test_a_plan_says_what_is_compared_and_how_long_that_takes() -> None:
    comparison = {"with": "primary", "metrics": [{"name": "request-duration"}]}
    terms = planned({"stepWeight": 10, "metrics": METRICS}, comparison=comparison).terms
    assert terms == Terms(policy="careful", compared=("request-duration",), comparable_seconds=630)
    assert terms_line(terms) == (
        "by ReleasePolicy careful; request-duration compared with the primary, one check "
        "more each, which takes 10m30s of analysis"
    )


def test_the_earliest_end_has_room_for_the_samples_of_a_comparison() -> None:
    comparison = {"with": "primary", "metrics": [{"name": "request-duration"}]}
    rules = {"stepWeight": 10, "metrics": METRICS}
    analysis = {"minimumRequests": 1}
    plain, compared = planned(rules, analysis=analysis), planned(rules, comparison=comparison)
    bake = next(stage.seconds for stage in plain.stages if stage.kind == "bake")
    longer = compared.earliest_end_seconds - plain.earliest_end_seconds
    assert 630 <= longer + bake < 630 + bake


BASELINE = {"with": "baseline", "metrics": [{"name": "request-duration"}]}


def test_a_baseline_gets_as_much_as_the_canary_as_far_as_there_is_room() -> None:
    steps = [{"weight": 0.5}, {"weight": 33.33}, {"weight": 50}, {"weight": 60}]
    plan = planned({"stepWeight": 10, "metrics": METRICS}, steps=steps, comparison=BASELINE)
    told = [describe(stage) for stage in plan.stages if stage.kind in ("scale-up", "route")]
    assert told == [
        "Scale up target and baseline",
        "Route 99/0.5, baseline 0.5%",
        "Route 33.34/33.33, baseline 33.33%",
        "Route 0/50, baseline 50%",
        "Route 40/60",
        "Route 100/0",
    ]
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_a_plan_says_what_a_baseline_gets() -> None:
    terms = planned({"stepWeight": 10, "metrics": METRICS}, comparison=BASELINE).terms
    assert terms is not None
    assert terms_line(terms) == (
        "by ReleasePolicy careful; request-duration compared with a fresh baseline (as much traffic as the "
        "canary, up to 50%; above, it gets none and nothing is compared), one "
        "check more each, which takes 10m30s of analysis"
    )


@given(
    st.lists(st.integers(1, 10_000).map(lambda hundredths: exact(hundredths / 100)), min_size=1, unique=True),
    st.integers(0, 60),
)
def test_with_a_baseline_the_three_weights_rise_together_and_end_at_home(
    weights: list[float], receding: int
) -> None:
    steps = [{"weight": weight} for weight in sorted(weights)]
    rules = {"stepWeight": 10, "metrics": METRICS} | ({"stepWeightPromotion": receding} if receding else {})
    stages = planned(rules, steps=steps, comparison=BASELINE).stages
    assert_rises_and_falls(stages)
    promotion = next(at for at, stage in enumerate(stages) if isinstance(stage, Promote))
    before = [stage for stage in stages[:promotion] if isinstance(stage, Route)]
    after = [stage for stage in stages[promotion:] if isinstance(stage, Route)]
    assert all((route.baseline > 0) == (route.canary <= 50) for route in before)
    assert not any(route.baseline for route in after)

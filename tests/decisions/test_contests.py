"""What is asked for a comparison, and which metrics cannot be compared."""

from typing import Any

import pytest

from tidegate.decisions.contests import contests
from tidegate.decisions.queries import checks
from tidegate.domain.analysis import Metric
from tidegate.domain.canary import Canary
from tidegate.domain.comparison import Comparison
from tidegate.domain.errors import InvalidInput
from tidegate.domain.metric_template import MetricTemplate

RATE = {"name": "request-success-rate", "thresholdRange": {"min": 99}}
DURATION = {"name": "request-duration", "interval": "1m", "thresholdRange": {"max": 500}}
DEPTH = {"name": "depth", "query": 'queue{app="{{ target }}"}', "thresholdRange": {"min": 1, "max": 5}}
BLIND = {"name": "blind", "query": "queue", "thresholdRange": {"max": 5}}
FAR = {"name": "far", "templateRef": {"name": "far"}, "thresholdRange": {"max": 5}}


def canary(*metrics: dict[str, Any]) -> Canary:
    return Canary.parse(
        {
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {
                "targetRef": {"kind": "Deployment", "name": "podinfo"},
                "service": {"port": 9898},
                "metricsServer": "http://prometheus:9090",
                "analysis": {"stepWeight": 10, "metrics": list(metrics)},
            },
        }
    )


def comparison(*metrics: dict[str, Any], **more: Any) -> Comparison:
    return Comparison.parse({"with": "primary", "metrics": list(metrics)} | more)


def named(*names: str) -> tuple[dict[str, Any], ...]:
    return tuple({"name": name} for name in names)


def nowhere(metric: Metric) -> MetricTemplate | None:
    return None


def far(metric: Metric) -> MetricTemplate | None:
    if metric.name != "far":
        return None
    provider = {"type": "graphite", "address": "http://graphite"}
    return MetricTemplate.parse(
        {
            "metadata": {"name": "far", "namespace": "ops"},
            "spec": {"provider": provider, "query": "{{ target }}"},
        }
    )


def test_both_versions_are_asked_the_same_of_another_workload() -> None:
    (found,) = contests(
        canary(RATE), comparison(*named("request-success-rate"), step="20s"), "podinfo-primary", nowhere
    )
    (check,) = checks(canary(RATE | {"interval": "20s"}), nowhere)
    assert found.check.query == check.query
    assert found.other == check.query.replace('workload="podinfo"', 'workload="podinfo-primary"')
    assert found.other != check.query
    assert (found.check.window_seconds, found.check.address) == (20, "http://prometheus:9090")


@pytest.mark.parametrize(
    ("metric", "worse", "least"),
    [(RATE, "decrease", 0.5), (DURATION, "increase", 0), (DEPTH, "either", 0)],
)
def test_the_metric_says_which_way_is_worse_and_from_where_on_it_matters(
    metric: dict[str, Any], worse: str, least: float
) -> None:
    (found,) = contests(canary(metric), comparison(*named(metric["name"])), "podinfo-primary", nowhere)
    assert (found.rule.worse, found.rule.minimum_difference) == (worse, least)


def test_the_policy_has_the_last_word() -> None:
    asked = {"name": "depth", "worse": "decrease", "effectSize": 0.1, "minimumDifference": 2}
    more = {"minimumSamples": 50, "confidence": 0.95}
    (found,) = contests(canary(DEPTH), comparison(asked, **more), "podinfo-primary", nowhere)
    rule = found.rule
    assert (rule.worse, rule.effect_size, rule.minimum_difference) == ("decrease", 0.1, 2)
    assert (rule.minimum_samples, rule.confidence, rule.against) == (50, 0.95, "primary")


@pytest.mark.parametrize(("names", "left"), [(None, 2), (("depth",), 1), ((), 0)])
def test_what_a_step_does_not_judge_it_does_not_compare(names: Any, left: int) -> None:
    asked = comparison(*named("request-duration", "depth"))
    assert len(contests(canary(DURATION, DEPTH), asked, "podinfo-primary", nowhere, names)) == left


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (BLIND, "the comparison of blind: has a query without {{ target }}, which asks the same"),
        (FAR, "the comparison of far: has the provider graphite, and only a prometheus gives samples"),
    ],
)
def test_a_metric_that_cannot_be_compared_is_named(metric: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput) as error:
        contests(canary(metric), comparison(*named(metric["name"])), "podinfo-primary", far)
    assert str(error.value).startswith(reason)

"""What a canary needs of an installation."""

from typing import Any

import pytest

from tidegate.decisions.requirements import Installation, check_requirements
from tidegate.domain.alert_provider import AlertProvider
from tidegate.domain.analysis import Alert
from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.metric_template import MetricTemplate
from tidegate.domain.release_policy import ReleasePolicy

BUILT_IN = {"name": "request-success-rate", "thresholdRange": {"min": 99}}
HEY = {"name": "load", "url": "http://loadtester.test/", "metadata": {"cmd": "hey -z 1m -cpus 2 http://a/"}}


def canary(metrics: tuple[Any, ...] = (), webhooks: tuple[Any, ...] = ()) -> Canary:
    return Canary.parse(
        {
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {
                "targetRef": {"kind": "Deployment", "name": "podinfo"},
                "service": {"port": 9898},
                "analysis": {"stepWeight": 10, "metrics": list(metrics), "webhooks": list(webhooks)},
            },
        }
    )


def no_chat(alert: Alert) -> AlertProvider:
    raise AssertionError(alert)


def check(wanted: Canary, **settings: str) -> None:
    check_requirements(wanted, lambda _: None, no_chat, Installation(cluster="mesh02", **settings))


def test_requests_can_be_counted_by_a_prometheus_alone() -> None:
    careful = ReleasePolicy.parse(
        {
            "metadata": {"name": "careful", "namespace": "test"},
            "spec": {"canaryRef": {"name": "podinfo"}, "analysis": {"minimumRequests": 100}},
        }
    )
    elsewhere = canary(({"name": "latency", "templateRef": {"name": "latency"}, "threshold": 1},))
    template = MetricTemplate.parse(
        {
            "metadata": {"name": "latency", "namespace": "test"},
            "spec": {"provider": {"type": "graphite", "address": "http://graphite.test"}, "query": "x"},
        }
    )
    with pytest.raises(InvalidInput, match="the policy's minimumRequests has no Prometheus to ask"):
        check_requirements(
            elsewhere, lambda _: template, no_chat, Installation(cluster="mesh02"), policy=careful
        )


def test_a_canary_without_metrics_and_hooks_needs_nothing() -> None:
    check(canary())


def test_a_suspended_canary_is_not_released() -> None:
    wanted = canary()
    suspended = wanted.model_copy(update={"spec": wanted.spec.model_copy(update={"suspend": True})})
    with pytest.raises(InvalidInput) as raised:
        check(suspended)
    assert str(raised.value) == (
        "Canary test/podinfo: spec.suspend: is true, and keeps its application from being released; "
        "set it to false, or remove it, and start again"
    )


def test_a_check_needs_a_prometheus() -> None:
    check(canary((BUILT_IN,)), prometheus="http://prometheus:9090")
    with pytest.raises(
        InvalidInput, match=r"Canary test/podinfo: spec\.analysis\.metrics\[0\]: .* in cluster mesh02"
    ):
        check(canary((BUILT_IN,)))


def test_a_comparison_needs_queries_that_tell_the_versions_apart() -> None:
    metric = {"name": "depth", "query": "queue", "thresholdRange": {"max": 1}}
    policy = ReleasePolicy.parse(
        {
            "metadata": {"name": "careful"},
            "spec": {
                "canaryRef": {"name": "podinfo"},
                "comparison": {"with": "primary", "metrics": [{"name": "depth"}]},
            },
        }
    )
    installation = Installation(cluster="mesh02", prometheus="http://prometheus:9090")
    with pytest.raises(
        InvalidInput, match=r"Canary test/podinfo: the comparison of depth: .*\{\{ target \}\}"
    ):
        check_requirements(canary((metric,)), lambda _: None, no_chat, installation, policy)


def test_native_load_needs_a_command_that_it_understands() -> None:
    check(canary(webhooks=(HEY,)), load_mode="webhook")
    with pytest.raises(
        InvalidInput, match=r"Canary test/podinfo: spec\.analysis\.webhooks\[0\]\.metadata\.cmd"
    ):
        check(canary(webhooks=(HEY,)), load_mode="native")

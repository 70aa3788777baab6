"""Old autoscalers in the new form, and the primary's clone."""

from typing import Any

import pytest

from tidegate.contracts import FENCE_ANNOTATION
from tidegate.domain.errors import InvalidInput
from tidegate.manifests.autoscaler import (
    converted,
    min_replicas,
    primary_autoscaler,
    scales,
    scales_for_us,
)

SELECTOR = {"matchLabels": {"queue": "mail"}}
INGRESS = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "main"}

CONVERSIONS = [
    (
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 99}},
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 99}},
        },
    ),
    (
        {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "64Mi"}},
        {
            "type": "Resource",
            "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "64Mi"}},
        },
    ),
    (
        {
            "type": "ContainerResource",
            "containerResource": {"name": "cpu", "container": "app", "targetAverageUtilization": 70},
        },
        {
            "type": "ContainerResource",
            "containerResource": {
                "name": "cpu",
                "container": "app",
                "target": {"type": "Utilization", "averageUtilization": 70},
            },
        },
    ),
    (
        {"type": "Pods", "pods": {"metricName": "rps", "targetAverageValue": "1k", "selector": SELECTOR}},
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": "rps", "selector": SELECTOR},
                "target": {"type": "AverageValue", "averageValue": "1k"},
            },
        },
    ),
    (
        {"type": "Object", "object": {"target": INGRESS, "metricName": "rps", "targetValue": "2k"}},
        {
            "type": "Object",
            "object": {
                "describedObject": INGRESS,
                "metric": {"name": "rps"},
                "target": {"type": "Value", "value": "2k"},
            },
        },
    ),
    (
        {
            "type": "Object",
            "object": {"target": INGRESS, "metricName": "rps", "targetValue": "0", "averageValue": "50"},
        },
        {
            "type": "Object",
            "object": {
                "describedObject": INGRESS,
                "metric": {"name": "rps"},
                "target": {"type": "AverageValue", "averageValue": "50"},
            },
        },
    ),
    (
        {
            "type": "External",
            "external": {"metricName": "depth", "metricSelector": SELECTOR, "targetValue": "30"},
        },
        {
            "type": "External",
            "external": {
                "metric": {"name": "depth", "selector": SELECTOR},
                "target": {"type": "Value", "value": "30"},
            },
        },
    ),
]


@pytest.mark.parametrize(("old", "new"), CONVERSIONS)
def test_a_metric_of_v2beta1_is_converted(samples: Any, old: Any, new: Any) -> None:
    hpa = samples.hpa | {"apiVersion": "autoscaling/v2beta1", "status": {"currentReplicas": 1}}
    hpa["spec"]["metrics"] = [old]
    expected = samples.hpa
    expected["spec"]["metrics"] = [new]
    assert converted(hpa) == expected


def test_an_autoscaler_of_v2beta2_only_changes_its_version(samples: Any) -> None:
    assert converted(samples.hpa | {"apiVersion": "autoscaling/v2beta2"}) == samples.hpa


def test_other_manifests_are_not_converted(samples: Any) -> None:
    assert converted(samples.deployment) == samples.deployment


@pytest.mark.parametrize(
    ("metric", "line"),
    [
        ({"type": "Resource"}, "spec.metrics[0].resource: a Resource metric needs resource; add it"),
        (
            {"type": "Resource", "resource": {"name": "cpu"}},
            "spec.metrics[0].resource: has no target value; "
            "give one of targetAverageUtilization, targetAverageValue, targetValue",
        ),
    ],
)
def test_a_malformed_metric_is_refused(samples: Any, metric: Any, line: str) -> None:
    hpa = samples.hpa | {"apiVersion": "autoscaling/v2beta1"}
    hpa["spec"]["metrics"] = [metric]
    with pytest.raises(InvalidInput) as raised:
        converted(hpa)
    assert str(raised.value) == line


def test_the_primarys_clone_keeps_the_bounds_and_scales_the_primary(samples: Any) -> None:
    clone = primary_autoscaler(samples.hpa, "podinfo-primary")
    assert clone["metadata"] == {"name": "podinfo-primary", "namespace": "test"}
    assert clone["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo-primary"},
        "minReplicas": 2,
        "maxReplicas": 4,
    }


@pytest.mark.parametrize(("given", "replicas"), [(2, 2), (1, 1), (0, 1), (None, 1)])
def test_the_lower_bound_is_at_least_one(samples: Any, given: int | None, replicas: int) -> None:
    hpa = samples.hpa
    hpa["spec"]["minReplicas"] = given
    assert min_replicas(hpa) == replicas


@pytest.mark.parametrize(
    ("owner", "ours"),
    [
        (None, True),
        ({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "podinfo"}, True),
        ({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "podinfo-primary"}, False),
    ],
)
def test_an_hpa_that_keda_made_is_not_ours_though_it_bears_our_fence(
    samples: Any, owner: Any, ours: bool
) -> None:
    live = primary_autoscaler(samples.hpa, "podinfo-primary")
    live["metadata"] |= {
        "annotations": {FENCE_ANNOTATION: "1.1"},
        "ownerReferences": [owner] if owner else [],
    }
    assert scales_for_us(live, "podinfo-primary") == ours


@pytest.mark.parametrize(
    ("kind", "version", "namespace", "of", "expected"),
    [
        ("HorizontalPodAutoscaler", "autoscaling/v2", "test", {"kind": "Deployment", "name": "a"}, True),
        ("ScaledObject", "keda.sh/v1alpha1", "test", {"name": "a"}, True),
        ("ScaledObject", "autoscaling/v2", "test", {"name": "a"}, False),
        ("Deployment", "apps/v1", "test", {"name": "a"}, False),
        ("HorizontalPodAutoscaler", "autoscaling/v2", "kube-system", {"name": "a"}, False),
        ("HorizontalPodAutoscaler", "autoscaling/v2", "test", {"name": "b"}, False),
        ("HorizontalPodAutoscaler", "autoscaling/v2", "test", {"kind": "StatefulSet", "name": "a"}, False),
        ("HorizontalPodAutoscaler", "autoscaling/v2", "test", "a", False),
    ],
)
def test_what_is_an_autoscaler_of_a_workload(
    kind: str, version: str, namespace: str, of: Any, expected: bool
) -> None:
    workload = {"kind": "Deployment", "metadata": {"name": "a", "namespace": "test"}}
    metadata = {"name": "x", "namespace": namespace}
    found = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": {"scaleTargetRef": of}}
    assert scales(found, workload) is expected

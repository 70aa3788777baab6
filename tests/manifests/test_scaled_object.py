"""KEDA's ScaledObject for the primary, and how the Canary's autoscalerRef changes it."""

from typing import Any

import pytest
import yaml

from tests.manifests.strategies import CASES, written
from tidegate.domain.errors import InvalidInput
from tidegate.manifests import scaled_object
from tidegate.manifests.autoscaler import min_replicas, primary_autoscaler
from tidegate.manifests.bundle import read_contents

SCALED_OBJECT = """
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: podinfo-so, namespace: test, annotations: {autoscaling.keda.sh/paused-replicas: "0"}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
  pollingInterval: 15
  cooldownPeriod: 60
  minReplicaCount: 2
  maxReplicaCount: 4
  fallback: {failureThreshold: 3, replicas: 2}
  advanced:
    restoreToOriginalReplicaCount: true
    horizontalPodAutoscalerConfig:
      name: podinfo-hpa
      behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 30}]}}
  triggers:
  - type: prometheus
    name: rate
    authenticationRef: {name: prometheus, kind: ClusterTriggerAuthentication}
    metadata: {serverAddress: "http://prometheus:9090", threshold: "9", query: 'sum(up{app="podinfo"})'}
  - type: prometheus
    name: errors
    metadata: {serverAddress: "http://prometheus:9090", threshold: "9", query: 'sum(up{app="podinfo"})'}
  - {type: cpu, metricType: Utilization, metadata: {value: "80"}}
"""
REF = {"kind": "ScaledObject", "name": "podinfo-so"}


def rendered(samples: Any, spec: Any = None, **ref: Any) -> list[Any]:
    canary = samples.canary
    canary["spec"] = spec or canary["spec"]
    canary["spec"]["autoscalerRef"] = {**REF, **ref}
    keda = yaml.safe_load(SCALED_OBJECT)
    manifests = [samples.deployment, keda, canary, samples.template]
    return [(manifest, f"{manifest['kind']}.yaml") for manifest in manifests]


def bundle(samples: Any, **ref: Any) -> Any:
    return read_contents(rendered(samples, **ref), "test").bundle("test", "podinfo")


@pytest.mark.parametrize("name", CASES)
def test_in_each_strategy_the_primarys_scaled_object_is_exactly_this(
    samples: Any, name: str, golden: Any, schema_checked: Any
) -> None:
    analysis, service, _ = CASES[name]
    manifests = rendered(
        samples,
        spec=written(analysis, **service)["spec"],
        primaryScalerQueries={"errors": "sum(errors)"},
        primaryScalerReplicas={"minReplicas": 3, "maxReplicas": 9},
    )
    found = read_contents(manifests, "test").bundle("test", "podinfo")
    golden("scaled-object", found.primary_autoscaler)
    schema_checked(found.primary_autoscaler)
    assert found.replicas is None


@pytest.mark.parametrize("change", [scaled_object.paused, scaled_object.resumed])
def test_a_paused_and_a_resumed_scaled_object_fit_the_schema(change: Any, schema_checked: Any) -> None:
    schema_checked(change(yaml.safe_load(SCALED_OBJECT)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "minReplicaCount"), "2"),
        (("spec", "minReplicas"), 2),
        (("spec", "scaleTargetRef"), {"kind": "Deployment"}),
        (("spec", "triggers", 0, "metadata", "threshold"), 9),
        (("spec", "triggers", 0, "query"), "up"),
        (("spec", "advanced", "horizontalPodAutoscalerConfig", "behaviour"), {}),
        (("spec", "fallback"), {"replicas": 2}),
    ],
)
def test_a_scaled_object_that_keda_would_refuse_does_not_fit(
    schema_checked: Any, path: tuple[Any, ...], value: object
) -> None:
    part = wrong = yaml.safe_load(SCALED_OBJECT)
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(AssertionError):
        schema_checked(wrong)


@pytest.mark.parametrize(
    ("query", "rewritten"),
    [
        ('up{app="podinfo"}', 'up{app="podinfo-primary"}'),
        ('up{pod=~"podinfo-[0-9a-f]+-.*"}', 'up{pod=~"podinfo-primary-[0-9a-f]+-.*"}'),
        ('up{service="podinfo-canary"}', 'up{service="podinfo-primary"}'),
        ('up{app="podinfo-primary"}', 'up{app="podinfo-primary"}'),
        ('up{app=~"podinfo|my-podinfo|podinfo2"}', 'up{app=~"podinfo-primary|my-podinfo|podinfo2"}'),
        ("podinfo_requests", "podinfo_requests"),
        ("up", "up"),
    ],
)
def test_the_targets_name_in_a_query_becomes_the_primarys(query: str, rewritten: str) -> None:
    spec: dict[str, Any] = {
        "scaleTargetRef": {"name": "podinfo"},
        "triggers": [{"metadata": {"query": query}}],
    }
    after = scaled_object.rewritten(spec, "podinfo", "podinfo-primary", {})
    assert after["triggers"][0]["metadata"]["query"] == rewritten
    assert spec["triggers"][0]["metadata"]["query"] == query


def test_a_pause_is_an_annotation_that_a_resumption_takes_away() -> None:
    live = {"metadata": {"name": "podinfo", "annotations": {"a": "b"}}}
    paused = scaled_object.paused(live)
    assert paused["metadata"]["annotations"] == {"a": "b", "autoscaling.keda.sh/paused-replicas": "0"}
    assert scaled_object.resumed(paused) == live


def test_the_lower_bound_of_a_scaled_object_is_read(samples: Any) -> None:
    found = bundle(samples, primaryScalerReplicas={"minReplicas": 3})
    assert (min_replicas(found.autoscaler), min_replicas(found.primary_autoscaler)) == (2, 3)


def test_the_primarys_hpa_has_the_bounds_of_its_own(samples: Any) -> None:
    ref = samples.parsed().spec.autoscaler_ref
    given = ref.model_validate(ref.model_dump() | {"primaryScalerReplicas": {"maxReplicas": 9}})
    assert primary_autoscaler(samples.hpa, "podinfo-primary", given)["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo-primary"},
        "minReplicas": 2,
        "maxReplicas": 9,
    }


@pytest.mark.parametrize(
    ("ref", "line"),
    [
        (
            {"name": "other"},
            "spec.autoscalerRef.name: no ScaledObject other among the manifests; "
            "add the ScaledObject to the application's path, or correct the name",
        ),
        (
            {"primaryScalerReplicas": {"minReplicas": 5}},
            "spec.autoscalerRef.primaryScalerReplicas: leaves the primary between 5 and 4 replicas; "
            "give minReplicas and maxReplicas that rise",
        ),
        (
            {"primaryScalerReplicas": {"minReplicas": 5, "maxReplicas": 4}},
            "spec.autoscalerRef.primaryScalerReplicas: has minReplicas over maxReplicas; let them rise",
        ),
        (
            {"kind": "HorizontalPodAutoscaler", "primaryScalerQueries": {"a": "b"}},
            "spec.autoscalerRef: has primaryScalerQueries, which are for a ScaledObject; remove them",
        ),
    ],
)
def test_a_fault_names_its_field(samples: Any, ref: dict[str, Any], line: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        bundle(samples, **ref)
    assert str(raised.value).endswith(line)


def test_a_scaled_object_of_another_is_refused(samples: Any) -> None:
    manifests = rendered(samples)
    manifests[1][0]["spec"]["scaleTargetRef"]["name"] = "other"
    with pytest.raises(InvalidInput, match=r"ScaledObject test/podinfo-so: spec\.scaleTargetRef\.name"):
        read_contents(manifests, "test")


def test_the_primarys_scaled_object_may_not_be_in_git(samples: Any) -> None:
    manifests = rendered(samples)
    made = yaml.safe_load(SCALED_OBJECT)
    made["metadata"]["name"] = "podinfo-so-primary"
    with pytest.raises(InvalidInput, match="is made by the release of Canary podinfo"):
        read_contents([*manifests, (made, "extra.yaml")], "test")

"""The defaults that controllers and health rules rely on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException


def test_a_deployment_gets_its_strategy_and_counts(
    apps: Any, namespace: str, deployment: Callable[..., dict[str, Any]]
) -> None:
    spec = apps.create_namespaced_deployment(namespace, deployment()).spec
    rolling = spec.strategy.rolling_update
    assert (spec.replicas, spec.revision_history_limit, spec.progress_deadline_seconds) == (1, 10, 600)
    assert (spec.strategy.type, rolling.max_surge, rolling.max_unavailable) == ("RollingUpdate", "25%", "25%")
    assert spec.min_ready_seconds is None


def test_a_pod_template_gets_its_policies(
    apps: Any, namespace: str, deployment: Callable[..., dict[str, Any]]
) -> None:
    pod = apps.create_namespaced_deployment(namespace, deployment()).spec.template.spec
    assert (pod.restart_policy, pod.dns_policy) == ("Always", "ClusterFirst")
    assert pod.termination_grace_period_seconds == 30
    assert (pod.containers[0].image_pull_policy, pod.containers[0].ports[0].protocol) == (
        "IfNotPresent",
        "TCP",
    )


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("podinfo", "Always"),
        ("podinfo:latest", "Always"),
        ("host:5000/podinfo", "Always"),
        ("host:5000/podinfo:6", "IfNotPresent"),
        ("podinfo@sha256:" + "0" * 64, "IfNotPresent"),
    ],
)
def test_an_images_tag_decides_when_it_is_pulled(core: Any, namespace: str, image: str, policy: str) -> None:
    body = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "app", "image": image}]}}
    pod = core.create_namespaced_pod(namespace, body)
    assert (pod.spec.containers[0].image_pull_policy, pod.status.phase) == (policy, "Pending")


def test_a_probe_gets_its_periods(core: Any, namespace: str) -> None:
    probe = {"httpGet": {"port": 9898}}
    container = {"name": "app", "image": "podinfo:1", "readinessProbe": probe}
    pod = core.create_namespaced_pod(
        namespace, {"metadata": {"name": "a"}, "spec": {"containers": [container]}}
    )
    made = pod.spec.containers[0].readiness_probe
    assert (made.period_seconds, made.timeout_seconds) == (10, 1)
    assert (made.success_threshold, made.failure_threshold) == (1, 3)
    assert (made.http_get.path, made.http_get.scheme) == ("/", "HTTP")


def test_a_service_gets_an_address_that_stays(core: Any, namespace: str) -> None:
    body = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}
    made = core.create_namespaced_service(namespace, body)
    other = core.create_namespaced_service(namespace, {**body, "metadata": {"name": "b"}})
    port = made.spec.ports[0]
    assert (made.spec.type, made.spec.session_affinity) == ("ClusterIP", "None")
    assert (port.protocol, port.target_port) == ("TCP", 80)
    assert made.spec.cluster_ip not in (None, "None", other.spec.cluster_ip)
    with pytest.raises(ApiException) as refused:
        core.patch_namespaced_service("a", namespace, {"spec": {"clusterIP": other.spec.cluster_ip}})
    assert refused.value.status == 422


def test_a_headless_service_has_no_address(core: Any, namespace: str) -> None:
    made = core.create_namespaced_service(
        namespace, {"metadata": {"name": "a"}, "spec": {"clusterIP": "None"}}
    )
    assert (made.spec.cluster_ip, made.spec.cluster_ips) == ("None", ["None"])


def test_a_namespace_is_active_and_named_in_a_label(core: Any, namespace: str) -> None:
    found = core.read_namespace(namespace)
    assert found.status.phase == "Active"
    assert found.metadata.labels["kubernetes.io/metadata.name"] == namespace


def test_a_cluster_has_its_first_namespaces(core: Any) -> None:
    names = {found.metadata.name for found in core.list_namespace().items}
    assert {"default", "kube-system"} <= names

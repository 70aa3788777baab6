"""Discovery, versions and documents: what clients ask before they ask for anything."""

from __future__ import annotations

from typing import Any

import pytest

_BUILT_IN = {
    "v1": ["Namespace", "Pod", "Service", "ConfigMap", "Secret", "ServiceAccount", "Node", "Event",
           "Endpoints", "PersistentVolumeClaim", "ReplicationController", "ResourceQuota", "LimitRange"],
    "apps/v1": ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ControllerRevision"],
    "batch/v1": ["Job", "CronJob"],
    "autoscaling/v1": ["HorizontalPodAutoscaler"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "networking.k8s.io/v1": ["Ingress", "NetworkPolicy", "IngressClass"],
    "policy/v1": ["PodDisruptionBudget"],
    "rbac.authorization.k8s.io/v1": ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
    "discovery.k8s.io/v1": ["EndpointSlice"],
    "coordination.k8s.io/v1": ["Lease"],
    "storage.k8s.io/v1": ["StorageClass"],
    "apiextensions.k8s.io/v1": ["CustomResourceDefinition"],
    "apiregistration.k8s.io/v1": ["APIService"],
}  # fmt: skip


@pytest.mark.parametrize(("version", "kinds"), _BUILT_IN.items())
def test_a_group_version_lists_its_kinds(raw: Any, version: str, kinds: list[str]) -> None:
    _, found = raw("GET", f"/apis/{version}" if "/" in version else f"/api/{version}")
    assert (found["kind"], found["groupVersion"]) == ("APIResourceList", version)
    assert set(kinds) <= {resource["kind"] for resource in found["resources"]}


def test_subresources_are_listed(raw: Any) -> None:
    _, found = raw("GET", "/apis/apps/v1")
    names = {resource["name"]: resource for resource in found["resources"]}
    assert names["deployments"]["shortNames"] == ["deploy"]
    assert names["deployments/status"]["verbs"] == ["get", "patch", "update"]
    assert (names["deployments/scale"]["kind"], names["deployments/scale"]["group"]) == (
        "Scale",
        "autoscaling",
    )


def test_the_best_version_of_a_group_is_preferred(raw: Any) -> None:
    _, found = raw("GET", "/apis/autoscaling")
    assert found["preferredVersion"] == {"groupVersion": "autoscaling/v2", "version": "v2"}


def test_aggregated_discovery_may_be_asked_for(raw: Any) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    code, found = raw("GET", "/apis", accept=accept)
    assert (code, found["kind"] in ("APIGroupList", "APIGroupDiscoveryList")) == (200, True)


def test_the_dynamic_client_finds_a_kind_by_its_name(dyn: Any, namespace: str) -> None:
    maps = dyn.resources.get(api_version="v1", kind="ConfigMap")
    made = maps.create(body={"metadata": {"name": "a"}, "data": {"k": "v"}}, namespace=namespace)
    assert maps.get(name="a", namespace=namespace).data.k == made.data.k == "v"


def test_a_version_is_told(raw: Any) -> None:
    code, found = raw("GET", "/version")
    assert (code, found["major"], found["gitVersion"].startswith("v1.")) == (200, "1", True)


@pytest.mark.parametrize("path", ["/readyz", "/healthz", "/livez"])
def test_health_is_ok(raw: Any, path: str) -> None:
    assert raw("GET", path) == (200, b"ok")


def test_a_patch_is_documented_with_its_kind_and_field_validation(raw: Any) -> None:
    _, index = raw("GET", "/openapi/v3")
    address = index["paths"]["apis/apps/v1"]["serverRelativeURL"].partition("?")[0]
    _, found = raw("GET", address)
    patch = found["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}
    assert patch["x-kubernetes-group-version-kind"] == {
        "group": "apps",
        "version": "v1",
        "kind": "Deployment",
    }


@pytest.mark.parametrize("path", ["/nothing", "/apis/none", "/apis/none/v1", "/apis/none/v1/things"])
def test_an_unknown_path_is_not_found(raw: Any, path: str) -> None:
    assert raw("GET", path)[0] == 404


def test_everything_is_allowed_to_an_admin(raw: Any) -> None:
    body = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    code, found = raw("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    assert (code, found["status"]["allowed"]) == (201, True)

"""Objects: created, read, replaced and refused as a kube-apiserver does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

Make = Callable[..., dict[str, Any]]


def test_a_created_object_has_its_identity(core: Any, namespace: str) -> None:
    made = core.create_namespaced_config_map(namespace, {"metadata": {"name": "a"}, "data": {"k": "v"}})
    metadata = made.metadata
    assert (metadata.name, metadata.namespace, made.data) == ("a", namespace, {"k": "v"})
    assert metadata.uid
    assert metadata.resource_version
    assert metadata.creation_timestamp


def test_a_generated_name_begins_with_its_prefix(core: Any, namespace: str) -> None:
    names = {
        core.create_namespaced_config_map(namespace, {"metadata": {"generateName": "a-"}}).metadata.name
        for _ in range(3)
    }
    assert len(names) == 3
    assert all(name.startswith("a-") and len(name) == 7 for name in names)


def test_a_second_object_of_one_name_is_refused(core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "a"}})
    with pytest.raises(ApiException) as refused:
        core.create_namespaced_config_map(namespace, {"metadata": {"name": "a"}})
    assert (refused.value.status, '"reason":"AlreadyExists"' in str(refused.value.body)) == (409, True)


def test_what_is_missing_is_told_as_a_status(raw: Any, namespace: str) -> None:
    code, status = raw("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/none")
    assert code == 404
    assert status["kind"] == "Status"
    assert status["message"] == 'deployments.apps "none" not found'
    assert status["details"] == {"name": "none", "group": "apps", "kind": "deployments"}


def test_an_object_needs_its_namespace(core: Any) -> None:
    with pytest.raises(ApiException) as refused:
        core.create_namespaced_config_map("no-such-namespace", {"metadata": {"name": "a"}})
    assert refused.value.status == 404
    assert 'namespaces \\"no-such-namespace\\" not found' in str(refused.value.body)


def test_a_stale_replacement_is_refused(core: Any, namespace: str) -> None:
    first = core.create_namespaced_config_map(namespace, {"metadata": {"name": "a"}})
    first.data = {"k": "1"}
    core.replace_namespaced_config_map("a", namespace, first)
    first.data = {"k": "2"}
    with pytest.raises(ApiException) as refused:
        core.replace_namespaced_config_map("a", namespace, first)
    assert refused.value.status == 409
    assert "please apply your changes to the latest version" in str(refused.value.body)
    assert core.read_namespaced_config_map("a", namespace).data == {"k": "1"}


def test_a_write_that_changes_nothing_keeps_the_revision(core: Any, namespace: str) -> None:
    first = core.create_namespaced_config_map(namespace, {"metadata": {"name": "a"}, "data": {"k": "v"}})
    again = core.replace_namespaced_config_map("a", namespace, first)
    assert again.metadata.resource_version == first.metadata.resource_version


def test_only_the_spec_moves_the_generation(apps: Any, namespace: str, deployment: Make) -> None:
    apps.create_namespaced_deployment(namespace, deployment())
    labelled = apps.patch_namespaced_deployment("web", namespace, {"metadata": {"labels": {"x": "y"}}})
    reported = apps.patch_namespaced_deployment_status("web", namespace, {"status": {"replicas": 1}})
    scaled = apps.patch_namespaced_deployment("web", namespace, {"spec": {"replicas": 2}})
    assert [o.metadata.generation for o in (labelled, reported, scaled)] == [1, 1, 2]


def test_status_and_spec_are_written_apart(apps: Any, namespace: str, deployment: Make) -> None:
    apps.create_namespaced_deployment(namespace, {**deployment(), "status": {"replicas": 7}})
    change = {"spec": {"replicas": 3}, "status": {"replicas": 2, "readyReplicas": 1}}
    reported = apps.patch_namespaced_deployment_status("web", namespace, change)
    assert (reported.spec.replicas, reported.status.replicas) == (1, 2)
    scaled = apps.patch_namespaced_deployment("web", namespace, change)
    assert (scaled.spec.replicas, scaled.status.ready_replicas) == (3, 1)


def test_scale_is_read_and_set_without_knowing_the_kind(apps: Any, namespace: str, deployment: Make) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=2))
    scale = apps.read_namespaced_deployment_scale("web", namespace)
    assert (scale.kind, scale.spec.replicas, scale.status.selector) == ("Scale", 2, "app=web")
    scale.spec.replicas = 5
    assert apps.replace_namespaced_deployment_scale("web", namespace, scale).spec.replicas == 5
    patched = apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 4}})
    assert patched.spec.replicas == 4
    assert apps.read_namespaced_deployment("web", namespace).spec.replicas == 4


def test_a_dry_run_changes_nothing(core: Any, namespace: str) -> None:
    body = {"metadata": {"name": "a"}, "data": {"k": "v"}}
    assert core.create_namespaced_config_map(namespace, body, dry_run="All").data == {"k": "v"}
    assert core.list_namespaced_config_map(namespace, field_selector="metadata.name=a").items == []
    core.create_namespaced_config_map(namespace, body)
    patched = core.patch_namespaced_config_map("a", namespace, {"data": {"k": "w"}}, dry_run="All")
    assert patched.data == {"k": "w"}
    core.delete_namespaced_config_map("a", namespace, dry_run="All")
    assert core.read_namespaced_config_map("a", namespace).data == {"k": "v"}


def test_secrets_keep_their_text_encoded(core: Any, namespace: str) -> None:
    made = core.create_namespaced_secret(namespace, {"metadata": {"name": "a"}, "stringData": {"k": "v"}})
    assert (made.type, made.data, made.string_data) == ("Opaque", {"k": "dg=="}, None)


def test_an_autoscaler_reads_the_same_in_both_versions(api: Any, clients: Any, namespace: str) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 4, "targetCPUUtilizationPercentage": 60}
    body = {"metadata": {"name": "a"}, "spec": spec}
    clients.AutoscalingV1Api(api).create_namespaced_horizontal_pod_autoscaler(namespace, body)
    found = clients.AutoscalingV2Api(api).read_namespaced_horizontal_pod_autoscaler("a", namespace)
    assert found.spec.min_replicas == 1
    assert found.spec.metrics[0].resource.target.average_utilization == 60


@pytest.mark.parametrize("version", ["v2beta1", "v2beta2"])
def test_old_autoscaler_versions_are_not_served(raw: Any, namespace: str, version: str) -> None:
    code, status = raw("GET", f"/apis/autoscaling/{version}/namespaces/{namespace}/horizontalpodautoscalers")
    assert (code, status["reason"] if isinstance(status, dict) else "NotFound") == (404, "NotFound")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"selector": None}, "spec.selector"),
        ({"selector": {"matchLabels": {"app": "other"}}}, "spec.template.metadata.labels"),
        ({"replicas": -1}, "spec.replicas"),
        (
            {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
            "spec.template.spec.containers",
        ),
    ],
)
def test_an_invalid_deployment_is_refused_with_its_field(
    raw: Any, namespace: str, deployment: Make, change: dict[str, Any], field: str
) -> None:
    body = deployment(**change)
    code, status = raw("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", body)
    assert (code, status["reason"]) == (422, "Invalid")
    assert status["message"].startswith('Deployment.apps "web" is invalid: ')
    assert field in {cause["field"] for cause in status["details"]["causes"]}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (("spec",), "spec.replcas"),
        (("spec", "template", "spec", "containers", 0), "spec.template.spec.containers[0].replcas"),
    ],
)
@pytest.mark.parametrize("patch", [True, False])
def test_a_misspelt_field_is_refused_and_dropped_only_from_a_plain_write(
    raw: Any, namespace: str, deployment: Make, path: tuple[Any, ...], field: str, patch: bool
) -> None:
    body = deployment()
    place = body
    for step in path:
        place = place[step]
    place["replcas"] = 3
    address = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    how = ("PATCH", f"{address}/web") if patch else ("POST", address)
    kind = "application/apply-patch+yaml" if patch else "application/json"
    query = {"content_type": kind, "fieldManager": "me"}
    code, status = raw(*how, body, fieldValidation="Strict", **query)
    if patch:
        told = f"{field.rpartition('.')[2]}: field not declared in schema"
        assert (code, told in status["message"]) == (500, True), "an apply is typed before all else"
        return
    assert (code, f'unknown field "{field}"' in status["message"]) == (400, True)
    code, answer = raw(*how, body, **query)
    assert (code, "replcas" in str(answer)) == (201, False)


def test_a_deployments_selector_never_changes(apps: Any, namespace: str, deployment: Make) -> None:
    apps.create_namespaced_deployment(namespace, deployment())
    other = {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}}}
    with pytest.raises(ApiException, match="field is immutable") as refused:
        apps.patch_namespaced_deployment("web", namespace, {"spec": other})
    assert refused.value.status == 422


@pytest.mark.parametrize("plural", ["configmaps", "secrets"])
def test_a_key_that_names_no_file_is_refused(raw: Any, namespace: str, plural: str) -> None:
    body = {"metadata": {"name": "keys"}, "data": {"not a key": "aGVsbG8="}}
    code, status = raw("POST", f"/api/v1/namespaces/{namespace}/{plural}", body)
    assert (code, status["details"]["causes"][0]["field"]) == (422, "data[not a key]")
    assert "a valid config key must consist of" in status["message"]


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "x" * 254])
def test_a_bad_name_is_refused(raw: Any, namespace: str, name: str) -> None:
    code, status = raw("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": name}})
    assert (code, status["details"]["causes"][0]["field"]) == (422, "metadata.name")


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in inner:
        yield from _places(child, (*path, step))


@pytest.mark.parametrize("wrong", ["text", 3, [1], {"a": 1}, True])
def test_a_value_of_another_type_is_refused_wherever_it_is(
    raw: Any, namespace: str, deployment: Make, wrong: Any
) -> None:
    whole = deployment()
    address = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    codes = set()
    for path in _places(whole):
        body = deployment()
        place: Any = body
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = wrong
        codes.add(raw("POST", address, body, dryRun="All")[0])
    assert {400} <= codes <= {201, 400, 422}


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "code"),
    [
        ("POST", "configmaps", b"k8s\x00", "application/vnd.kubernetes.protobuf", 415),
        ("POST", "configmaps", b"{", "application/json", 400),
        ("POST", "configmaps", {"kind": "Secret", "metadata": {"name": "a"}}, "application/json", 400),
        ("PATCH", "configmaps/a", {}, "application/json", 415),
        ("GET", "nothings", None, "application/json", 404),
    ],
)
def test_what_cannot_be_understood_is_refused(
    raw: Any, namespace: str, method: str, path: str, body: Any, content_type: str, code: int
) -> None:
    answered, _ = raw(method, f"/api/v1/namespaces/{namespace}/{path}", body, content_type=content_type)
    assert answered == code

"""JSON patch, merge patch and strategic merge patch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
Patch = Callable[..., tuple[int, Any]]


@pytest.fixture
def patch(raw: Any, namespace: str, deployment: Callable[..., dict[str, Any]]) -> Patch:
    """Patches a Deployment that has two containers: patch(type, body) -> (code, answer)."""
    body = deployment()
    pod = body["spec"]["template"]["spec"]
    pod["containers"][0]["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    pod["containers"].append({"name": "side", "image": "side:1"})
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    assert raw("POST", path, body)[0] == 201
    return lambda kind, change, **query: raw(
        "PATCH", f"{path}/web", change, content_type=_TYPES[kind], **query
    )


def _containers(answer: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer["spec"]["template"]["spec"]["containers"]
    return found


def _template(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(containers), **more}}}}


def test_a_merge_patch_replaces_lists_and_removes_nulls(patch: Patch) -> None:
    code, answer = patch("merge", _template({"name": "one", "image": "one:1"}))
    assert (code, [c["name"] for c in _containers(answer)]) == (200, ["one"])
    _, answer = patch("merge", {"metadata": {"labels": {"app": None, "x": "y"}}})
    assert answer["metadata"]["labels"] == {"x": "y"}


def test_a_json_patch_edits_in_place(patch: Patch) -> None:
    image = "/spec/template/spec/containers/1/image"
    operations = [
        {"op": "test", "path": image, "value": "side:1"},
        {"op": "replace", "path": image, "value": "side:2"},
        {"op": "add", "path": "/metadata/annotations", "value": {"a/b": "c"}},
    ]
    code, answer = patch("json", operations)
    assert (code, _containers(answer)[1]["image"]) == (200, "side:2")
    assert answer["metadata"]["annotations"] == {"a/b": "c"}


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([{"op": "test", "path": "/spec/replicas", "value": 9}], 422),
        ([{"op": "remove", "path": "/spec/none"}], 422),
        ([{"op": "nonsense", "path": "/spec"}], 422),
        ({"spec": {}}, 400),
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused(patch: Patch, operations: Any, code: int) -> None:
    answered, status = patch("json", operations)
    assert (answered, status["kind"]) == (code, "Status")


def test_a_strategic_patch_merges_containers_by_name(patch: Patch) -> None:
    change = {
        "name": "app",
        "image": "podinfo:2",
        "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
    }
    code, answer = patch("strategic", _template(change))
    app, side = sorted(_containers(answer), key=lambda container: str(container["name"]))
    assert (code, app["image"], side["image"]) == (200, "podinfo:2", "side:1")
    assert {e["name"]: e["value"] for e in app["env"]} == {"A": "1", "B": "3", "C": "4"}
    assert app["ports"] == [{"containerPort": 9898, "protocol": "TCP"}]


def test_a_strategic_patch_deletes_and_replaces_by_directive(patch: Patch) -> None:
    _, answer = patch("strategic", _template({"name": "side", "$patch": "delete"}))
    assert [c["name"] for c in _containers(answer)] == ["app"]
    only = {"name": "A", "value": "9"}
    _, answer = patch("strategic", _template({"name": "app", "env": [only, {"$patch": "replace"}]}))
    assert _containers(answer)[0]["env"] == [only]
    _, answer = patch("strategic", {"metadata": {"labels": {"$patch": "replace", "x": "y"}}})
    assert answer["metadata"]["labels"] == {"x": "y"}


def test_a_strategic_patch_sets_the_order(patch: Patch) -> None:
    order = {"$setElementOrder/containers": [{"name": "side"}, {"name": "app"}]}
    _, answer = patch("strategic", _template(**order))
    assert [c["name"] for c in _containers(answer)] == ["side", "app"]


def test_a_strategic_patch_keeps_only_the_keys_it_retains(patch: Patch) -> None:
    strategy = {"$retainKeys": ["type"], "type": "Recreate"}
    code, answer = patch("strategic", {"spec": {"strategy": strategy}})
    assert (code, answer["spec"]["strategy"]) == (200, {"type": "Recreate"})


def test_service_ports_merge_by_port(raw: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/services"
    ports = [{"name": "http", "port": 80}, {"name": "grpc", "port": 90}]
    raw("POST", path, {"metadata": {"name": "a"}, "spec": {"ports": ports}})
    change = {"spec": {"ports": [{"port": 90, "targetPort": 9090}]}}
    _, answer = raw("PATCH", f"{path}/a", change, content_type=_TYPES["strategic"])
    assert sorted((p["name"], p["targetPort"]) for p in answer["spec"]["ports"]) == [
        ("grpc", 9090),
        ("http", 80),
    ]


@pytest.mark.parametrize("kind", ["merge", "strategic"])
def test_a_revision_in_a_patch_is_a_precondition(patch: Patch, kind: str) -> None:
    code, status = patch(kind, {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 2}})
    assert (code, status["reason"]) == (409, "Conflict")
    _, current = patch(kind, {})
    revision = current["metadata"]["resourceVersion"]
    code, answer = patch(kind, {"metadata": {"resourceVersion": revision}, "spec": {"replicas": 2}})
    assert (code, answer["spec"]["replicas"]) == (200, 2)


def test_a_patch_may_not_take_another_identity(patch: Patch) -> None:
    assert patch("merge", {"metadata": {"name": "other"}})[0] == 400
    assert patch("merge", {"metadata": {"uid": "other"}})[0] == 422


def test_a_patch_of_nothing_is_not_found(raw: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/none"
    assert raw("PATCH", path, {"data": {}}, content_type=_TYPES["merge"])[0] == 404


def test_a_custom_kind_has_no_strategic_patch(raw: Any, namespace: str, widgets: str) -> None:
    path = f"{widgets}/namespaces/{namespace}/widgets"
    head = {"apiVersion": "contract.test/v1", "kind": "Widget"}
    raw("POST", path, {**head, "metadata": {"name": "a"}, "spec": {"size": 1}})
    code, status = raw("PATCH", f"{path}/a", {"spec": {"size": 2}}, content_type=_TYPES["strategic"])
    assert (code, status["reason"]) == (415, "UnsupportedMediaType")

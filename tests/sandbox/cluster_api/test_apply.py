"""Server-side apply: who owns which field, and what that means for the next one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Apply = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]


@pytest.fixture
def apply(raw: Any, namespace: str) -> Apply:
    """apply(manager, object, force=False, path=...) -> (code, answer)."""

    def run(
        manager: str, body: dict[str, Any], force: bool = False, path: str = "", **query: str
    ) -> tuple[int, Any]:
        place = path or f"/apis/apps/v1/namespaces/{namespace}/deployments"
        return raw(  # type: ignore[no-any-return]
            "PATCH",
            f"{place}/{body['metadata']['name']}",
            body,
            content_type="application/apply-patch+yaml",
            fieldManager=manager,
            force=str(force).lower(),
            **query,
        )

    return run


def _owned(answer: Any, manager: str) -> Any:
    entries = answer["metadata"].get("managedFields", [])
    return next((entry["fieldsV1"] for entry in entries if entry["manager"] == manager), None)


def _partial(spec: dict[str, Any], name: str = "web") -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _image(image: str, **container: Any) -> dict[str, Any]:
    return _partial({"template": {"spec": {"containers": [{"name": "app", "image": image, **container}]}}})


def test_an_apply_creates_and_owns_what_it_names(apply: Apply, deployment: Make) -> None:
    code, answer = apply("git", deployment(replicas=2))
    assert code == 201
    ports: Any = {'k:{"containerPort":9898,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}
    container = {".": {}, "f:name": {}, "f:image": {}, "f:ports": ports}
    template = {
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {"f:containers": {'k:{"name":"app"}': container}},
    }
    assert _owned(answer, "git") == {
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": template},
    }
    assert answer["spec"]["progressDeadlineSeconds"] == 600


def test_an_apply_again_changes_nothing(apply: Apply, deployment: Make) -> None:
    _, first = apply("git", deployment())
    code, again = apply("git", deployment())
    assert (code, again) == (200, first)


def test_another_managers_field_is_a_conflict(apply: Apply, deployment: Make) -> None:
    apply("git", deployment(replicas=2))
    code, status = apply("me", _partial({"replicas": 3}))
    assert (code, status["reason"]) == (409, "Conflict")
    assert status["message"] == 'Apply failed with 1 conflict: conflict with "git": .spec.replicas'
    assert status["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "git"', "field": ".spec.replicas"}
    ]


def test_a_conflict_names_every_field_by_its_path(
    apply: Apply, deployment: Make, raw: Any, namespace: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    raw("POST", path, deployment(replicas=2), fieldManager="hand")
    _, status = apply("me", _partial({"replicas": 3, **_image("podinfo:2")["spec"]}))
    assert status["message"] == (
        'Apply failed with 2 conflicts: conflicts with "hand" using apps/v1:\n'
        "- .spec.replicas\n"
        '- .spec.template.spec.containers[name="app"].image'
    )


def test_force_takes_the_field_over(apply: Apply, deployment: Make) -> None:
    apply("git", deployment(replicas=2))
    code, answer = apply("me", _partial({"replicas": 3}), force=True)
    assert (code, answer["spec"]["replicas"]) == (200, 3)
    assert "f:replicas" not in _owned(answer, "git")["f:spec"]
    assert _owned(answer, "me") == {"f:spec": {"f:replicas": {}}}


def test_the_same_value_is_shared_without_conflict(apply: Apply, deployment: Make) -> None:
    apply("git", deployment(replicas=2))
    code, answer = apply("me", _partial({"replicas": 2}))
    assert (code, _owned(answer, "me")) == (200, {"f:spec": {"f:replicas": {}}})
    assert "f:replicas" in _owned(answer, "git")["f:spec"]
    _, answer = apply("git", deployment())
    assert answer["spec"]["replicas"] == 2


def test_a_field_no_longer_applied_goes_away(apply: Apply, deployment: Make) -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    apply("git", deployment(minReadySeconds=5, replicas=3))
    apply("more", _image("podinfo:1", env=env))
    _, answer = apply("git", deployment())
    assert "minReadySeconds" not in answer["spec"]
    assert answer["spec"]["replicas"] == 1, "what is removed is defaulted again"
    _, answer = apply("more", _image("podinfo:1", env=env[1:]))
    assert answer["spec"]["template"]["spec"]["containers"][0]["env"] == env[1:]


def test_managers_share_a_list_by_its_keys(apply: Apply, deployment: Make) -> None:
    apply("git", deployment())
    side = _partial({"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}})
    _, answer = apply("mesh", side)
    assert [c["name"] for c in answer["spec"]["template"]["spec"]["containers"]] == ["app", "side"]
    _, answer = apply("git", deployment(image="podinfo:2"))
    images = [c["image"] for c in answer["spec"]["template"]["spec"]["containers"]]
    assert images == ["podinfo:2", "side:1"]
    _, answer = apply("mesh", _partial({}))
    assert [c["name"] for c in answer["spec"]["template"]["spec"]["containers"]] == ["app"]


def test_an_update_takes_what_it_changes(apply: Apply, deployment: Make, raw: Any, namespace: str) -> None:
    apply("git", deployment(replicas=2))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    change = {"spec": {"replicas": 5}}
    _, answer = raw("PATCH", path, change, content_type="application/merge-patch+json", fieldManager="hand")
    assert _owned(answer, "hand") == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in _owned(answer, "git")["f:spec"]
    _, answer = apply("git", deployment())
    assert answer["spec"]["replicas"] == 5, "a field somebody else owns stays when it is no longer applied"


def test_status_is_owned_apart(apply: Apply, deployment: Make, raw: Any, namespace: str) -> None:
    apply("git", deployment())
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web/status"
    change = {"status": {"replicas": 1}}
    _, answer = raw(
        "PATCH", path, change, content_type="application/merge-patch+json", fieldManager="kubelet"
    )
    entry = next(e for e in answer["metadata"]["managedFields"] if e["manager"] == "kubelet")
    assert (entry["operation"], entry["subresource"]) == ("Update", "status")
    assert list(entry["fieldsV1"]) == ["f:status"]
    assert "f:replicas" in entry["fieldsV1"]["f:status"]
    _, answer = apply("git", deployment())
    assert answer["status"] == {"replicas": 1}


def test_status_is_applied_by_itself(apply: Apply, deployment: Make, namespace: str, raw: Any) -> None:
    apply("git", deployment())
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web/status"
    body = {**_partial({"replicas": 9}), "status": {"replicas": 2}}
    patch = "application/apply-patch+yaml"
    code, answer = raw("PATCH", path, body, content_type=patch, fieldManager="reporter")
    assert (code, answer["spec"]["replicas"], answer["status"]) == (200, 1, {"replicas": 2})
    assert _owned(answer, "reporter") == {"f:status": {"f:replicas": {}}}


def test_a_stale_revision_in_an_apply_is_refused(apply: Apply, deployment: Make) -> None:
    _, first = apply("git", deployment())
    apply("git", deployment(replicas=2))
    stale = deployment(replicas=3)
    stale["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
    code, status = apply("git", stale)
    assert (code, status["reason"]) == (409, "Conflict")
    assert "object has been modified" in status["message"]


def test_an_applied_revision_for_a_new_object_is_ignored(apply: Apply, deployment: Make) -> None:
    body = deployment()
    body["metadata"]["resourceVersion"] = "1"
    assert apply("git", body)[0] == 201


def test_a_dry_apply_tells_the_conflict_and_changes_nothing(apply: Apply, deployment: Make) -> None:
    assert apply("git", deployment(), dryRun="All")[0] == 201
    assert apply("git", deployment(replicas=2))[0] == 201, "the dry run had created nothing"
    assert apply("me", _partial({"replicas": 3}), dryRun="All")[0] == 409
    _, answer = apply("me", _partial({"replicas": 3}), force=True, dryRun="All")
    assert answer["spec"]["replicas"] == 3
    assert apply("git", deployment(replicas=2))[1]["spec"]["replicas"] == 2


def test_an_apply_needs_a_manager_and_no_managed_fields(apply: Apply, deployment: Make) -> None:
    code, status = apply("", deployment())
    assert (code, "fieldManager: Required value" in status["message"]) == (422, True)
    body = deployment()
    body["metadata"]["managedFields"] = [{"manager": "x"}]
    assert apply("git", body)[0] == 400


def test_an_apply_is_read_as_yaml(raw: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/a"
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {k: v}\n"
    code, answer = raw("PATCH", path, body, content_type="application/apply-patch+yaml", fieldManager="git")
    assert (code, answer["data"]) == (201, {"k": "v"})


def test_a_custom_list_is_atomic_unless_its_schema_says_otherwise(
    apply: Apply, widgets: str, namespace: str
) -> None:
    path = f"{widgets}/namespaces/{namespace}/widgets"
    head = {"apiVersion": "contract.test/v1", "kind": "Widget", "metadata": {"name": "a"}}
    apply(
        "git",
        {**head, "spec": {"size": 1, "steps": [1, 2], "parts": [{"name": "x", "weight": 1}]}},
        path=path,
    )
    _, answer = apply("me", {**head, "spec": {"parts": [{"name": "y", "weight": 2}]}}, path=path)
    assert [part["name"] for part in answer["spec"]["parts"]] == ["x", "y"]
    code, status = apply("me", {**head, "spec": {"steps": [3]}}, path=path)
    assert (code, status["details"]["causes"][0]["field"]) == (409, ".spec.steps")


def test_ownership_can_be_reset(apply: Apply, deployment: Make, raw: Any, namespace: str) -> None:
    apply("git", deployment(replicas=2))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    change: Any = {"metadata": {"managedFields": [{}]}}
    _, answer = raw("PATCH", path, change, content_type="application/merge-patch+json")
    assert "managedFields" not in answer["metadata"], json.dumps(answer["metadata"])
    code, status = apply("me", _partial({"replicas": 3}))
    assert (code, status["message"]) == (
        409,
        'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas',
    )
    _, answer = apply("me", _partial({"replicas": 3}), force=True)
    assert _owned(answer, "me") == {"f:spec": {"f:replicas": {}}}
    assert "f:template" in _owned(answer, "before-first-apply")["f:spec"]


def test_an_applier_is_the_same_in_every_api_version(apply: Apply, widgets: str, namespace: str) -> None:
    def widget(version: str, **spec: Any) -> tuple[int, Any]:
        place = f"/apis/contract.test/{version}/namespaces/{namespace}/widgets"
        head = {"apiVersion": f"contract.test/{version}", "kind": "Widget", "metadata": {"name": "versions"}}
        return apply("git", {**head, "spec": spec}, path=place)

    assert widget("v1", size=1, code="a")[0] == 201
    code, answer = widget("v1beta1", size=2)
    assert (code, answer["spec"]) == (200, {"size": 2, "colour": "blue"})
    managers = [(entry["manager"], entry["apiVersion"]) for entry in answer["metadata"]["managedFields"]]
    assert managers == [("git", "contract.test/v1beta1")]

"""How objects end: finalizers, grace, owners, namespaces."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException


def _eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds within twenty seconds: a real cluster's controllers take their time."""
    end = time.monotonic() + 20
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _exists(core: Any, namespace: str, name: str) -> bool:
    return bool(core.list_namespaced_config_map(namespace, field_selector=f"metadata.name={name}").items)


def _make(core: Any, namespace: str, name: str, *owners: Any, **metadata: Any) -> Any:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner.metadata.name,
            "uid": owner.metadata.uid,
            "blockOwnerDeletion": True,
        }
        for owner in owners
    ]
    body = {"metadata": {"name": name, "ownerReferences": references, **metadata}}
    return core.create_namespaced_config_map(namespace, body)


def test_a_deleted_object_is_gone_and_told_so(core: Any, namespace: str, raw: Any) -> None:
    made = _make(core, namespace, "a")
    code, status = raw("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/a")
    assert (code, status["kind"], status["status"]) == (200, "Status", "Success")
    assert status["details"] == {"name": "a", "kind": "configmaps", "uid": made.metadata.uid}
    with pytest.raises(ApiException) as refused:
        core.delete_namespaced_config_map("a", namespace)
    assert refused.value.status == 404


def test_a_finalizer_holds_an_object_until_it_is_removed(core: Any, namespace: str) -> None:
    _make(core, namespace, "a", finalizers=["contract.test/hold"])
    core.delete_namespaced_config_map("a", namespace)
    held = core.read_namespaced_config_map("a", namespace)
    assert held.metadata.deletion_timestamp
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"finalizers": None}})
    assert not _exists(core, namespace, "a")


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
def test_a_precondition_guards_a_deletion(core: Any, namespace: str, field: str) -> None:
    _make(core, namespace, "a")
    with pytest.raises(ApiException) as refused:
        core.delete_namespaced_config_map("a", namespace, body={"preconditions": {field: "1"}})
    assert (refused.value.status, _exists(core, namespace, "a")) == (409, True)


def test_the_clusters_own_namespaces_stay(core: Any) -> None:
    with pytest.raises(ApiException, match="may not be deleted") as refused:
        core.delete_namespace("kube-system")
    assert refused.value.status == 403


def test_a_collection_is_deleted_by_its_selector(core: Any, namespace: str) -> None:
    for name in "abc":
        _make(core, namespace, name, labels={"last": str(name == "c")})
    core.delete_collection_namespaced_config_map(namespace, label_selector="last=False")
    assert [_exists(core, namespace, name) for name in "abc"] == [False, False, True]


def test_dependents_follow_their_owner(core: Any, namespace: str) -> None:
    owner = _make(core, namespace, "owner")
    child = _make(core, namespace, "child", owner)
    _make(core, namespace, "grandchild", child)
    core.delete_namespaced_config_map("owner", namespace, propagation_policy="Background")
    assert _eventually(lambda: not any(_exists(core, namespace, n) for n in ("child", "grandchild")))


def test_a_dependent_lives_while_one_owner_does(core: Any, namespace: str) -> None:
    one, two = _make(core, namespace, "one"), _make(core, namespace, "two")
    _make(core, namespace, "child", one, two)
    core.delete_namespaced_config_map("one", namespace)

    def owners() -> list[str]:
        found = core.read_namespaced_config_map("child", namespace)
        return [reference.name for reference in found.metadata.owner_references]

    assert _eventually(lambda: owners() == ["two"])


def test_orphans_lose_their_owner_and_stay(core: Any, namespace: str) -> None:
    _make(core, namespace, "child", _make(core, namespace, "owner"))
    core.delete_namespaced_config_map("owner", namespace, propagation_policy="Orphan")
    assert _eventually(lambda: not _exists(core, namespace, "owner"))
    assert core.read_namespaced_config_map("child", namespace).metadata.owner_references is None


def test_a_foreground_deletion_waits_for_the_dependents(core: Any, namespace: str) -> None:
    _make(core, namespace, "child", _make(core, namespace, "owner"), finalizers=["contract.test/hold"])
    core.delete_namespaced_config_map("owner", namespace, propagation_policy="Foreground")
    owner = core.read_namespaced_config_map("owner", namespace)
    assert owner.metadata.finalizers == ["foregroundDeletion"]

    def child_ends() -> bool:
        return core.read_namespaced_config_map("child", namespace).metadata.deletion_timestamp is not None

    assert _eventually(child_ends)
    core.patch_namespaced_config_map("child", namespace, {"metadata": {"finalizers": None}})
    assert _eventually(lambda: not _exists(core, namespace, "owner"))


def test_an_object_whose_owner_is_gone_is_collected(core: Any, namespace: str) -> None:
    owner = _make(core, namespace, "owner")
    core.delete_namespaced_config_map("owner", namespace)
    _make(core, namespace, "stray", owner)
    assert _eventually(lambda: not _exists(core, namespace, "stray"))


@pytest.mark.parametrize(("node", "gone"), [("n1", False), (None, True)])
def test_a_pod_on_a_node_ends_with_its_kubelets_word(
    core: Any, namespace: str, node: str | None, gone: bool
) -> None:
    spec = {"nodeName": node, "containers": [{"name": "app", "image": "podinfo:1"}]}
    core.create_namespaced_pod(namespace, {"metadata": {"name": "a"}, "spec": spec})
    core.delete_namespaced_pod("a", namespace)
    left = core.list_namespaced_pod(namespace).items
    assert [pod.metadata.deletion_grace_period_seconds for pod in left] == ([] if gone else [30])
    if left:
        core.delete_namespaced_pod("a", namespace, grace_period_seconds=0)
    assert core.list_namespaced_pod(namespace).items == []


def test_a_namespace_takes_its_content_along(core: Any) -> None:
    name = core.create_namespace({"metadata": {"generateName": "contract-"}}).metadata.name
    _make(core, name, "free")
    _make(core, name, "held", finalizers=["contract.test/hold"])
    core.delete_namespace(name)
    assert core.read_namespace(name).status.phase == "Terminating"
    assert _eventually(lambda: not _exists(core, name, "free"))
    with pytest.raises(ApiException, match="being terminated") as refused:
        _make(core, name, "late")
    assert refused.value.status == 403
    core.patch_namespaced_config_map("held", name, {"metadata": {"finalizers": None}})
    assert _eventually(lambda: name not in {n.metadata.name for n in core.list_namespace().items})

"""Lists: what is selected, in which pages, in which form."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException


@pytest.fixture
def fruits(core: Any, namespace: str) -> str:
    for name, labels in {
        "apple": {"kind": "fruit", "size": "1"},
        "berry": {"kind": "fruit", "size": "3"},
        "carrot": {"kind": "root"},
        "dirt": {},
    }.items():
        core.create_namespaced_config_map(namespace, {"metadata": {"name": name, "labels": labels}})
    return namespace


def _names(items: list[Any]) -> str:
    """The first letters of what was found, without what controllers put into each namespace."""
    return "".join(item.metadata.name[0] for item in items if item.metadata.name != "kube-root-ca.crt")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("kind=fruit", "ab"),
        ("kind==root", "c"),
        ("kind!=fruit", "cd"),
        ("kind in (fruit, root)", "abc"),
        ("kind notin (fruit)", "cd"),
        ("kind", "abc"),
        ("!kind", "d"),
        ("size>2", "b"),
        ("size<2", "a"),
        ("kind=fruit,size=3", "b"),
        ("kind in (fruit,root),!size", "c"),
    ],
)
def test_labels_select(core: Any, fruits: str, selector: str, expected: str) -> None:
    assert _names(core.list_namespaced_config_map(fruits, label_selector=selector).items) == expected


@pytest.mark.parametrize("selector", ["a=b=c", "a in b", "=x"])
def test_an_unreadable_label_selector_is_refused(core: Any, fruits: str, selector: str) -> None:
    with pytest.raises(ApiException) as refused:
        core.list_namespaced_config_map(fruits, label_selector=selector)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("selector", "expected"), [("metadata.name=apple", "a"), ("metadata.name!=apple", "bcd")]
)
def test_fields_select(core: Any, fruits: str, selector: str, expected: str) -> None:
    assert _names(core.list_namespaced_config_map(fruits, field_selector=selector).items) == expected


def test_pods_are_selected_by_node_and_phase(core: Any, namespace: str) -> None:
    for name, node in (("a", "n1"), ("b", "n2")):
        spec = {"nodeName": node, "containers": [{"name": "app", "image": "podinfo:1"}]}
        core.create_namespaced_pod(namespace, {"metadata": {"name": name}, "spec": spec})
    core.patch_namespaced_pod_status("b", namespace, {"status": {"phase": "Running"}})
    found = core.list_namespaced_pod(namespace, field_selector="spec.nodeName=n1")
    running = core.list_namespaced_pod(namespace, field_selector="status.phase=Running")
    assert (_names(found.items), _names(running.items)) == ("a", "b")
    for name in "ab":
        core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)


def test_an_unknown_field_selector_is_refused(core: Any, namespace: str) -> None:
    with pytest.raises(ApiException, match=r"not supported|not a known field selector") as refused:
        core.list_namespaced_config_map(namespace, field_selector="data.k=v")
    assert refused.value.status == 400


def test_pages_lead_through_the_whole_list(core: Any, fruits: str) -> None:
    first = core.list_namespaced_config_map(fruits, limit=4, label_selector="kind")
    assert (_names(first.items), first.metadata._continue) == ("abc", None)
    page = core.list_namespaced_config_map(fruits, limit=2, label_selector="kind")
    rest = core.list_namespaced_config_map(
        fruits, limit=2, label_selector="kind", _continue=page.metadata._continue
    )
    assert (_names(page.items), _names(rest.items), rest.metadata._continue) == ("ab", "c", None)
    assert rest.metadata.resource_version == page.metadata.resource_version


def test_a_list_names_its_kind_and_revision(raw: Any, fruits: str) -> None:
    _, found = raw("GET", f"/api/v1/namespaces/{fruits}/configmaps")
    assert (found["kind"], found["apiVersion"]) == ("ConfigMapList", "v1")
    assert {"kind", "apiVersion"}.isdisjoint(found["items"][0])
    newest = max(int(item["metadata"]["resourceVersion"]) for item in found["items"])
    assert int(found["metadata"]["resourceVersion"]) >= newest


def test_a_list_over_all_namespaces_has_them_all(core: Any, fruits: str) -> None:
    found = core.list_config_map_for_all_namespaces(label_selector="kind=root")
    assert fruits in {item.metadata.namespace for item in found.items}


def test_a_table_has_columns_and_rows(raw: Any, fruits: str) -> None:
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    _, found = raw("GET", f"/api/v1/namespaces/{fruits}/configmaps", accept=accept, labelSelector="kind=root")
    assert found["kind"] == "Table"
    assert [column["name"] for column in found["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert found["rows"][0]["cells"][:2] == ["carrot", 0]
    assert found["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def test_metadata_comes_alone_when_asked(raw: Any, fruits: str) -> None:
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    _, found = raw("GET", f"/api/v1/namespaces/{fruits}/configmaps", accept=accept, limit="1")
    assert found["kind"] == "PartialObjectMetadataList"
    assert "data" not in found["items"][0]


def test_a_form_that_is_not_served_is_not_acceptable(raw: Any, namespace: str) -> None:
    code, status = raw("GET", f"/api/v1/namespaces/{namespace}/configmaps", accept="text/html")
    assert (code, status["reason"]) == (406, "NotAcceptable")

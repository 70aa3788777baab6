"""Statuses, and objects that are made once."""

from typing import Any

import pytest

from tidegate.adapters.kubernetes import Cluster
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, ObjectRef

POD = ObjectRef(api_version="v1", kind="Pod", namespace="test", name="podinfo")


def pod(image: str = "podinfo:1") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"containers": [{"name": "podinfod", "image": image}]},
    }


def change(cluster: Cluster, phase: str) -> Any:
    def changed(live: Manifest) -> Manifest:
        return {**live.get("status", {}), "phase": phase}

    return cluster.change_status(POD, changed, manager="tidegate")


def test_only_the_status_is_changed(cluster: Cluster) -> None:
    cluster.create(pod(), manager="kubectl")
    changed = change(cluster, "Running")
    assert (changed["status"]["phase"], changed["spec"]["containers"][0]["image"]) == ("Running", "podinfo:1")


def test_a_status_that_is_as_it_should_be_is_not_written(cluster: Cluster) -> None:
    cluster.create(pod(), manager="kubectl")
    first, second = change(cluster, "Running"), change(cluster, "Running")
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


def test_what_is_not_there_has_no_status(cluster: Cluster) -> None:
    assert change(cluster, "Running") is None


def test_a_write_in_between_is_read_first(cluster: Cluster) -> None:
    cluster.create(pod(), manager="kubectl")
    seen: list[str] = []

    def changed(live: Manifest) -> Manifest:
        if not seen:
            cluster.apply({**pod(), "metadata": {**pod()["metadata"], "labels": {"a": "b"}}}, manager="other")
        seen.append(live["metadata"]["resourceVersion"])
        return {"phase": "Running"}

    after = cluster.change_status(POD, changed, manager="tidegate")
    assert after is not None
    assert (len(seen), after["metadata"]["labels"]) == (2, {"a": "b"})


def test_an_object_that_is_made_twice_is_the_first(cluster: Cluster) -> None:
    for image in ("podinfo:1", "podinfo:2"):
        cluster.create(pod(image), manager="kubectl")
    live: Any = cluster.get("v1", "Pod", "test", "podinfo")
    assert live["spec"]["containers"][0]["image"] == "podinfo:1"


def test_an_object_that_cannot_be_made_is_an_error(cluster: Cluster) -> None:
    with pytest.raises(InvalidInput, match="nowhere"):
        cluster.create({**pod(), "metadata": {"name": "podinfo", "namespace": "nowhere"}}, manager="kubectl")

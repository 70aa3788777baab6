"""Whoever may edit one object of a canary cannot have the worker write others by the marks that it bears."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.activities.workload.test_autoscaling import KEDA, V2, bounded, keda
from tidegate.domain.manifest import Manifest
from tidegate.domain.marks import PRIMARY, ROLLBACK, SCALED_BY, annotations
from tidegate.manifests.scaled_object import PAUSED

__all__ = ["keda"]

TEMPLATE = {
    "metadata": {"labels": {"app": "evil"}},
    "spec": {"containers": [{"name": "evil", "image": "podinfo:1"}]},
}
SPEC = {"selector": {"matchLabels": {"app": "evil"}}, "template": TEMPLATE}


def described(kind: str, name: str, namespace: str = "test") -> Manifest:
    """A workload that the worker could make, in the form of the mark."""
    metadata = {"name": name, "namespace": namespace, "labels": {}, "annotations": {}}
    spec = {"selector": {"app": "evil"}, "type": "ClusterIP"} if kind == "Service" else SPEC
    version = "v1" if kind == "Service" else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def forged(mark: str, forge: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An object with what this mark says changed."""

    def changed(live: Any) -> Any:
        marks = annotations(live)
        told = json.dumps(forge(json.loads(marks[mark])))
        return live | {"metadata": live["metadata"] | {"annotations": marks | {mark: told}}}

    return changed


def under_judgement(world: Any) -> Any:
    world.initialise()
    world.commit("b", "podinfo:2", bounded(7) if world.kind == "Deployment" else None)
    world.sync("b")
    world.step("prepare", "b")
    world.step("scale_up", "b")
    return world


@pytest.mark.parametrize(
    "evil",
    [
        described("Deployment", "evil"),
        described("DaemonSet", "podinfo-primary"),
        described("Deployment", "podinfo-primary", "kube-system"),
    ],
    ids=["name", "kind", "namespace"],
)
def test_a_deployment_s_mark_makes_no_other_object(world: Any, evil: Manifest) -> None:
    under_judgement(world)
    world.workloads.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}, manager="kubectl"
    )
    world.change_deployment("podinfo", forged(PRIMARY, lambda _: evil), "kubectl-edit")
    _lose_the_primary(world, evil)


@pytest.mark.parametrize(
    "evil",
    [described("Deployment", "evil"), described("Service", "evil")],
    ids=["kind", "name"],
)
def test_a_service_s_mark_makes_no_other_object(selections: Any, evil: Manifest) -> None:
    under_judgement(selections)
    selections.change_deployment("podinfo-canary", forged(PRIMARY, lambda _: evil), "kubectl-edit")
    _lose_the_primary(selections, evil)


def _lose_the_primary(world: Any, evil: Manifest) -> None:
    version = "v1" if world.kind == "Service" else "apps/v1"
    world.workloads.delete(version, world.kind, "test", "podinfo-primary")
    world.step("restore", "b", turning_back=True)
    metadata = evil["metadata"]
    where = (evil["apiVersion"], evil["kind"], metadata["namespace"], metadata["name"])
    assert world.workloads.get(*where) is None


def test_a_record_brings_back_nothing_but_autoscalers(selections: Any) -> None:
    ref = ("apps/v1", "Deployment", "test", "podinfo-2")
    under_judgement(selections).step("promote", "b")
    before = selections.workloads.get(*ref)
    evil = described("Deployment", "podinfo-2")
    evil["spec"] = json.loads(json.dumps(before["spec"]).replace("podinfo:2", "podinfo:evil"))
    selections.change_deployment(
        "podinfo-primary", forged(ROLLBACK, lambda record: record | {"autoscaler": evil}), "kubectl-edit"
    )
    selections.step("restore", "b", turning_back=True)
    assert selections.workloads.get(*ref)["spec"] == before["spec"]
    assert selections.service("podinfo-primary")["spec"]["selector"] == {"app": "podinfo-1"}


def test_a_record_brings_back_no_autoscaler_of_another_workload(world: Any) -> None:
    other = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}
    hpa = {"apiVersion": V2[0], "kind": V2[1], "metadata": {"name": "other", "namespace": "test"}}
    spec = {"scaleTargetRef": other, "minReplicas": 1, "maxReplicas": 2}
    world.workloads.apply(hpa | {"spec": spec}, manager="kubectl")
    under_judgement(world).step("promote", "b")

    def forge(record: Any) -> Any:
        record["autoscaler"]["metadata"]["name"] = "other"
        return record

    world.change_deployment("podinfo-primary", forged(ROLLBACK, forge), "kubectl-edit")
    (warning,) = world.step("restore", "b", turning_back=True).warnings
    assert warning == "HorizontalPodAutoscaler other was not brought back: it scales something else now"
    assert world.workloads.get(*V2, "other")["spec"]["scaleTargetRef"] == other


def test_a_target_s_mark_pauses_no_scaled_object_of_another_workload(keda: Any) -> None:
    trigger = {"type": "cron", "metadata": {}}
    spec = {"scaleTargetRef": {"name": "other"}, "triggers": [trigger]}
    metadata = {"name": "other", "namespace": "test"}
    keda.workloads.apply(
        {"apiVersion": KEDA[0], "kind": KEDA[1], "metadata": metadata, "spec": spec}, manager="kubectl"
    )
    keda.step("scale_up")

    def forge(live: Any) -> Any:
        marks = annotations(live) | {SCALED_BY: "other"}
        return live | {"metadata": live["metadata"] | {"annotations": marks}}

    keda.change_deployment("podinfo", forge, "kubectl-edit")
    keda.step("scale_down")
    assert PAUSED not in annotations(keda.workloads.get(*KEDA, "other"))

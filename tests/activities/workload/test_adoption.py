"""What Flagger made for a canary is taken over: the deletion of its Canary does not reach it any more."""

from typing import Any

import pytest

from tests.activities.canary_world import EPOCH, World, until
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import Fence
from tidegate.domain.canary import API_VERSION
from tidegate.domain.errors import AccessDenied
from tidegate.domain.manifest import Manifest, ObjectRef, name_of
from tidegate.domain.plan import Purpose
from tidegate.manifests.owners import owning_canary

ISTIO = "networking.istio.io/v1"
MESH = (
    (ISTIO, "VirtualService", "podinfo"),
    *((ISTIO, "DestinationRule", f"podinfo-{side}") for side in ("primary", "canary")),
)
WORKLOAD = (
    ("v1", "ConfigMap", "flags-primary"),
    ("apps/v1", "Deployment", "podinfo-primary"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "podinfo-primary"),
    *(("v1", "Service", f"podinfo{side}") for side in ("", "-primary", "-canary")),
)
TRACKING = "argocd.argoproj.io/tracking-id"


def configured(deployment: Any, *_: Any) -> None:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["envFrom"] = [{"configMapRef": {"name": "flags"}}]


def flags(name: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "test"},
        "data": {"a": "b"},
    }


@pytest.fixture
def led(flagger: World) -> World:
    """Flagger has promoted version 1, and is gone; Git has version 2.

    Each cluster has a Canary of its own, as a mesh control plane has that runs workloads too.
    """
    flagger.commit("a", change=configured)
    flagger.workloads.apply(flags("flags"), manager="kubectl")
    flagger.initialise()
    flagger.workloads.apply(flags("flags-primary"), manager="flagger")
    for cluster, objects in ((flagger.mesh, MESH), (flagger.workloads, WORKLOAD)):
        cluster.apply(flagger.git["a"][2], manager="flagger")
        for api_version, kind, name in objects:
            _made_by_flagger(cluster, api_version, kind, name)
    flagger.commit("b", "podinfo:2", change=configured)
    flagger.sync("b")
    return flagger


def _owner(cluster: Cluster) -> Manifest:
    canary = cluster.get(API_VERSION, "Canary", "test", "podinfo")
    assert canary is not None
    described = {"apiVersion": API_VERSION, "kind": "Canary", "name": "podinfo"}
    return described | {"uid": canary["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}


def _made_by_flagger(cluster: Cluster, api_version: str, kind: str, name: str) -> None:
    """Make a release's object anew as Flagger would have: without our marks, with its own."""
    live = cluster.get(api_version, kind, "test", name)
    assert live is not None
    cluster.delete(api_version, kind, "test", name)
    metadata = {
        "name": name,
        "namespace": "test",
        "labels": {"app": name},
        "annotations": {TRACKING: f"podinfo:{kind}:test/podinfo"},
        "ownerReferences": [_owner(cluster)],
    }
    contents: Manifest = {part: live[part] for part in ("spec", "data") if part in live}
    if kind == "Deployment":
        (container,) = contents["spec"]["template"]["spec"]["containers"]
        container["envFrom"] = [{"configMapRef": {"name": "flags-primary"}}]
    made = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **contents}
    cluster.create(made, manager="flagger")


def every(world: World) -> list[Manifest]:
    """What there is of all that Flagger made."""
    found = [world.mesh.get(version, kind, "test", name) for version, kind, name in MESH]
    found += [world.workloads.get(version, kind, "test", name) for version, kind, name in WORKLOAD]
    return [each for each in found if each is not None]


def delete_canary(world: World) -> None:
    """And wait until Kubernetes has deleted what belongs to it."""
    gone = flags("gone")
    gone["metadata"]["ownerReferences"] = [_owner(world.workloads)]
    world.workloads.create(gone, manager="flagger")
    for cluster in (world.mesh, world.workloads):
        cluster.delete(API_VERSION, "Canary", "test", "podinfo")
    until(lambda: world.workloads.get("v1", "ConfigMap", "test", "gone") is None)


def test_nothing_goes_with_the_canary_after_the_first_step_of_a_release(led: World) -> None:
    assert [owning_canary(each) for each in every(led)] == ["podinfo"] * 9
    assert led.plan("b").plan.purpose is Purpose.RELEASE
    (*_, note) = led.step("prepare", "b").notes
    assert note == (
        "VirtualService podinfo.test, ConfigMap flags-primary.test, DestinationRule podinfo-primary.test, "
        "DestinationRule podinfo-canary.test, Service podinfo.test, Service podinfo-primary.test, "
        "Service podinfo-canary.test, HorizontalPodAutoscaler podinfo-primary.test, "
        "Deployment podinfo-primary.test: no longer owned by Flagger's Canary, whose deletion does not reach "
        "them now"
    )
    assert [owning_canary(each) for each in every(led)] == [""] * 9
    assert "no longer owned" not in str(led.step("prepare", "b").notes)

    before = [name_of(each) for each in every(led)]
    delete_canary(led)
    assert [name_of(each) for each in every(led)] == before
    assert led.deployment("podinfo-primary")["status"]["availableReplicas"] == 2


def test_what_another_canary_of_the_application_takes_away_first_is_taken_away(
    led: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both refer to one ConfigMap, and prepare side by side."""
    merge, later = Cluster.fenced_merge, Fence(epoch=EPOCH, sequence=10**15)

    def after_another(self: Cluster, ref: ObjectRef, fence: Fence, patch: Any, *, manager: str) -> Any:
        if ref.name == "flags-primary":
            merge(self, ref, later, patch, manager=manager)
        return merge(self, ref, fence, patch, manager=manager)

    monkeypatch.setattr(Cluster, "fenced_merge", after_another)
    report = led.step("prepare", "b")
    assert report.warnings == ()
    assert "flags-primary" not in str(report.notes)
    assert [owning_canary(each) for each in every(led)] == [""] * 9


def test_argo_cd_finds_nothing_to_prune_in_what_has_no_owner_any_more(led: World) -> None:
    led.step("prepare", "b")
    assert [TRACKING in each["metadata"]["annotations"] for each in every(led)] == [False] * 9


def test_the_first_release_is_rolled_back_to_what_flagger_had_promoted(led: World) -> None:
    before = led.deployment("podinfo-primary")["spec"]
    for name in ("prepare", "scale_up", "promote"):
        led.step(name, "b")
    assert led.image("podinfo-primary") == "podinfo:2"
    led.step("restore", "b", turning_back=True)
    assert led.deployment("podinfo-primary")["spec"] == before


def test_what_the_worker_may_not_take_over_is_told_and_holds_no_release_up(
    led: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the right to delete an object is asked of whoever changes its owners."""

    def denied(*_: Any, **__: Any) -> None:
        raise AccessDenied("cluster mesh02", "forbidden")

    monkeypatch.setattr(Cluster, "fenced_merge", denied)
    report = led.step("prepare", "b")
    assert len(report.warnings) == 9
    assert report.warnings[-1].startswith(
        "Deployment podinfo-primary.test is owned by Flagger's Canary podinfo, and goes with it: delete that "
        "one by --cascade=orphan (cluster mesh02"
    )
    led.step("scale_up", "b")

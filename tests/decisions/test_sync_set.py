"""What a sync does with an application's manifests."""

from typing import Any

import pytest

from tidegate.contracts import ApplicationRef, SourceRef
from tidegate.decisions.sync_set import TRACKING_ANNOTATION, Replicas, SyncSet, sync_set, tracking_id
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig, ref_of

OWNER = ApplicationRef(
    application="shop",
    cluster="mesh02",
    namespace="test",
    source=SourceRef(repo_url="https://git.example.com/shop", sha="a" * 40, path="."),
)


def manifest(
    api_version: str, kind: str, name: str = "podinfo", namespace: str = "test", **rest: Any
) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata} | rest


CANARY = manifest(
    "flagger.app/v1beta1", "Canary", spec={"targetRef": {"kind": "Deployment", "name": "podinfo"}}
)
AUTOSCALER = manifest(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    spec={"scaleTargetRef": {"kind": "Deployment", "name": "podinfo"}},
)
DEPLOYMENT = manifest("apps/v1", "Deployment", spec={"replicas": 3})


def planned(*manifests: Manifest, create_namespace: bool = False) -> SyncSet:
    owner = OWNER.model_copy(update={"create_namespace": create_namespace})
    return sync_set(manifests, owner, "asm")


@pytest.mark.parametrize(
    ("api_version", "kind", "cluster", "read_only"),
    [
        ("networking.istio.io/v1beta1", "VirtualService", "asm", False),
        ("security.istio.io/v1", "AuthorizationPolicy", "asm", False),
        ("networking.k8s.io/v1", "Ingress", "mesh02", False),
        ("v1", "Service", "mesh02", False),
        ("flagger.app/v1beta1", "Canary", "mesh02", True),
        ("flagger.app/v1beta1", "MetricTemplate", "mesh02", True),
        ("flagger.app/v1beta1", "AlertProvider", "mesh02", True),
        ("tidegate.dev/v1alpha1", "ReleasePolicy", "mesh02", True),
        ("argoproj.io/v1alpha1", "Application", "mesh02", True),
        ("argoproj.io/v1alpha1", "Rollout", "mesh02", False),
    ],
)
def test_each_object_goes_to_its_cluster(api_version: str, kind: str, cluster: str, read_only: bool) -> None:
    (item,) = planned(manifest(api_version, kind)).items
    assert (item.cluster, item.read_only) == (cluster, read_only)


@pytest.mark.parametrize(
    ("described", "mark"),
    [
        (DEPLOYMENT, "shop:apps/Deployment:test/podinfo"),
        (manifest("v1", "Service"), "shop:/Service:test/podinfo"),
        (manifest("v1", "Namespace", "blue", ""), "shop:/Namespace:test/blue"),
    ],
)
def test_the_mark_is_argo_cds(described: Manifest, mark: str) -> None:
    assert tracking_id(ref_of(described), OWNER) == mark
    (item,) = planned(described).items
    assert dig(item.manifest, "metadata", "annotations", TRACKING_ANNOTATION) == mark


def test_the_manifests_given_are_left_as_they_were() -> None:
    planned(DEPLOYMENT)
    assert "annotations" not in DEPLOYMENT["metadata"]


def test_a_status_in_git_is_not_applied() -> None:
    (item,) = planned(DEPLOYMENT | {"status": {"replicas": 9}}).items
    assert "status" not in item.manifest


LIVE = {"spec": {"replicas": 7}}
WITHOUT: Manifest = {"spec": {}}


@pytest.mark.parametrize(
    ("beside", "owner", "live", "replicas"),
    [
        ([], Replicas.GIT, LIVE, 3),
        ([], Replicas.GIT, None, 3),
        ([AUTOSCALER], Replicas.AUTOSCALER, LIVE, 7),
        ([AUTOSCALER], Replicas.AUTOSCALER, None, 3),
        ([CANARY], Replicas.RELEASE, LIVE, 7),
        ([CANARY], Replicas.RELEASE, None, 0),
        ([CANARY], Replicas.RELEASE, {"spec": {"replicas": 0}}, 0),
        ([CANARY, AUTOSCALER], Replicas.RELEASE, None, 0),
        ([AUTOSCALER], Replicas.AUTOSCALER, WITHOUT, None),
    ],
)
def test_replicas_are_left_to_their_owner(
    beside: list[Manifest], owner: Replicas, live: Manifest | None, replicas: int | None
) -> None:
    plan = planned(DEPLOYMENT, *beside)
    (item,) = (item for item in plan.items if item.ref.kind == "Deployment")
    assert (item.replicas, dig(item.desired(live), "spec", "replicas")) == (owner, replicas)


@pytest.mark.parametrize(
    ("live", "down"),
    [(None, True), ({"flagger.app/scale-to-zero": "true"}, True), ({}, False), ({"disk": "ssd"}, False)],
)
def test_the_pods_of_a_released_daemon_set_are_left_to_the_release(
    live: dict[str, str] | None, down: bool
) -> None:
    template = {"spec": {"nodeSelector": {"disk": "hdd"}}}
    target = manifest("apps/v1", "DaemonSet") | {"spec": {"template": template}}
    canary = CANARY | {"spec": {"targetRef": {"kind": "DaemonSet", "name": "podinfo"}}}
    plan = planned(target, canary)
    (item,) = (item for item in plan.items if item.ref.kind == "DaemonSet")
    found = None if live is None else target | {"spec": {"template": {"spec": {"nodeSelector": live}}}}
    selector = dig(item.desired(found), "spec", "template", "spec", "nodeSelector")
    assert selector == {"disk": "hdd"} | ({"flagger.app/scale-to-zero": "true"} if down else {})


def test_where_a_released_service_leads_is_left_to_the_release() -> None:
    ports = [{"port": 80}]
    target = manifest("v1", "Service") | {"spec": {"selector": {"app": "v2"}, "ports": ports}}
    canary = CANARY | {"spec": {"targetRef": {"kind": "Service", "name": "podinfo"}}}
    (item,) = (item for item in planned(target, canary).items if item.ref.kind == "Service")
    assert item.desired(None)["spec"]["selector"] == {"app": "v2"}
    live = target | {"spec": {"selector": {"app": "v1"}, "ports": ports}}
    assert item.desired(live)["spec"]["selector"] == {"app": "v1"}


def test_an_autoscaler_of_another_namespace_has_no_say() -> None:
    elsewhere = AUTOSCALER | {"metadata": {"name": "podinfo", "namespace": "other"}}
    plan = planned(DEPLOYMENT, elsewhere)
    assert {item.replicas for item in plan.items} == {Replicas.GIT}


def needed(plan: SyncSet) -> list[tuple[str, str, bool]]:
    return [(each.cluster, each.name, each.creatable) for each in plan.namespaces]


@pytest.mark.parametrize("create", [True, False])
def test_objects_need_their_namespace_on_their_cluster(create: bool) -> None:
    plan = planned(DEPLOYMENT, manifest("networking.istio.io/v1", "Gateway"), create_namespace=create)
    assert needed(plan) == [("mesh02", "test", create), ("asm", "test", create)]


def test_a_canary_needs_its_namespace_on_the_mesh_too() -> None:
    assert ("asm", "test", True) in needed(planned(CANARY, create_namespace=True))


def test_only_the_destinations_namespace_is_created() -> None:
    elsewhere = manifest("v1", "ConfigMap", namespace="other")
    assert needed(planned(elsewhere, create_namespace=True)) == [
        ("mesh02", "test", True),
        ("mesh02", "other", False),
    ]


def test_a_namespace_among_the_manifests_is_applied_and_not_created_beside() -> None:
    declared = manifest("v1", "Namespace", "test", "")
    plan = planned(DEPLOYMENT, declared, CANARY)
    assert needed(plan) == [("asm", "test", True)]
    assert plan.items[0].ref.kind == "Namespace"


def test_a_created_namespace_is_not_tracked() -> None:
    (namespace,) = planned(create_namespace=True).namespaces
    assert namespace.manifest == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}


HOOK = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "a", "annotations": {"argocd.argoproj.io/hook": "PreSync"}},
}


@pytest.mark.parametrize(
    ("manifests", "complaint"),
    [
        (
            [DEPLOYMENT, DEPLOYMENT],
            "Deployment test/podinfo is among the manifests twice; remove one of them",
        ),
        (
            [AUTOSCALER, AUTOSCALER | {"apiVersion": "autoscaling/v1"}],
            "HorizontalPodAutoscaler test/podinfo is among the manifests twice",
        ),
        ([{"apiVersion": "v1", "kind": "ConfigMap"}], "ConfigMap has no metadata.name; add it"),
        ([{"kind": "ConfigMap", "metadata": {"name": "a"}}], "ConfigMap a has no apiVersion; add it"),
        ([HOOK], r"Job a is a hook \(PreSync\), and hooks are not supported yet; take it out"),
    ],
)
def test_what_cannot_be_synced_is_refused(manifests: list[Manifest], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        planned(*manifests)


def with_options(options: str) -> Manifest:
    metadata = {"name": "a", "annotations": {"argocd.argoproj.io/sync-options": options}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


@pytest.mark.parametrize(
    "options", ["Prune=false", "Prune=confirm, Delete=false", "ServerSideApply=true", ""]
)
def test_options_that_ask_for_nothing_more_are_fine(options: str) -> None:
    assert len(planned(with_options(options)).items) == 1


@pytest.mark.parametrize("option", ["Replace=true", "Force=true", "Validate=false", "ServerSideApply=false"])
def test_an_option_that_would_be_ignored_is_refused(option: str) -> None:
    with pytest.raises(InvalidInput, match=f"ConfigMap a asks for {option}, which is not supported yet"):
        planned(with_options(f"Prune=false,{option}"))


def test_waves_are_counted_from_zero() -> None:
    def at(wave: str) -> Manifest:
        metadata = {"name": f"at{wave}", "annotations": {"argocd.argoproj.io/sync-wave": wave}}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}

    plan = planned(at("5"), at("-3"), at("0"))
    assert [(item.ref.name, item.wave) for item in plan.items] == [("at-3", 0), ("at0", 1), ("at5", 2)]


def test_further_clusters_get_all_but_what_is_the_meshs() -> None:
    owner = OWNER.model_copy(update={"further_clusters": ("mesh03",), "create_namespace": True})
    found = sync_set([DEPLOYMENT, manifest("networking.istio.io/v1", "Gateway"), CANARY], owner, "asm")
    placed = {(item.ref.kind, item.cluster) for item in found.items}
    assert placed == {
        ("Deployment", "mesh02"),
        ("Deployment", "mesh03"),
        ("Gateway", "asm"),
        ("Canary", "mesh02"),
    }
    needed = {(each.cluster, each.name, each.creatable) for each in found.namespaces}
    assert needed == {(cluster, "test", True) for cluster in ("asm", "mesh02", "mesh03")}

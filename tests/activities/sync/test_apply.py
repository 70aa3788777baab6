"""Fenced server-side apply of an application, in order."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.sync import SyncActivities
from tests.activities.sync.manifests import AUTOSCALER, CANARY
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import FENCE_ANNOTATION, ApplicationRef, Fence, SyncCommand
from tidegate.decisions.sync_set import TRACKING_ANNOTATION
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.sandbox.cluster_api import ClusterApi

FIRST, SECOND = Fence(epoch=1000, sequence=1), Fence(epoch=1000, sequence=2)
LABELS = {"app": "podinfo"}
POD = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "a", "image": "podinfo:1"}]}}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "podinfo"},
    "spec": {"replicas": 5, "selector": {"matchLabels": LABELS}, "template": POD},
}
CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "colours"},
    "data": {"sky": "blue"},
}
VIRTUAL_SERVICE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "podinfo"},
    "spec": {"hosts": ["podinfo"]},
}


@pytest.fixture
def apply(
    sync: SyncActivities, application: Any, owner: ApplicationRef, mesh02: Cluster, asm: Cluster
) -> Any:
    """Applies these manifests; the outcomes as (object, cluster, action)."""

    def apply(*manifests: Manifest, fence: Fence = FIRST) -> list[tuple[str, str, str]]:
        application.manifests = list(manifests)
        wanted = owner.model_copy(update={"create_namespace": True})
        report = ActivityEnvironment().run(sync.apply, SyncCommand(owner=wanted, fence=fence))
        return [(each.object, each.cluster, each.action) for each in report.objects]

    return apply


def deployment(cluster: Cluster) -> Any:
    found = cluster.get("apps/v1", "Deployment", "test", "podinfo")
    assert found is not None
    return found


def scaled(cluster: Cluster, replicas: int) -> None:
    cluster.fenced_update(
        ref_of(deployment(cluster)),
        FIRST,
        lambda live: live | {"spec": live["spec"] | {"replicas": replicas}},
        manager="tidegate-canary",
    )


def test_each_objects_outcome_is_told_in_order(apply: Any) -> None:
    assert apply(DEPLOYMENT, CONFIG_MAP) == [
        ("ConfigMap test/colours", "mesh02", "created"),
        ("Deployment test/podinfo", "mesh02", "created"),
    ]


def test_the_second_time_only_what_changed_is_configured(apply: Any) -> None:
    apply(DEPLOYMENT, CONFIG_MAP)
    assert apply(DEPLOYMENT, CONFIG_MAP | {"data": {"sky": "grey"}}, fence=SECOND) == [
        ("ConfigMap test/colours", "mesh02", "configured"),
        ("Deployment test/podinfo", "mesh02", "unchanged"),
    ]


def test_objects_carry_argo_cds_mark_and_the_token(apply: Any, mesh02: Cluster) -> None:
    apply(DEPLOYMENT)
    annotations = deployment(mesh02)["metadata"]["annotations"]
    assert annotations[TRACKING_ANNOTATION] == "podinfo:apps/Deployment:test/podinfo"
    assert annotations[FENCE_ANNOTATION] == "1000.1"


def test_a_stale_token_is_refused(apply: Any, mesh02: Cluster) -> None:
    apply(DEPLOYMENT, fence=SECOND)
    with pytest.raises(ApplicationError, match=r"obeyed command 1000\.2 already") as caught:
        apply(DEPLOYMENT | {"spec": DEPLOYMENT["spec"] | {"replicas": 9}}, fence=FIRST)  # type: ignore[operator]
    assert (caught.value.type, deployment(mesh02)["spec"]["replicas"]) == ("StaleCommand", 5)


def test_git_decides_on_the_replicas_of_a_deployment_without_canary(apply: Any, mesh02: Cluster) -> None:
    apply(DEPLOYMENT)
    scaled(mesh02, 2)
    apply(DEPLOYMENT, fence=SECOND)
    assert deployment(mesh02)["spec"]["replicas"] == 5


def test_a_new_canary_target_has_no_replicas(apply: Any, mesh02: Cluster) -> None:
    apply(DEPLOYMENT, CANARY)
    assert deployment(mesh02)["spec"]["replicas"] == 0


def test_the_release_owns_the_replicas_of_a_canary_target(apply: Any, mesh02: Cluster) -> None:
    apply(DEPLOYMENT, CANARY)
    scaled(mesh02, 3)
    assert ("Deployment test/podinfo", "mesh02", "unchanged") in apply(DEPLOYMENT, CANARY, fence=SECOND)
    assert deployment(mesh02)["spec"]["replicas"] == 3


def test_an_autoscaler_keeps_its_replicas(apply: Any, mesh02: Cluster) -> None:
    apply(DEPLOYMENT, AUTOSCALER)
    assert deployment(mesh02)["spec"]["replicas"] == 5
    scaled(mesh02, 4)
    apply(DEPLOYMENT, AUTOSCALER, fence=SECOND)
    assert deployment(mesh02)["spec"]["replicas"] == 4


def test_istios_objects_go_to_the_mesh_in_a_version_that_it_serves(apply: Any, asm: Cluster) -> None:
    assert apply(VIRTUAL_SERVICE) == [
        ("Namespace test", "asm", "created"),
        ("VirtualService test/podinfo", "asm", "created"),
    ]
    assert asm.get("networking.istio.io/v1beta1", "VirtualService", "test", "podinfo") is not None


def test_a_canary_is_read_and_its_namespace_made_on_the_mesh(apply: Any, asm: Cluster) -> None:
    assert apply(DEPLOYMENT, CANARY) == [
        ("Namespace test", "asm", "created"),
        ("Deployment test/podinfo", "mesh02", "created"),
        ("Canary test/podinfo", "mesh02", "read"),
    ]
    assert asm.get("v1", "Namespace", "", "test") is not None


def test_a_definition_is_established_before_its_resources(apply: Any, mesh02: Cluster) -> None:
    schema = {"openAPIV3Schema": {"type": "object"}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "tides.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "tides", "kind": "Tide"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    tide = {"apiVersion": "example.com/v1", "kind": "Tide", "metadata": {"name": "high"}}
    apply(tide, definition)
    assert mesh02.get("example.com/v1", "Tide", "", "high") is not None


def test_an_object_that_is_denied_is_named(apply: Any, apis: list[ClusterApi]) -> None:
    apis[0].token = "changed"
    with pytest.raises(ApplicationError, match="cluster mesh02 denied access: Namespace test") as caught:
        apply(CONFIG_MAP)
    assert (caught.value.type, caught.value.non_retryable) == ("AccessDenied", True)


def test_an_object_of_another_application_is_not_taken_over(apply: Any, mesh02: Cluster) -> None:
    metadata = {
        "name": "colours",
        "namespace": "test",
        "annotations": {TRACKING_ANNOTATION: "harbour:/ConfigMap:test/colours"},
    }
    mesh02.apply(CONFIG_MAP | {"metadata": metadata, "data": {"sky": "red"}}, manager="argocd-controller")
    with pytest.raises(
        ApplicationError, match=r"cluster mesh02 belongs to the application harbour"
    ) as caught:
        apply(CONFIG_MAP)
    found = mesh02.get("v1", "ConfigMap", "test", "colours")
    assert (caught.value.type, found and found["data"]) == ("InvalidInput", {"sky": "red"})


@pytest.mark.parametrize("mark", [{}, {TRACKING_ANNOTATION: "podinfo:/ConfigMap:test/colours"}])
def test_an_object_of_nobody_or_of_the_same_application_is_adopted(
    apply: Any, mesh02: Cluster, mark: dict[str, str]
) -> None:
    metadata = {"name": "colours", "namespace": "test", "annotations": mark}
    mesh02.apply(CONFIG_MAP | {"metadata": metadata, "data": {"sky": "red"}}, manager="argocd-controller")
    assert apply(CONFIG_MAP) == [("ConfigMap test/colours", "mesh02", "configured")]

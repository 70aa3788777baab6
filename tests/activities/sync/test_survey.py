"""What is found wrong before anything changes."""

import copy
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.sync import SyncActivities
from tests.activities.sync.manifests import AUTOSCALER, CANARY
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import FENCE_ANNOTATION, ApplicationRef, Survey
from tidegate.decisions.sync_set import TRACKING_ANNOTATION
from tidegate.domain.errors import AccessDenied
from tidegate.domain.manifest import Manifest
from tidegate.domain.marks import RELEASE


def config_map(name: str = "colours", namespace: str = "test") -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"sky": "blue"}}


def deployment(**spec: Any) -> Manifest:
    labels = {"app": "podinfo"}
    container = {"name": "a", "image": "podinfo:1", "ports": [{"containerPort": 9898}]}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "podinfo"},
        "spec": {"selector": {"matchLabels": labels}, "template": pod} | spec,
    }


OLD_AUTOSCALER = AUTOSCALER | {"apiVersion": "autoscaling/v2beta1"}
GATEWAY = {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "door"}}
MISSING_PROMETHEUS = (
    r"Canary test/podinfo: spec.analysis.metrics\[0\]: the metric 'request-duration' has no Prometheus "
    r"to ask in cluster mesh02; set clusters.mesh02.prometheus in the settings"
)


def measured(metric: str) -> Manifest:
    """The Canary with one metric."""
    canary: Any = copy.deepcopy(CANARY)
    canary["spec"]["analysis"]["metrics"] = [{"name": metric, "thresholdRange": {"max": 500}}]
    return dict(canary)


TEMPLATE = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "MetricTemplate",
    "metadata": {"name": "latency", "namespace": "test"},
    "spec": {"provider": {"type": "graphite", "address": "http://graphite.test"}, "query": "target=a"},
}


@pytest.fixture
def survey(sync: SyncActivities, application: Any, owner: ApplicationRef) -> Any:
    """Surveys these manifests."""

    def survey(*manifests: Manifest, create_namespace: bool = False) -> Survey:
        application.manifests = list(manifests)
        wanted = owner.model_copy(update={"create_namespace": create_namespace})
        return ActivityEnvironment().run(sync.survey, wanted)

    return survey


def test_it_counts_objects_and_finds_canaries(
    survey: Any, owner: ApplicationRef, mesh02: Cluster, asm: Cluster
) -> None:
    found = survey(deployment(), CANARY, create_namespace=True)
    assert (found.objects, [ref.full_name for ref in found.canaries]) == (2, ["podinfo.test"])
    assert found.canaries[0].owner == owner.model_copy(update={"create_namespace": True})


def test_nothing_is_changed(survey: Any, mesh02: Cluster) -> None:
    survey(config_map())
    assert mesh02.get("v1", "ConfigMap", "test", "colours") is None


def test_an_old_autoscaler_is_warned_of(survey: Any, mesh02: Cluster) -> None:
    warnings = survey(deployment(), OLD_AUTOSCALER).warnings
    assert [warning for warning in warnings if "autoscaling/v2beta1" in warning]


def test_a_new_namespaces_objects_are_not_dry_run(survey: Any, asm: Cluster) -> None:
    assert survey(config_map(), create_namespace=True).objects == 1


def test_an_object_of_a_kind_that_comes_with_the_sync_is_not_dry_run(survey: Any, mesh02: Cluster) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "tides.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "tides", "kind": "Tide"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }
    tide = {"apiVersion": "example.com/v1", "kind": "Tide", "metadata": {"name": "high"}}
    assert survey(tide, definition).objects == 2


@pytest.mark.parametrize(
    ("manifests", "complaint"),
    [
        ([config_map(namespace="nowhere")], "namespace nowhere does not exist in cluster mesh02; add Create"),
        ([CANARY, deployment()], "namespace test does not exist in cluster asm"),
        ([deployment(replicas=-1)], "Deployment test/podinfo was refused by cluster mesh02: .*replicas"),
        ([config_map(), config_map()], "ConfigMap test/colours is among the manifests twice; remove one"),
        (
            [{"apiVersion": "example.com/v1", "kind": "Tide", "metadata": {"name": "high"}}],
            r"cluster mesh02 does not serve Tide \(example.com/v1\); install",
        ),
        ([GATEWAY], "namespace test does not exist in cluster asm"),
        ([measured("request-duration"), deployment()], MISSING_PROMETHEUS),
    ],
)
def test_what_cannot_be_synced_is_named_with_its_mend(
    survey: Any, mesh02: Cluster, asm: Cluster, manifests: list[Manifest], complaint: str
) -> None:
    with pytest.raises(ApplicationError, match=complaint) as caught:
        survey(*manifests)
    assert (caught.value.type, caught.value.non_retryable) == ("InvalidInput", True)


def test_a_kind_that_the_mesh_does_not_serve_is_named(survey: Any, mesh02: Cluster, asm: Cluster) -> None:
    with pytest.raises(ApplicationError, match="cluster asm does not serve Gateway"):
        survey(GATEWAY, create_namespace=True)


def test_a_canary_needs_istio_on_the_mesh(survey: Any, mesh02: Cluster) -> None:
    with pytest.raises(ApplicationError, match="cluster asm does not serve VirtualService"):
        survey(CANARY, deployment(), create_namespace=True)


def test_an_object_of_another_application_is_refused_until_its_mark_is_removed(
    survey: Any, mesh02: Cluster
) -> None:
    brought = config_map()
    brought["metadata"]["annotations"] = {TRACKING_ANNOTATION: "harbour:/ConfigMap:test/colours"}
    mesh02.apply(brought, manager="tidegate")
    with pytest.raises(ApplicationError) as caught:
        survey(config_map())
    assert (caught.value.type, caught.value.message) == (
        "InvalidInput",
        "ConfigMap test/colours in cluster mesh02 belongs to the application harbour; take it out of one of "
        "the two, or, if harbour was renamed or gave it up, remove the object's annotation "
        "argocd.argoproj.io/tracking-id",
    )
    mesh02.apply(config_map(), manager="tidegate")
    assert survey(config_map()).objects == 1


def routes(**annotations: str) -> Manifest:
    """The canary's VirtualService as it is found."""
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": "podinfo", "namespace": "test", "annotations": annotations},
    }


@pytest.fixture
def shared_mesh(asm: Cluster, mesh02: Cluster) -> Cluster:
    """The mesh control plane with the namespace test."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}
    asm.apply(namespace, manager="somebody")
    return asm


def test_routes_of_another_destinations_release_are_refused(survey: Any, shared_mesh: Cluster) -> None:
    shared_mesh.apply(routes(**{RELEASE: "release/mesh01/test/podinfo"}), manager="somebody")
    with pytest.raises(ApplicationError) as raised:
        survey(deployment(), CANARY)
    assert raised.value.type == "InvalidInput"
    assert raised.value.message.startswith(
        "Canary test/podinfo: spec.service.name: VirtualService test/podinfo in cluster asm holds the routes "
        "of release/mesh01/test/podinfo; give one of the two another name or namespace"
    )


def test_the_releases_own_routes_are_fine(survey: Any, shared_mesh: Cluster) -> None:
    shared_mesh.apply(routes(**{RELEASE: "release/mesh02/test/podinfo"}), manager="somebody")
    assert survey(deployment(), CANARY).canaries[0].service == "podinfo"


def test_the_latest_epoch_that_an_object_obeyed_is_found(
    survey: Any, shared_mesh: Cluster, mesh02: Cluster
) -> None:
    assert survey(deployment(), CANARY, config_map()).epoch == 0
    shared_mesh.apply(routes(**{FENCE_ANNOTATION: "7000.2"}), manager="somebody")
    assert survey(deployment(), CANARY, config_map()).epoch == 7000
    fenced = config_map()
    fenced["metadata"]["annotations"] = {FENCE_ANNOTATION: "9000.1"}
    mesh02.apply(fenced, manager="somebody")
    assert survey(deployment(), CANARY, config_map()).epoch == 9000


def test_a_template_that_git_does_not_hold_is_looked_for_in_the_cluster(
    survey: Any, flagger: Cluster, asm: Cluster
) -> None:
    canary: Any = measured("latency")
    canary["spec"]["analysis"]["metrics"][0]["templateRef"] = {"name": "latency"}
    with pytest.raises(ApplicationError, match="no MetricTemplate test/latency among the manifests, nor in"):
        survey(canary, deployment(), create_namespace=True)
    flagger.apply(TEMPLATE, manager="test")
    (warning,) = survey(canary, deployment(), create_namespace=True).warnings
    assert warning == "MetricTemplate test/latency is not in Git: the cluster's is used"


def test_a_chat_that_git_does_not_hold_is_looked_for_in_the_cluster(
    survey: Any, flagger: Cluster, asm: Cluster
) -> None:
    canary: Any = copy.deepcopy(CANARY)
    canary["spec"]["analysis"]["alerts"] = [{"name": "team", "providerRef": {"name": "on-call"}}]
    with pytest.raises(ApplicationError) as refused:
        survey(canary, deployment(), create_namespace=True)
    assert refused.value.message == (
        "Canary test/podinfo: spec.analysis.alerts[0].providerRef.name: no AlertProvider test/on-call among "
        "the manifests, nor in the cluster; add it to the application's path, or correct the reference"
    )
    flagger.apply(chat("http://169.254.169.254/x"), manager="test")
    with pytest.raises(ApplicationError, match=r"alerts\[0\]\.providerRef: .* may not be called"):
        survey(canary, deployment(), create_namespace=True)
    flagger.apply(chat("https://chat.test/x"), manager="test")
    (warning,) = survey(canary, deployment(), create_namespace=True).warnings
    assert warning == "AlertProvider test/on-call is not in Git: the cluster's is used"


def chat(address: str) -> Manifest:
    """An AlertProvider."""
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "AlertProvider",
        "metadata": {"name": "on-call", "namespace": "test"},
        "spec": {"type": "slack", "address": address},
    }


def controller(name: str = "flagger", *args: str) -> Manifest:
    """A Flagger, by its chart's labels."""
    labels = {"app.kubernetes.io/name": "flagger"}
    container = {"name": "flagger", "image": "ghcr.io/fluxcd/flagger:1.44.0", "args": list(args)}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "test", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def run(cluster: Cluster, deployment: Manifest) -> None:
    cluster.apply(deployment, manager="helm")


@pytest.mark.parametrize("place", ["flagger", "flagger_mesh"])
def test_beside_a_flagger_of_the_namespace_nothing_starts(
    survey: Any, request: pytest.FixtureRequest, mesh02: Cluster, shared_mesh: Cluster, place: str
) -> None:
    cluster: Cluster = request.getfixturevalue(place)
    run(cluster, controller())
    if place == "flagger_mesh":
        held: Any = copy.deepcopy(CANARY)
        held["metadata"]["namespace"] = "test"
        cluster.apply(held, manager="kubectl")
    complaint = (
        rf"Canary test/podinfo: Flagger \(Deployment test/flagger in cluster {cluster.name}\) releases"
    )
    with pytest.raises(ApplicationError, match=complaint) as caught:
        survey(deployment(), CANARY)
    assert caught.value.type == "InvalidInput"


def test_a_flagger_of_another_namespace_and_one_that_is_down_bar_nobody(
    survey: Any, flagger: Cluster, shared_mesh: Cluster
) -> None:
    run(flagger, controller("elsewhere", "-namespace=harbour"))
    down: Any = controller("down")
    down["spec"]["replicas"] = 0
    run(flagger, down)
    assert survey(deployment(), CANARY).warnings == ()


def test_a_flagger_in_the_mesh_cluster_without_the_canary_bars_nobody(
    survey: Any, flagger_mesh: Cluster, mesh02: Cluster, shared_mesh: Cluster
) -> None:
    run(flagger_mesh, controller())
    assert survey(deployment(), CANARY).warnings == ()


def test_a_cluster_that_may_not_be_looked_at_is_warned_of(
    survey: Any, flagger: Cluster, shared_mesh: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: str) -> list[Manifest]:
        raise AccessDenied("cluster mesh02", "deployments is forbidden")

    monkeypatch.setattr(flagger, "list", denied)
    (warning,) = survey(deployment(), CANARY).warnings
    assert warning.startswith(
        "whether Flagger runs in cluster mesh02 was not seen: cluster mesh02 denied access"
    )
    assert "deploy/kubernetes/access/flagger" in warning


def test_a_cluster_without_flaggers_kinds_is_not_looked_at(
    survey: Any, mesh02: Cluster, shared_mesh: Cluster
) -> None:
    run(mesh02, controller())
    assert survey(deployment(), CANARY).warnings == ()


def test_a_suspended_canary_keeps_its_application_from_being_released(
    survey: Any, mesh02: Cluster, shared_mesh: Cluster
) -> None:
    suspended: Any = copy.deepcopy(CANARY)
    suspended["spec"]["suspend"] = True
    with pytest.raises(ApplicationError, match=r"Canary test/podinfo: spec\.suspend: is true, and keeps"):
        survey(deployment(), suspended)

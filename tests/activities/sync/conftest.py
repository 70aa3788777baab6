"""Two clusters over HTTP, mesh02 and the mesh control plane asm, and an application rendered from a list."""

import dataclasses
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.sync import SyncActivities
from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.contracts import ApplicationRef, SourceRef
from tidegate.domain.manifest import Manifest
from tidegate.manifests.bundle import Contents, read_contents
from tidegate.manifests.references import Rendered
from tidegate.sandbox.cluster_api import ClusterApi, write_kubeconfig
from tidegate.settings.model import ClusterSettings, MeshSettings, Settings

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Listed:
    """Renders a list of manifests, in place of a repository."""

    def __init__(self) -> None:
        self.manifests: list[Manifest] = []

    def contents(self, owner: ApplicationRef) -> Contents:
        return read_contents((Rendered(manifest, "app.yaml") for manifest in self.manifests), owner.namespace)


@pytest.fixture
def apis(servers: Run) -> Iterator[list[ClusterApi]]:
    """The APIs of mesh02 and asm."""
    served = [ClusterApi(name="mesh02"), ClusterApi(name="asm")]
    for api in served:
        servers(api.start())
    yield served
    for api in served:
        servers(api.stop())


@pytest.fixture
def settings(apis: list[ClusterApi], tmp_path: Path) -> Settings:
    """The settings of both clusters."""
    kubeconfig = str(write_kubeconfig(tmp_path / "kubeconfig", apis))
    clusters = {api.name: ClusterSettings(kubeconfig=kubeconfig, context=api.name) for api in apis}
    return Settings(clusters=clusters, mesh=MeshSettings(control_plane="asm"))


@pytest.fixture
def clusters(settings: Settings) -> Iterator[Clusters]:
    """The clients of both."""
    clusters = Clusters(settings)
    yield clusters
    clusters.close()


@pytest.fixture
def mesh02(clusters: Clusters) -> Cluster:
    """The destination, in which the namespace test exists."""
    cluster = clusters.cluster("mesh02")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}
    cluster.apply(namespace, manager="somebody")
    return cluster


@pytest.fixture
def asm(clusters: Clusters) -> Cluster:
    """The mesh control plane, which serves Istio's v1beta1 only, no Gateways, and lacks the namespace."""
    cluster = clusters.cluster("asm")
    for kind in ("VirtualService", "DestinationRule"):
        cluster.apply(_definition(kind), manager="somebody")
    return cluster


@pytest.fixture
def flagger(mesh02: Cluster) -> Cluster:
    """The destination, in which Flagger's kinds are served."""
    return _with_flaggers_kinds(mesh02)


@pytest.fixture
def flagger_mesh(asm: Cluster) -> Cluster:
    """The mesh control plane, in which they are."""
    return _with_flaggers_kinds(asm)


@pytest.fixture
def application() -> Listed:
    """The manifests to render."""
    return Listed()


@pytest.fixture
def sync(clusters: Clusters, application: Listed, settings: Settings) -> SyncActivities:
    """The activities under test."""
    return SyncActivities(clusters, application, settings)


@pytest.fixture
def owner() -> ApplicationRef:
    """The application podinfo in mesh02's namespace test."""
    source = SourceRef(repo_url="https://git.example.com/podinfo", sha="a" * 40, path=".")
    return ApplicationRef(application="podinfo", cluster="mesh02", namespace="test", source=source)


@pytest.fixture
def environment() -> ActivityEnvironment:
    """An activity that was scheduled just now."""
    environment = ActivityEnvironment()
    now = datetime.now(UTC)
    environment.info = dataclasses.replace(environment.info, scheduled_time=now, started_time=now)
    return environment


@pytest.fixture
def late_environment(environment: ActivityEnvironment) -> ActivityEnvironment:
    """An activity that was scheduled 599.5 s ago: half a second is left."""
    ago = datetime.now(UTC) - timedelta(seconds=599.5)
    environment.info = dataclasses.replace(environment.info, scheduled_time=ago)
    return environment


def _with_flaggers_kinds(cluster: Cluster) -> Cluster:
    shared = (_definition(kind, "flagger.app") for kind in ("MetricTemplate", "AlertProvider"))
    for definition in (*shared, _canaries()):
        cluster.apply(definition, manager="somebody")
    return cluster


def _canaries() -> Manifest:
    definition = _definition("Canary", "flagger.app")
    definition["metadata"]["name"] = "canaries.flagger.app"
    definition["spec"]["names"]["plural"] = "canaries"
    return definition


def _definition(kind: str, group: str = "networking.istio.io") -> Manifest:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": f"{kind.lower()}s", "singular": kind.lower(), "kind": kind},
            "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": schema}],
        },
    }

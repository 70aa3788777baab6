"""One canary on its clusters, as one command sees it: what there is, and fenced writes."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from tidegate.adapters.kubernetes import Change, Cluster, Clusters
from tidegate.contracts import CANARY_FIELD_MANAGER, FIELD_MANAGER, CanaryRef, Fence
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.manifests import istio
from tidegate.manifests.bundle import Bundle
from tidegate.settings.model import Settings

APPS = "apps/v1"


class Bundles(Protocol):
    """Where a canary's manifests come from."""

    def bundle(self, ref: CanaryRef) -> Bundle:
        """The canary and what it refers to, rendered from the reference. It is shared: never change it."""


class Site(NamedTuple):
    """A canary's manifests, its workload cluster, and the cluster that holds its routes."""

    bundle: Bundle
    cluster: Cluster
    mesh: Cluster

    @property
    def namespace(self) -> str:
        """The canary's namespace, on both clusters."""
        return self.bundle.canary.namespace

    def target(self) -> Manifest | None:
        """The live target."""
        return self.deployment(self.bundle.names.target)

    def primary(self) -> Manifest | None:
        """The live primary."""
        return self.deployment(self.bundle.names.primary)

    def deployment(self, name: str) -> Manifest | None:
        """A live Deployment of the canary's namespace."""
        return self.cluster.get(APPS, "Deployment", self.namespace, name)

    def pods(self, deployment: Manifest) -> list[Manifest]:
        """The pods that a Deployment's matchLabels select."""
        labels = deployment["spec"]["selector"].get("matchLabels") or {}
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        return self.cluster.list("v1", "Pod", self.namespace, selector)

    def change_deployment(self, name: str, fence: Fence, change: Callable[[Manifest], Manifest]) -> Change:
        """Replace a Deployment by `change` of it, unless it obeyed a later command."""
        return self.cluster.fenced_update(
            APPS, "Deployment", self.namespace, name, fence, change, manager=CANARY_FIELD_MANAGER
        )

    def apply(self, manifest: Manifest, fence: Fence) -> Change:
        """Apply to the workload cluster, unless the object obeyed a later command."""
        return self.cluster.fenced_apply(manifest, fence, manager=CANARY_FIELD_MANAGER)

    def apply_to_mesh(self, manifest: Manifest, fence: Fence) -> Change:
        """Apply to the mesh control plane, unless the object obeyed a later command."""
        return self.mesh.fenced_apply(manifest, fence, manager=CANARY_FIELD_MANAGER)

    def istio_version(self, kind: str) -> str:
        """The apiVersion of an Istio kind that the mesh control plane serves."""
        return self.mesh.served(istio.GROUP, kind, istio.VERSIONS)

    def ensure_mesh_namespace(self) -> None:
        """Create the canary's namespace on the mesh control plane unless it exists."""
        if self.mesh.get("v1", "Namespace", "", self.namespace) is None:
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
            self.mesh.apply(namespace, manager=FIELD_MANAGER)


class Sites:
    """Finds the site of a canary's reference."""

    def __init__(self, clusters: Clusters, manifests: Bundles, settings: Settings) -> None:
        self._clusters = clusters
        self._manifests = manifests
        self._settings = settings

    def find(self, ref: CanaryRef) -> Site:
        """Render the canary's manifests and connect its clusters."""
        destination = ref.owner.cluster
        return Site(
            bundle=self._manifests.bundle(ref),
            cluster=self._clusters.cluster(destination),
            mesh=self._clusters.cluster(self._settings.mesh_cluster(destination)),
        )


def described(manifest: Manifest) -> str:
    """An object in messages, as Flagger writes it: VirtualService podinfo.test."""
    ref = ref_of(manifest)
    return f"{ref.kind} {ref.name}.{ref.namespace}"

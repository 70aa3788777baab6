"""One canary on its clusters, as one command sees it: what there is, and fenced writes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from tidegate.adapters.kubernetes import Change, Cluster, Clusters
from tidegate.contracts import CANARY_FIELD_MANAGER, FIELD_MANAGER, ApplicationRef, CanaryRef, Fence
from tidegate.domain.manifest import Manifest, ObjectRef, ref_of
from tidegate.domain.workload import WorkloadKind, kind_named, kind_of
from tidegate.manifests import istio
from tidegate.manifests.bundle import Bundle, Contents
from tidegate.settings.model import Settings

APPS = "apps/v1"
T = TypeVar("T")


class Bundles(Protocol):
    """Where a canary's manifests come from."""

    def bundle(self, ref: CanaryRef) -> Bundle:
        """The canary and what it refers to, rendered from the reference. It is shared: never change it."""

    def contents(self, owner: ApplicationRef) -> Contents:
        """All that its application holds."""


@dataclass(frozen=True)
class Place:
    """Where a canary is, by its reference alone: its workload cluster and the one that holds its routes.

    `home` is the destination: the workload cluster itself, or the first of several.
    """

    ref: CanaryRef
    cluster: Cluster
    mesh: Cluster
    home: Cluster

    @property
    def namespace(self) -> str:
        """The canary's namespace, on both clusters."""
        return self.ref.namespace

    @property
    def at_home(self) -> "Place":
        """The canary in its destination."""
        return replace(self, cluster=self.home)

    @property
    def kind(self) -> WorkloadKind:
        """The target's."""
        return kind_named(self.ref.kind)

    def target(self) -> Manifest | None:
        """What carries a version while it is released: the live target, or a Service beside it."""
        return self.workload(self.ref.carrier)

    def primary(self) -> Manifest | None:
        """The live primary."""
        return self.workload(self.ref.primary)

    def routes(self) -> Manifest | None:
        """The live VirtualService."""
        return self.mesh.get(
            self.istio_version("VirtualService"), "VirtualService", self.namespace, self.ref.service
        )

    def apex(self) -> Manifest | None:
        """The live Service that users call."""
        return self.service(self.ref.service)

    def service(self, name: str) -> Manifest | None:
        """A live Service of the canary's namespace."""
        return self.cluster.get("v1", "Service", self.namespace, name)

    def workload(self, name: str) -> Manifest | None:
        """A live workload of the target's kind in the canary's namespace."""
        return self.cluster.get(self.kind.api_version, self.ref.kind, self.namespace, name)

    def wait(
        self,
        name: str,
        until: Callable[[Manifest | None], T | None],
        deadline_seconds: float,
        beat: Callable[[], None],
    ) -> T:
        """The first result of `until` for that workload that is not None; NotReady at the deadline."""
        return self.cluster.wait(
            self.kind.api_version,
            self.ref.kind,
            self.namespace,
            name,
            until,
            deadline_seconds=deadline_seconds,
            beat=beat,
        )

    def pods(self, workload: Manifest) -> list[Manifest]:
        """The pods that a workload selects."""
        return self.cluster.list("v1", "Pod", self.namespace, _selector(workload))

    def replica_sets(self, deployment: Manifest) -> list[Manifest]:
        """The ReplicaSets that a Deployment's matchLabels select."""
        return self.cluster.list(APPS, "ReplicaSet", self.namespace, _selector(deployment))

    def change_workload(self, name: str, fence: Fence, change: Callable[[Manifest], Manifest]) -> Change:
        """Replace a workload by `change` of it, unless it obeyed a later command."""
        ref = self.workload_ref(name)
        return self.cluster.fenced_update(ref, fence, change, manager=CANARY_FIELD_MANAGER)

    def change_service(self, name: str, fence: Fence, change: Callable[[Manifest], Manifest]) -> Change:
        """Replace a Service by `change` of it, unless it obeyed a later command."""
        ref = self.named("v1", "Service", name)
        return self.cluster.fenced_update(ref, fence, change, manager=CANARY_FIELD_MANAGER)

    def workload_ref(self, name: str) -> ObjectRef:
        """A workload of the target's kind."""
        return self.named(self.kind.api_version, self.ref.kind, name)

    def named(self, api_version: str, kind: str, name: str) -> ObjectRef:
        """An object of the canary's namespace, on either cluster."""
        return ObjectRef(api_version=api_version, kind=kind, namespace=self.namespace, name=name)

    def istio_version(self, kind: str) -> str:
        """The apiVersion of an Istio kind that the mesh control plane serves."""
        return self.mesh.served(istio.GROUP, kind, istio.VERSIONS)


def _selector(workload: Manifest) -> str:
    labels = kind_of(workload).selector(workload)
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


@dataclass(frozen=True)
class Site(Place):
    """A canary's place with its manifests."""

    bundle: Bundle

    @property
    def primary_ready_percent(self) -> int:
        """How many of a hundred pods of the primary have to be available for it to be ready."""
        return self.bundle.canary.spec.analysis.primary_ready_threshold

    def apply(self, manifest: Manifest, fence: Fence) -> Change:
        """Apply to the workload cluster, unless the object obeyed a later command."""
        return self.cluster.fenced_apply(manifest, fence, manager=CANARY_FIELD_MANAGER)

    def ensure_mesh_namespace(self) -> None:
        """Create the canary's namespace on the mesh control plane unless it exists."""
        if self.mesh.get("v1", "Namespace", "", self.namespace) is None:
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
            self.mesh.apply(namespace, manager=FIELD_MANAGER)


class Sites:
    """Finds the place of a canary's reference, and its manifests where they are needed."""

    def __init__(self, clusters: Clusters, manifests: Bundles, settings: Settings) -> None:
        self._clusters = clusters
        self._manifests = manifests
        self._settings = settings

    def find(self, ref: CanaryRef) -> Site:
        """Render the canary's manifests and connect its clusters."""
        bundle, place = self._manifests.bundle(ref), self.place(ref)
        known = ref_to(bundle, ref.owner, ref.cluster)
        return Site(ref=known, cluster=place.cluster, mesh=place.mesh, home=place.home, bundle=bundle)

    def everywhere(self, ref: CanaryRef) -> tuple[Site, ...]:
        """The same in each of its workload clusters, the destination first."""
        return tuple(self.find(each) for each in ref.everywhere)

    def place(self, ref: CanaryRef) -> Place:
        """Connect the canary's clusters; nothing is rendered."""
        return connected(ref, self._clusters, self._settings)

    def named_place(self, ref: CanaryRef) -> Place:
        """The same with all names; a reference that lacks them has to be rendered for them."""
        complete = ref.service and ref.target and ref.primary
        return self.place(ref if complete else ref_to(self._manifests.bundle(ref), ref.owner, ref.cluster))


def connected(ref: CanaryRef, clusters: Clusters, settings: Settings) -> Place:
    """A reference's place."""
    mesh = clusters.cluster(settings.mesh_cluster(ref.owner.cluster))
    home = clusters.cluster(ref.owner.cluster)
    cluster = clusters.cluster(ref.workload_cluster) if ref.is_further else home
    return Place(ref=ref, cluster=cluster, mesh=mesh, home=home)


def ref_to(bundle: Bundle, owner: ApplicationRef, cluster: str = "") -> CanaryRef:
    """The reference to a canary among an application's manifests, with the names of what belongs to it."""
    names = bundle.names
    return CanaryRef(
        owner=owner,
        namespace=bundle.canary.namespace,
        name=bundle.canary.name,
        service=names.apex,
        target=names.target,
        primary=names.primary,
        cluster=cluster,
        kind=bundle.canary.spec.target_ref.kind,
    )


def described(manifest: Manifest) -> str:
    """An object in messages, as Flagger writes it: VirtualService podinfo.test."""
    ref = ref_of(manifest)
    return f"{ref.kind} {ref.name}.{ref.namespace}"

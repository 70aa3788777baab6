"""What a sync does with an application's manifests: which objects go where, in which order, and how.

Istio's own objects go to the mesh control plane, all others to the destination, and to every further
cluster; what tells Tidegate how to release is read and not applied.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from tidegate.contracts import ApplicationRef
from tidegate.decisions.sync_order import effective_waves, in_sync_order
from tidegate.domain.base import Model
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, ObjectRef, dig, ref_of
from tidegate.domain.workload import SERVICE, kind_of

TRACKING_ANNOTATION = "argocd.argoproj.io/tracking-id"
HOOK_ANNOTATIONS = ("argocd.argoproj.io/hook", "helm.sh/hook")
OPTIONS_ANNOTATION = "argocd.argoproj.io/sync-options"
IDLE_OPTIONS = {
    "ApplyOutOfSyncOnly",
    "Delete",
    "Force=false",
    "Prune",
    "PruneLast",
    "PrunePropagationPolicy",
    "Replace=false",
    "ServerSideApply=true",
    "SkipDryRunOnMissingResource",
    "Validate=true",
}
"""Sync options of one object that ask for what a sync does anyway, or for what it never does."""

ISTIO_SUFFIX = ".istio.io"
READ_ONLY = {
    ("argoproj.io", "Application"),
    ("flagger.app", "AlertProvider"),
    ("flagger.app", "Canary"),
    ("flagger.app", "MetricTemplate"),
    ("tidegate.dev", "ReleasePolicy"),
}
"""(API group, kind) of what is read and not applied."""


class Replicas(StrEnum):
    """Who decides how many pods there are: Git, an autoscaler once the object exists, or the release."""

    GIT = "git"
    AUTOSCALER = "autoscaler"
    RELEASE = "release"


class SyncItem(Model):
    """One object of a sync. `wave` counts the applied waves from 0."""

    manifest: Manifest
    cluster: str
    wave: int = 0
    read_only: bool = False
    replicas: Replicas = Replicas.GIT

    @property
    def ref(self) -> ObjectRef:
        """Which object it is."""
        return ref_of(self.manifest)

    @property
    def is_released_service(self) -> bool:
        """Whether it is a Service that follows its primary, whatever Git says."""
        return self.replicas is Replicas.RELEASE and kind_of(self.manifest) is SERVICE

    def desired(self, live: Manifest | None) -> Manifest:
        """What to apply, given the live object: a size that Git does not decide on stays as it is."""
        if self.replicas is Replicas.GIT or (live is None and self.replicas is Replicas.AUTOSCALER):
            return self.manifest
        return kind_of(self.manifest).as_live(self.manifest, live)


class NeededNamespace(Model):
    """A namespace that must exist before the sync; `creatable` when the sync may make it."""

    cluster: str
    name: str
    creatable: bool

    @property
    def manifest(self) -> Manifest:
        """The bare Namespace: it is not tracked, so nothing will ever prune it."""
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}}


class SyncSet(Model):
    """All of a sync: namespaces to make sure of, then the items in their order."""

    namespaces: tuple[NeededNamespace, ...]
    items: tuple[SyncItem, ...]

    @property
    def applied(self) -> tuple[SyncItem, ...]:
        """The items that are written."""
        return tuple(item for item in self.items if not item.read_only)

    def defines(self, ref: ObjectRef) -> bool:
        """Whether the set brings the CustomResourceDefinition of that object's kind itself."""
        return any(
            item.ref.kind == "CustomResourceDefinition"
            and dig(item.manifest, "spec", "group") == ref.group
            and dig(item.manifest, "spec", "names", "kind") == ref.kind
            for item in self.items
        )


def sync_set(manifests: Sequence[Manifest], owner: ApplicationRef, mesh_cluster: str) -> SyncSet:
    """The sync of placed manifests; InvalidInput names the object that cannot be synced.

    `mesh_cluster` is where Istio's own objects live; it may be the destination itself.
    """
    for manifest in manifests:
        _refuse_unfit(manifest)
    ordered = in_sync_order(manifests)
    waves = _counted(effective_waves(ordered))
    owners = _replica_owners(ordered)
    items = tuple(
        item
        for manifest, wave in zip(ordered, waves, strict=True)
        for item in _items(manifest, owner, mesh_cluster, wave, owners)
    )
    _refuse_duplicates(items)
    return SyncSet(namespaces=_namespaces(items, owner, mesh_cluster), items=items)


def tracking_id(ref: ObjectRef, owner: ApplicationRef) -> str:
    """Argo CD's mark: app:group/Kind:namespace/name; objects of the whole cluster get the destination's."""
    namespace = ref.namespace or owner.namespace
    return f"{owner.application}:{ref.group}/{ref.kind}:{namespace}/{ref.name}"


def _items(
    manifest: Manifest,
    owner: ApplicationRef,
    mesh_cluster: str,
    wave: int,
    owners: dict[tuple[str, str, str], Replicas],
) -> list[SyncItem]:
    """One for each cluster that the object goes to."""
    ref = ref_of(manifest)
    if (ref.group, ref.kind) in READ_ONLY:
        return [SyncItem(manifest=manifest, cluster=owner.cluster, wave=wave, read_only=True)]
    return [
        SyncItem(
            manifest=tracked(manifest, owner),
            cluster=cluster,
            wave=wave,
            replicas=owners.get((ref.kind, ref.namespace, ref.name), Replicas.GIT),
        )
        for cluster in ((mesh_cluster,) if ref.group.endswith(ISTIO_SUFFIX) else owner.clusters)
    ]


def tracked(manifest: Manifest, owner: ApplicationRef) -> Manifest:
    """The manifest with the mark of its application, and without a status."""
    metadata = manifest["metadata"]
    mark = {TRACKING_ANNOTATION: tracking_id(ref_of(manifest), owner)}
    annotated = metadata | {"annotations": (metadata.get("annotations") or {}) | mark}
    return {key: value for key, value in manifest.items() if key != "status"} | {"metadata": annotated}


def _replica_owners(manifests: Iterable[Manifest]) -> dict[tuple[str, str, str], Replicas]:
    """(kind, namespace, name) of what Git does not scale; the release goes before an autoscaler."""
    autoscaled, released = {}, {}
    for manifest in manifests:
        ref = ref_of(manifest)
        if ref.kind == "HorizontalPodAutoscaler":
            autoscaled[_referred(manifest, ref, "scaleTargetRef")] = Replicas.AUTOSCALER
        if (ref.group, ref.kind) == ("flagger.app", "Canary"):
            released[_referred(manifest, ref, "targetRef")] = Replicas.RELEASE
    return autoscaled | released


def _referred(manifest: Manifest, ref: ObjectRef, field: str) -> tuple[str, str, str]:
    reference = dig(manifest, "spec", field) or {}
    return str(reference.get("kind")), ref.namespace, str(reference.get("name"))


def _namespaces(
    items: Sequence[SyncItem], owner: ApplicationRef, mesh_cluster: str
) -> tuple[NeededNamespace, ...]:
    """Those that objects go to, and in the mesh those of canaries, whose routes the release puts there."""
    declared = {item.ref.name for item in items if (item.ref.group, item.ref.kind) == ("", "Namespace")}
    needed = {(each, owner.namespace): None for each in owner.clusters if owner.create_namespace}
    for item in items:
        clusters = {item.cluster: None}
        if item.ref.kind == "Canary" and item.read_only:
            clusters[mesh_cluster] = None
        needed |= {(cluster, item.ref.namespace): None for cluster in clusters if item.ref.namespace}
    return tuple(
        NeededNamespace(
            cluster=cluster,
            name=name,
            creatable=name in declared or (owner.create_namespace and name == owner.namespace),
        )
        for cluster, name in needed
        if not (cluster in owner.clusters and name in declared)
    )


def _counted(waves: Sequence[int]) -> list[int]:
    """Ascending waves as 0, 1, 2 ..."""
    numbers = {wave: number for number, wave in enumerate(sorted(set(waves)))}
    return [numbers[wave] for wave in waves]


def _refuse_unfit(manifest: Manifest) -> None:
    ref = ref_of(manifest)
    for field, value in (("apiVersion", ref.api_version), ("kind", ref.kind), ("metadata.name", ref.name)):
        if not value:
            raise InvalidInput(
                f"{ref.kind or 'a manifest'} {ref.name}".rstrip() + f" has no {field}", mend="add it"
            )
    annotations = dig(manifest, "metadata", "annotations") or {}
    _refuse_options(ref, str(annotations.get(OPTIONS_ANNOTATION) or ""))
    for hook in HOOK_ANNOTATIONS:
        if hook in annotations:
            raise InvalidInput(
                f"{ref} is a hook ({annotations[hook]}), and hooks are not supported yet",
                field=f"metadata.annotations.{hook}",
                mend="take it out of the application's path, or remove the annotation",
            )


def _refuse_options(ref: ObjectRef, options: str) -> None:
    for option in filter(None, (each.strip() for each in options.split(","))):
        name = option.partition("=")[0]
        if name not in IDLE_OPTIONS and option not in IDLE_OPTIONS:
            raise InvalidInput(
                f"{ref} asks for {option}, which is not supported yet",
                field=f"metadata.annotations.{OPTIONS_ANNOTATION}",
                mend="remove this option",
            )


def _refuse_duplicates(items: Sequence[SyncItem]) -> None:
    counted = Counter(_identity(item) for item in items)
    for item in items:
        if counted[_identity(item)] > 1:
            raise InvalidInput(f"{item.ref} is among the manifests twice", mend="remove one of them")


def _identity(item: SyncItem) -> tuple[str, ...]:
    return item.cluster, item.ref.group, item.ref.kind, item.ref.namespace, item.ref.name

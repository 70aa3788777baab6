"""Whose a live object is: Argo CD's tracking id names the application that brought it, our own mark on a
VirtualService the release whose routes it holds.
"""

from tidegate.contracts import CanaryRef, Fence, release_workflow_id
from tidegate.decisions.sync_set import TRACKING_ANNOTATION, SyncItem
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig, ref_of
from tidegate.domain.marks import CANARY, FURTHER, RELEASE, REVISION, TARGET, TARGET_KIND, annotations
from tidegate.domain.workload import DEPLOYMENT, SERVICE


def application_of(manifest: Manifest | None) -> str:
    """The application that a tracking id names: what stands before its first colon; empty without one."""
    return str(dig(manifest, "metadata", "annotations", TRACKING_ANNOTATION) or "").partition(":")[0]


def refuse_takeover(item: SyncItem, live: Manifest | None) -> None:
    """InvalidInput when the live object is another application's; one without a tracking id is adopted."""
    other = application_of(live)
    if other and other != application_of(item.manifest):
        raise InvalidInput(
            f"{item.ref} in cluster {item.cluster} belongs to the application {other}",
            mend=f"take it out of one of the two, or, if {other} was renamed or gave it up, remove the "
            f"object's annotation {TRACKING_ANNOTATION}",
        )


def epoch_of(live: Manifest | None) -> int:
    """The epoch of the last command that an object obeyed; 0 for none."""
    fence = Fence.obeyed_by(live)
    return fence.epoch if fence else 0


def with_marks(virtual_service: Manifest, ref: CanaryRef) -> Manifest:
    """The VirtualService with all that finds its canary again without Git and without Temporal's record."""
    marks = {
        RELEASE: release_of(ref),
        CANARY: ref.name,
        TARGET: ref.target,
        REVISION: ref.owner.source.sha,
    }
    marks |= cluster_marks(ref)
    if ref.kind != DEPLOYMENT.name:
        marks[TARGET_KIND] = ref.kind
    metadata = virtual_service["metadata"]
    return virtual_service | {"metadata": metadata | {"annotations": annotations(virtual_service) | marks}}


def cluster_marks(ref: CanaryRef) -> dict[str, str]:
    """What tells of the clusters beside the destination; nothing where there are none."""
    further = ref.owner.further_clusters
    return {FURTHER: ",".join(further)} if further else {}


def release_of(ref: CanaryRef) -> str:
    """The workflow id of the release that a canary belongs to."""
    return release_workflow_id(ref.owner.cluster, ref.owner.namespace, ref.owner.application)


def other_release(live: Manifest | None, ref: CanaryRef) -> str:
    """The release that live routes belong to, when it is not the reference's own; else empty."""
    owner = annotations(live or {}).get(RELEASE, "")
    return "" if owner == release_of(ref) else owner


def refuse_foreign_routes(live: Manifest | None, ref: CanaryRef, mesh_cluster: str) -> None:
    """InvalidInput when the live VirtualService is another release's, as with one mesh for two destinations.

    One without the mark is adopted.
    """
    if live is not None and (owner := other_release(live, ref)):
        raise InvalidInput(
            f"{ref_of(live)} in cluster {mesh_cluster} holds the routes of {owner}",
            subject=f"Canary {ref.namespace}/{ref.name}",
            field="spec.service.name",
            mend="give one of the two another name or namespace, or, if that release was given up, remove "
            f"the annotation {RELEASE} from the VirtualService",
        )


def refuse_turned(live: Manifest | None, ref: CanaryRef) -> None:
    """InvalidInput when live routes lead to this target's primary of another kind.

    Marked anew they would not tell of that one any more, and an uninstallation would leave it behind.
    """
    marks = annotations(live or {})
    known = marks.get(TARGET_KIND, DEPLOYMENT.name)
    if live is not None and marks.get(TARGET) == ref.target and known != ref.kind:
        raise InvalidInput(
            f"{ref.target} is a {ref.kind} now, and its {known} was released before",
            subject=f"Canary {ref.namespace}/{ref.name}",
            field="spec.targetRef.kind",
            mend=f"run `tidegate uninstall`, start again{then_deleted(known, ref)}",
        )


def then_deleted(kind: str, ref: CanaryRef) -> str:
    """What is to be done with a target's earlier kind in the end; nothing where a Service may lead to it."""
    return "" if SERVICE.name in (kind, ref.kind) else f", and then delete the {kind} {ref.target}"

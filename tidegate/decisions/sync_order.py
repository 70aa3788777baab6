"""The order in which a sync applies objects: Argo CD's waves, then its order of kinds, then as given.

What others need comes first whatever its wave: a Namespace moves to its first user's wave, a
CustomResourceDefinition to that of its first resource.
"""

from collections.abc import Sequence

from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, ObjectRef, dig, ref_of

WAVE_ANNOTATION = "argocd.argoproj.io/sync-wave"

KINDS = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
"""All other kinds come last."""

_RANKS = {kind: rank for rank, kind in enumerate(KINDS)}


def in_sync_order(manifests: Sequence[Manifest]) -> tuple[Manifest, ...]:
    """The manifests in the order to apply them; InvalidInput for a wave that is no number."""
    waves = effective_waves(manifests)
    order = sorted(range(len(manifests)), key=lambda i: (waves[i], _rank(ref_of(manifests[i]))))
    return tuple(manifests[i] for i in order)


def effective_waves(manifests: Sequence[Manifest]) -> list[int]:
    """Each manifest's wave, lowered to that of the first manifest that needs it."""
    waves = [_wave(manifest) for manifest in manifests]
    refs = [ref_of(manifest) for manifest in manifests]
    # Definitions first: a namespace has to precede whatever was moved forward in it.
    for needs in (_defines, _contains):
        for i, manifest in enumerate(manifests):
            users = [waves[j] for j, ref in enumerate(refs) if needs(manifest, ref)]
            waves[i] = min([waves[i], *users])
    return waves


def _defines(manifest: Manifest, ref: ObjectRef) -> bool:
    if manifest.get("kind") != "CustomResourceDefinition":
        return False
    defined = dig(manifest, "spec", "group"), dig(manifest, "spec", "names", "kind")
    return defined == (ref.group, ref.kind)


def _contains(manifest: Manifest, ref: ObjectRef) -> bool:
    return (
        manifest.get("kind") == "Namespace" and bool(ref.namespace) and ref_of(manifest).name == ref.namespace
    )


def _rank(ref: ObjectRef) -> int:
    """Only Kubernetes' own kinds have a place; a custom kind may bear the same name."""
    own = "." not in ref.group or ref.group.endswith(".k8s.io")
    return _RANKS.get(ref.kind, len(KINDS)) if own else len(KINDS)


def _wave(manifest: Manifest) -> int:
    text = dig(manifest, "metadata", "annotations", WAVE_ANNOTATION)
    try:
        return int(text or 0)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{ref_of(manifest)}: {text!r} is not a wave",
            field=f"metadata.annotations.{WAVE_ANNOTATION}",
            mend='write a whole number in quotes, as in "1"',
        ) from None

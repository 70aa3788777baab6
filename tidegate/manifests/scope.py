"""Where an object belongs: manifests without a namespace go to the application's destination."""

from tidegate.domain.manifest import Manifest, dig, group_of

CLUSTER_SCOPED = {
    "": {"Namespace", "Node", "PersistentVolume", "ComponentStatus"},
    "admissionregistration.k8s.io": {
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    },
    "apiextensions.k8s.io": {"CustomResourceDefinition"},
    "apiregistration.k8s.io": {"APIService"},
    "certificates.k8s.io": {"CertificateSigningRequest"},
    "flowcontrol.apiserver.k8s.io": {"FlowSchema", "PriorityLevelConfiguration"},
    "gateway.networking.k8s.io": {"GatewayClass"},
    "networking.k8s.io": {"IngressClass"},
    "node.k8s.io": {"RuntimeClass"},
    "policy": {"PodSecurityPolicy"},
    "rbac.authorization.k8s.io": {"ClusterRole", "ClusterRoleBinding"},
    "scheduling.k8s.io": {"PriorityClass"},
    "snapshot.storage.k8s.io": {"VolumeSnapshotClass", "VolumeSnapshotContent"},
    "storage.k8s.io": {"CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"},
}
"""API group -> kinds that live in no namespace."""


def is_cluster_scoped(manifest: Manifest) -> bool:
    """Whether the manifest's kind is known to live in no namespace."""
    kinds = CLUSTER_SCOPED.get(group_of(str(manifest.get("apiVersion") or "")), set())
    return manifest.get("kind") in kinds


def placed(manifest: Manifest, namespace: str) -> Manifest:
    """The manifest in the namespace it asks for, else in `namespace`."""
    if is_cluster_scoped(manifest) or dig(manifest, "metadata", "namespace"):
        return manifest
    metadata = manifest.get("metadata") or {}
    return manifest | {"metadata": metadata | {"namespace": namespace}}

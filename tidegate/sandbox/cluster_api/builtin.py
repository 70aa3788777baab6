"""The built-in kinds, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.sandbox.cluster_api import shapes
from tidegate.sandbox.cluster_api.kinds import Kind, Scale

_ALL = ("all",)
_WORKLOAD: dict[str, Any] = {
    "status": True,
    "generation": True,
    "shape": shapes.WORKLOAD,
    "categories": _ALL,
}


def _core() -> Iterator[Kind]:
    yield Kind(
        "",
        "v1",
        "Namespace",
        "namespaces",
        namespaced=False,
        short=("ns",),
        status=True,
        fields=frozenset({"status.phase"}),
    )
    yield Kind(
        "",
        "v1",
        "Pod",
        "pods",
        short=("po",),
        categories=_ALL,
        status=True,
        generation=True,
        shape=shapes.POD,
        fields=frozenset(
            {
                "spec.nodeName",
                "spec.restartPolicy",
                "spec.schedulerName",
                "spec.serviceAccountName",
                "spec.hostNetwork",
                "status.phase",
                "status.podIP",
                "status.nominatedNodeName",
            }
        ),
    )
    yield Kind(
        "",
        "v1",
        "Service",
        "services",
        short=("svc",),
        categories=_ALL,
        status=True,
        shape=shapes.SERVICE,
        fields=frozenset({"spec.clusterIP", "spec.type"}),
    )
    yield Kind("", "v1", "Endpoints", "endpoints", short=("ep",), singular_name="endpoints")
    yield Kind("", "v1", "ConfigMap", "configmaps", short=("cm",))
    yield Kind("", "v1", "Secret", "secrets", fields=frozenset({"type"}))
    yield Kind("", "v1", "ServiceAccount", "serviceaccounts", short=("sa",), shape=shapes.SERVICE_ACCOUNT)
    yield Kind(
        "",
        "v1",
        "Node",
        "nodes",
        namespaced=False,
        short=("no",),
        status=True,
        shape=shapes.NODE,
        fields=frozenset({"spec.unschedulable"}),
    )
    yield Kind(
        "",
        "v1",
        "Event",
        "events",
        short=("ev",),
        fields=frozenset(
            {
                "involvedObject.kind",
                "involvedObject.namespace",
                "involvedObject.name",
                "involvedObject.uid",
                "involvedObject.apiVersion",
                "involvedObject.resourceVersion",
                "involvedObject.fieldPath",
                "reason",
                "reportingComponent",
                "source",
                "type",
            }
        ),
    )
    yield Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", short=("pvc",), status=True)
    yield Kind(
        "", "v1", "PersistentVolume", "persistentvolumes", namespaced=False, short=("pv",), status=True
    )
    yield Kind(
        "",
        "v1",
        "ReplicationController",
        "replicationcontrollers",
        short=("rc",),
        categories=_ALL,
        status=True,
        generation=True,
        scale=Scale(),
        shape=shapes.REPLICATION_CONTROLLER,
        fields=frozenset({"status.replicas"}),
    )
    yield Kind("", "v1", "ResourceQuota", "resourcequotas", short=("quota",), status=True)
    yield Kind("", "v1", "LimitRange", "limitranges", short=("limits",))


def _workloads() -> Iterator[Kind]:
    yield Kind("apps", "v1", "Deployment", "deployments", short=("deploy",), scale=Scale(), **_WORKLOAD)
    yield Kind(
        "apps",
        "v1",
        "ReplicaSet",
        "replicasets",
        short=("rs",),
        scale=Scale(),
        fields=frozenset({"status.replicas"}),
        **_WORKLOAD,
    )
    yield Kind("apps", "v1", "StatefulSet", "statefulsets", short=("sts",), scale=Scale(), **_WORKLOAD)
    yield Kind("apps", "v1", "DaemonSet", "daemonsets", short=("ds",), **_WORKLOAD)
    yield Kind("apps", "v1", "ControllerRevision", "controllerrevisions")
    yield Kind("batch", "v1", "Job", "jobs", fields=frozenset({"status.successful"}), **_WORKLOAD)
    yield Kind(
        "batch",
        "v1",
        "CronJob",
        "cronjobs",
        short=("cj",),
        categories=_ALL,
        status=True,
        generation=True,
        shape=shapes.CRON_JOB,
    )
    for version in ("v2", "v1"):
        yield Kind(
            "autoscaling",
            version,
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            short=("hpa",),
            categories=_ALL,
            status=True,
            generation=True,
            shape=shapes.AUTOSCALER,
        )
    yield Kind(
        "policy",
        "v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        short=("pdb",),
        status=True,
        generation=True,
        shape=shapes.BUDGET,
    )


def _cluster() -> Iterator[Kind]:
    networking, rbac = "networking.k8s.io", "rbac.authorization.k8s.io"
    yield Kind(networking, "v1", "Ingress", "ingresses", short=("ing",), status=True, generation=True)
    yield Kind(
        networking,
        "v1",
        "NetworkPolicy",
        "networkpolicies",
        short=("netpol",),
        generation=True,
        shape=shapes.NETWORK_POLICY,
    )
    yield Kind(networking, "v1", "IngressClass", "ingressclasses", namespaced=False, generation=True)
    yield Kind(rbac, "v1", "Role", "roles")
    yield Kind(rbac, "v1", "RoleBinding", "rolebindings", shape=shapes.BINDING)
    yield Kind(rbac, "v1", "ClusterRole", "clusterroles", namespaced=False)
    yield Kind(
        rbac, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False, shape=shapes.BINDING
    )
    yield Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", generation=True)
    yield Kind("coordination.k8s.io", "v1", "Lease", "leases")
    yield Kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False, short=("sc",))
    yield Kind("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", namespaced=False, short=("pc",))
    yield Kind(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        namespaced=False,
        short=("crd", "crds"),
        status=True,
        generation=True,
        shape=shapes.DEFINITION,
        categories=("api-extensions",),
    )
    yield Kind(
        "apiregistration.k8s.io",
        "v1",
        "APIService",
        "apiservices",
        namespaced=False,
        status=True,
        categories=("api-extensions",),
    )


def _reviews() -> Iterator[Kind]:
    for group, kind, plural in (
        ("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
        ("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews"),
        ("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
    ):
        yield Kind(group, "v1", kind, plural, namespaced=False, verbs=("create",))


BUILT_IN = (*_core(), *_workloads(), *_cluster(), *_reviews())

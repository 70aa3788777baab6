"""Is an object well? Argo CD's rules, one file per kind: object in, status and message out.

Kinds without a rule have no health, and a sync does not wait for them.
"""

from collections.abc import Callable, Iterable

from tidegate.decisions.health import (
    api_service,
    custom_resource_definition,
    daemon_set,
    deployment,
    horizontal_pod_autoscaler,
    ingress,
    job,
    persistent_volume_claim,
    pod,
    replica_set,
    service,
    stateful_set,
)
from tidegate.decisions.health.status import Health, Object, Status, progressing
from tidegate.domain.manifest import dig, group_of

__all__ = ["Health", "Status", "has_rule", "health_of", "worst"]

_RULES: dict[tuple[str, str], Callable[[Object], Health]] = {
    ("", "PersistentVolumeClaim"): persistent_volume_claim.health,
    ("", "Pod"): pod.health,
    ("", "Service"): service.health,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): custom_resource_definition.health,
    ("apiregistration.k8s.io", "APIService"): api_service.health,
    ("apps", "DaemonSet"): daemon_set.health,
    ("apps", "Deployment"): deployment.health,
    ("apps", "ReplicaSet"): replica_set.health,
    ("apps", "StatefulSet"): stateful_set.health,
    ("autoscaling", "HorizontalPodAutoscaler"): horizontal_pod_autoscaler.health,
    ("batch", "Job"): job.health,
    ("networking.k8s.io", "Ingress"): ingress.health,
}
"""(API group, kind) -> rule."""


def health_of(obj: Object) -> Health | None:
    """The object's health; None when there is no rule for its kind."""
    rule = _RULES.get(_kind_of(obj))
    if rule is None:
        return None
    if dig(obj, "metadata", "deletionTimestamp"):
        return progressing("is being deleted")
    return rule(obj)


def has_rule(obj: Object) -> bool:
    """Whether objects of this kind have a health at all."""
    return _kind_of(obj) in _RULES


def worst(healths: Iterable[Health]) -> Health:
    """The health of a whole: that of its worst part, the first of several; Healthy when it has none."""
    return max(healths, key=lambda health: health.status.severity, default=Health(Status.HEALTHY))


def _kind_of(obj: Object) -> tuple[str, str]:
    return group_of(str(obj.get("apiVersion") or "")), str(obj.get("kind") or "")

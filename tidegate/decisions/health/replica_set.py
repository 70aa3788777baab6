"""Health of a ReplicaSet."""

from tidegate.decisions.health.status import (
    UNOBSERVED,
    Health,
    Object,
    condition,
    degraded,
    healthy,
    observed,
    progressing,
)
from tidegate.domain.manifest import number


def health(obj: Object) -> Health:
    """Healthy when all replicas are available."""
    if not observed(obj):
        return UNOBSERVED
    failure = condition(obj, "ReplicaFailure")
    if failure.get("status") == "True":
        return degraded(str(failure.get("message") or "pods cannot be made"))
    wanted = number(obj, "spec", "replicas", default=1)
    available = number(obj, "status", "availableReplicas")
    if available < wanted:
        return progressing(f"{available} of {wanted} replicas are available")
    return healthy()

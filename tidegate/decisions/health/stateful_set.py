"""Health of a StatefulSet."""

from tidegate.decisions.health.status import (
    UNOBSERVED,
    Health,
    Object,
    healthy,
    observed,
    progressing,
)
from tidegate.domain.manifest import dig, number


def health(obj: Object) -> Health:
    """Healthy when all replicas are ready and as many as the strategy updates have the new revision."""
    if not observed(obj) or not dig(obj, "status", "observedGeneration"):
        return UNOBSERVED
    wanted = number(obj, "spec", "replicas", default=1)
    ready = number(obj, "status", "readyReplicas")
    if ready < wanted:
        return progressing(f"{ready} of {wanted} replicas are ready")
    if dig(obj, "spec", "updateStrategy", "type") == "OnDelete":
        return healthy()
    partition = number(obj, "spec", "updateStrategy", "rollingUpdate", "partition")
    if partition > 0:
        return _partitioned(obj, wanted - partition)
    if dig(obj, "status", "updateRevision") != dig(obj, "status", "currentRevision"):
        updated = number(obj, "status", "updatedReplicas")
        return progressing(f"{updated} of {wanted} replicas are updated")
    return healthy()


def _partitioned(obj: Object, wanted: int) -> Health:
    updated = number(obj, "status", "updatedReplicas")
    if updated < wanted:
        return progressing(f"{updated} of {wanted} replicas above the partition are updated")
    return healthy()

"""Health of a DaemonSet."""

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
    """Healthy when every node that should has an updated and available pod."""
    if not observed(obj):
        return UNOBSERVED
    if dig(obj, "spec", "updateStrategy", "type") == "OnDelete":
        return healthy()
    wanted = number(obj, "status", "desiredNumberScheduled")
    updated = number(obj, "status", "updatedNumberScheduled")
    available = number(obj, "status", "numberAvailable")
    if updated < wanted:
        return progressing(f"{updated} of {wanted} pods are updated")
    if available < wanted:
        return progressing(f"{available} of {wanted} pods are available")
    return healthy()

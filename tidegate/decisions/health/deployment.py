"""Health of a Deployment."""

from tidegate.decisions.health.status import (
    UNOBSERVED,
    Health,
    Object,
    condition,
    degraded,
    healthy,
    observed,
    progressing,
    suspended,
)
from tidegate.domain.manifest import dig, number


def health(obj: Object) -> Health:
    """Healthy when every replica runs the new template and is available, and no old one is left."""
    if dig(obj, "spec", "paused"):
        return suspended("the Deployment is paused")
    if not observed(obj):
        return UNOBSERVED
    if condition(obj, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        return degraded(f"exceeded its progress deadline: {_progress(obj) or 'all replicas are up by now'}")
    missing = _progress(obj)
    return progressing(missing) if missing else healthy()


def _progress(obj: Object) -> str:
    """What the roll-out still lacks; empty when nothing."""
    wanted = number(obj, "spec", "replicas", default=1)
    updated = number(obj, "status", "updatedReplicas")
    total = number(obj, "status", "replicas")
    available = number(obj, "status", "availableReplicas")
    if updated < wanted:
        return f"{updated} of {wanted} replicas are updated"
    if total > updated:
        return f"{total - updated} old replicas are still to end"
    if available < updated:
        return f"{available} of {updated} updated replicas are available"
    return ""

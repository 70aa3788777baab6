"""Health of a Job."""

from tidegate.decisions.health.status import (
    Health,
    Object,
    condition,
    degraded,
    healthy,
    progressing,
    suspended,
)
from tidegate.domain.manifest import dig


def health(obj: Object) -> Health:
    """Healthy when complete."""
    failed = condition(obj, "Failed")
    if failed.get("status") == "True":
        return degraded(str(failed.get("message") or "the Job failed"))
    if dig(obj, "spec", "suspend") or condition(obj, "Suspended").get("status") == "True":
        return suspended("the Job is suspended")
    if condition(obj, "Complete").get("status") == "True":
        return healthy()
    return progressing("the Job has not ended yet")

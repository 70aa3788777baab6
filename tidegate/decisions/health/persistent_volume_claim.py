"""Health of a PersistentVolumeClaim."""

from tidegate.decisions.health.status import (
    Health,
    Object,
    Status,
    degraded,
    healthy,
    progressing,
)
from tidegate.domain.manifest import dig


def health(obj: Object) -> Health:
    """Healthy when bound."""
    match dig(obj, "status", "phase"):
        case "Bound":
            return healthy()
        case "Lost":
            return degraded("its volume is lost")
        case "Pending" | None:
            return progressing("waits for a volume")
        case phase:
            return Health(Status.UNKNOWN, f"its phase is {phase}")

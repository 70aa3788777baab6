"""Health of an APIService."""

from tidegate.decisions.health.status import Health, Object, condition, healthy, progressing


def health(obj: Object) -> Health:
    """Healthy when available."""
    available = condition(obj, "Available")
    if available.get("status") == "True":
        return healthy()
    return progressing(str(available.get("message") or "waits for its server"))

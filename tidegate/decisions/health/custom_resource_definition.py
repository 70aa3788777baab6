"""Health of a CustomResourceDefinition: its resources can be applied once it is established."""

from tidegate.decisions.health.status import Health, Object, condition, degraded, healthy, progressing


def health(obj: Object) -> Health:
    """Healthy when established; another definition that has its names already makes it degraded."""
    if condition(obj, "Established").get("status") == "True":
        return healthy()
    names = condition(obj, "NamesAccepted")
    if names.get("status") == "False":
        return degraded(str(names.get("message") or "its names are taken"))
    return progressing("is not established yet")

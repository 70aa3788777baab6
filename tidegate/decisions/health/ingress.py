"""Health of an Ingress."""

from tidegate.decisions.health.status import Health, Object, healthy, progressing
from tidegate.domain.manifest import dig


def health(obj: Object) -> Health:
    """Healthy when a load balancer serves it."""
    if dig(obj, "status", "loadBalancer", "ingress"):
        return healthy()
    return progressing("waits for an address of the load balancer")

"""Health of a Service."""

from tidegate.decisions.health.status import Health, Object, healthy, progressing
from tidegate.domain.manifest import dig


def health(obj: Object) -> Health:
    """A LoadBalancer needs an address; any other Service is healthy as soon as it exists."""
    if dig(obj, "spec", "type") != "LoadBalancer" or dig(obj, "status", "loadBalancer", "ingress"):
        return healthy()
    return progressing("waits for an address of the load balancer")

"""Waiting for a Service to know its pods: a ready Deployment is in its status before it is in the mesh.

Without it the first requests of a new weight would find nobody.
"""

import time

from activities.heartbeat import late_heartbeat
from activities.site import Place
from tidegate.decisions.rollout import is_behind_service
from tidegate.domain.errors import AccessDenied

PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.2


def await_endpoints(place: Place, service: str) -> tuple[str, ...]:
    """Wait until a pod is behind a Service; a warning when none is in time, and where nobody may look."""
    beat, ends = late_heartbeat(), time.monotonic() + PATIENCE_SECONDS
    try:
        while not _has_pods(place, service):
            if time.monotonic() >= ends:
                return (f"Service {service}.{place.namespace} knows no pod after {PATIENCE_SECONDS:g}s",)
            beat()
            time.sleep(_PAUSE_SECONDS)
    except AccessDenied as error:
        return (f"whether Service {service}.{place.namespace} knows its pods was not looked at: {error}",)
    return ()


def _has_pods(place: Place, service: str) -> bool:
    selector = f"kubernetes.io/service-name={service}"
    slices = place.cluster.list("discovery.k8s.io/v1", "EndpointSlice", place.namespace, selector)
    return any(map(is_behind_service, slices))

"""Waiting for a Service to know its pods: a ready Deployment is in its status before it is in the mesh.

Without it the first requests of a new weight would find nobody.
"""

import time

from activities.heartbeat import late_heartbeat
from activities.site import Place
from tidegate.decisions.rollout import is_behind_service, is_ready, pods_behind
from tidegate.domain.errors import AccessDenied, ReleaseFailed
from tidegate.domain.manifest import Manifest, name_of

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


def require_endpoints(place: Place, service: str, deployment: Manifest) -> None:
    """Wait until all ready pods of a Deployment are behind a Service; ReleaseFailed when that is too late."""
    beat, ends = late_heartbeat(), time.monotonic() + PATIENCE_SECONDS
    while problem := _nobody_behind(place, service, deployment):
        if time.monotonic() >= ends:
            raise ReleaseFailed(problem)
        beat()
        time.sleep(_PAUSE_SECONDS)


def _nobody_behind(place: Place, service: str, deployment: Manifest) -> str:
    """Whom a Service does not know yet, in words; empty when it knows all."""
    ready = {name_of(pod) for pod in place.pods(deployment) if is_ready(pod)}
    known = {name for each in _slices(place, service) for name in pods_behind(each)}
    if ready and ready <= known:
        return ""
    return (
        f"Service {service}.{place.namespace} leads to {len(ready & known)} of {len(ready)} ready pods of "
        f"{name_of(deployment)}; see to its selector and ports"
    )


def _has_pods(place: Place, service: str) -> bool:
    return any(map(is_behind_service, _slices(place, service)))


def _slices(place: Place, service: str) -> list[Manifest]:
    selector = f"kubernetes.io/service-name={service}"
    return place.cluster.list("discovery.k8s.io/v1", "EndpointSlice", place.namespace, selector)

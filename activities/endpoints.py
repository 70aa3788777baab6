"""Waiting for a Service to know its pods: a ready workload is in its status before it is in the mesh.

Without it the first requests of a new weight would find nobody.
"""

import time
from collections.abc import Callable
from functools import partial

from activities.heartbeat import late_heartbeat
from activities.site import Place
from tidegate.decisions.rollout import is_behind_service, is_ready, pods_behind
from tidegate.domain.errors import AccessDenied, ReleaseFailed
from tidegate.domain.manifest import Manifest, name_of

PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.2


def await_endpoints(place: Place, service: str) -> tuple[str, ...]:
    """Wait until a pod is behind a Service; a warning when none is in time, and where nobody may look."""
    named = f"Service {service}.{place.namespace}"

    def look() -> str:
        return "" if _has_pods(place, service) else f"{named} knows no pod after {PATIENCE_SECONDS:g}s"

    try:
        problem = _lasting(look)
    except AccessDenied as error:
        return (f"whether {named} knows its pods was not looked at: {error}",)
    return (problem,) if problem else ()


def require_endpoints(place: Place, service: str, workload: Manifest) -> None:
    """Wait until all ready pods of a workload are behind a Service; ReleaseFailed when that is too late."""
    if problem := _lasting(partial(_nobody_behind, place, service, workload)):
        raise ReleaseFailed(problem)


def _lasting(look: Callable[[], str]) -> str:
    """The problem that is there to the end of our patience; empty as soon as there is none."""
    beat, ends = late_heartbeat(), time.monotonic() + PATIENCE_SECONDS
    while (problem := look()) and time.monotonic() < ends:
        beat()
        time.sleep(_PAUSE_SECONDS)
    return problem


def _nobody_behind(place: Place, service: str, workload: Manifest) -> str:
    """Whom a Service does not know yet, in words; empty when it knows all."""
    ready = {name_of(pod) for pod in place.pods(workload) if is_ready(pod)}
    known = known_pods(place, service)
    if ready and ready <= known:
        return ""
    return (
        f"Service {service}.{place.namespace} leads to {len(ready & known)} of {len(ready)} ready pods of "
        f"{name_of(workload)}; see to its selector and ports"
    )


def known_pods(place: Place, service: str) -> set[str]:
    """The names of the ready pods that a Service leads to."""
    return {name for each in _slices(place, service) for name in pods_behind(each)}


def _has_pods(place: Place, service: str) -> bool:
    return any(map(is_behind_service, _slices(place, service)))


def _slices(place: Place, service: str) -> list[Manifest]:
    selector = f"kubernetes.io/service-name={service}"
    return place.cluster.list("discovery.k8s.io/v1", "EndpointSlice", place.namespace, selector)

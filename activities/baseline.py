"""A baseline's life: made beside the canary, looked after while it has traffic, and removed once it has none.

Its Deployment is made first and removed last: while anything of a baseline is left, that is there to be
found, unless somebody has deleted it.
"""

import time
from collections.abc import Iterator, Sequence
from functools import partial

from activities.elapsed import seconds_since_scheduled
from activities.heartbeat import late_heartbeat
from activities.homing import kept_home
from activities.judged import gone, refuse_scaled_down
from activities.offload import at_once
from activities.site import APPS, Place, Site
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence, StepReport
from tidegate.decisions.health.status import observed
from tidegate.decisions.rollout import available_replicas, rollout_of
from tidegate.domain.errors import AccessDenied, ReleaseFailed, StaleCommand, Transient
from tidegate.domain.manifest import Manifest, ObjectRef, name_of, ref_of
from tidegate.manifests.baseline import baseline, is_baseline
from tidegate.manifests.istio import baseline_rule
from tidegate.manifests.naming import BASELINE_SUFFIX
from tidegate.manifests.services import baseline_service

_PAUSE_SECONDS = 0.2

_MOMENT_SECONDS = 60.0
"""How long the next weight waits for a baseline that was ready before."""


def bring(site: Site, fence: Fence, replicas: int) -> None:
    """Make what the live primary runs once more, with so many pods, and the way to them.

    ReleaseFailed when an object of such a name is none of ours, or when none of it could be removed again.
    """
    primary = site.primary()
    if primary is None:
        raise ReleaseFailed(f"there is no {site.ref.primary} to make a baseline of")
    made = baseline(site.bundle.canary, primary, site.bundle.selector, replicas)
    canary, version = site.bundle.canary, site.istio_version("DestinationRule")
    _refuse_unremovable(site)
    _apply(site, site.cluster, made, fence)
    at_once(
        partial(_apply, site, site.cluster, baseline_service(canary, site.bundle.target), fence),
        partial(_apply, site, site.mesh, baseline_rule(canary, version), fence),
    )
    _refuse_overtaken(site, fence)


def standing(place: Place) -> Manifest | None:
    """What is there of a baseline: its Deployment, else its Service; None where neither is."""
    service = place.ref.service + BASELINE_SUFFIX
    found = at_once(partial(_deployment, place), partial(place.service, service))
    return next((live for live in found if is_baseline(live, place.ref.target)), None)


def _deployment(place: Place) -> Manifest | None:
    return place.cluster.get(APPS, "Deployment", place.namespace, baseline_name(place))


def baseline_name(place: Place) -> str:
    """What a baseline's Deployment is called."""
    return place.ref.target + BASELINE_SUFFIX


def refuse_missing_baseline(place: Place) -> Manifest:
    """The live baseline; ReleaseFailed when another writer took it away, or its pods."""
    live = _deployment(place)
    if live is None or not is_baseline(live, place.ref.target):
        raise gone(place.named(APPS, "Deployment", baseline_name(place)))
    refuse_scaled_down(live)
    return live


def refuse_unready_baseline(place: Place) -> None:
    """The same before it gets traffic; Transient where no pod is ready, and ReleaseFailed if that lasts."""
    live = refuse_missing_baseline(place)
    if observed(live) and not available_replicas(live):
        line = f"no pod of {baseline_name(place)} is ready to take traffic: {rollout_of(live).reason}"
        raise (Transient if seconds_since_scheduled() < _MOMENT_SECONDS else ReleaseFailed)(line)


def remove(place: Place, fence: Fence) -> StepReport:
    """Take a baseline away that has no traffic any more; without one, a single look."""
    if standing(place) is None:
        return StepReport()
    warnings = kept_home(place, fence)
    for cluster, ref in left_parts(place):
        live = cluster.get(ref.api_version, ref.kind, ref.namespace, ref.name)
        if is_baseline(live, place.ref.target):
            cluster.fenced_delete(ref, fence)
    return StepReport(notes=(f"{baseline_name(place)} was removed",), warnings=warnings)


def remove_stale(place: Place, fence: Fence, drain_seconds: float) -> StepReport:
    """Take away what a release that was cut off has left, once its last requests have come to their end."""
    if standing(place) is None:
        return StepReport()
    warnings = kept_home(place, fence)
    _stand_by(drain_seconds)
    said = f"{baseline_name(place)} was left by an earlier release"
    try:
        removed = remove(place, fence)
    except AccessDenied as error:
        return StepReport(warnings=(*warnings, f"{said}, and stays: {error}"))
    return StepReport(notes=(said,), warnings=warnings).and_then(removed)


def _stand_by(seconds: float) -> None:
    beat, ends = late_heartbeat(), time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        beat()
        time.sleep(min(_PAUSE_SECONDS, left))


def left_parts(place: Place) -> Iterator[tuple[Cluster, ObjectRef]]:
    """All that belongs to one that was left, be it by a revision in which the Service had another name."""
    found = place.cluster.list("v1", "Service", place.namespace)
    return _parts(place, [name_of(each) for each in found if is_baseline(each, place.ref.target)])


def _parts(place: Place, services: Sequence[str] = ()) -> Iterator[tuple[Cluster, ObjectRef]]:
    """All that belongs to a baseline, in the order in which it goes."""
    for service in dict.fromkeys((place.ref.service + BASELINE_SUFFIX, *services)):
        yield place.mesh, place.named(place.istio_version("DestinationRule"), "DestinationRule", service)
        yield place.cluster, place.named("v1", "Service", service)
    yield place.cluster, place.named(APPS, "Deployment", baseline_name(place))


def _apply(site: Site, cluster: Cluster, wanted: Manifest, fence: Fence) -> None:
    def ours(live: Manifest | None) -> Manifest:
        if live is not None and not is_baseline(live, site.ref.target):
            raise ReleaseFailed(
                f"{ref_of(live)} exists, and is no baseline of {site.ref.target}; rename or remove it"
            )
        return wanted

    cluster.fenced_apply_to(ref_of(wanted), ours, fence, manager=CANARY_FIELD_MANAGER)


def _refuse_unremovable(place: Place) -> None:
    """What the worker may not delete would be left behind by every release."""
    try:
        for cluster, ref in _parts(place):
            cluster.refuse_undeletable(ref)
    except AccessDenied as error:
        raise ReleaseFailed(
            f"a baseline could not be removed again: {error}; grant deploy/kubernetes/access/baseline"
        ) from error


def _refuse_overtaken(place: Place, fence: Fence) -> None:
    """An attempt from the dead may have made anew what a later command has removed: it goes again.

    What is deleted keeps no token; the target, which every later command writes, has it.
    """
    try:
        place.change_workload(place.ref.target, fence, lambda live: live)
    except StaleCommand:
        for cluster, ref in _parts(place):
            cluster.fenced_delete(ref, fence)
        raise

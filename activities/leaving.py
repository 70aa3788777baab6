"""Leaving: a further cluster that the Application no longer names is left where no primary serves.

One that failed to join holds up nothing. One that still serves would do so unjudged, by what Services of one
name have in common. Nor may a late step make one serve that was left: what is there obeys a command of the
release that leaves it, and every attempt looks for that before it makes Services.
"""

from activities.agreement import announce
from activities.elapsed import seconds_since_scheduled
from activities.site import Place, Sites, connected
from activities.whereabouts import named
from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.contracts import FENCE_ANNOTATION, Fence
from tidegate.decisions.clusters import (
    forgotten_clusters,
    left_behind,
    refusal_to_forget,
    refusal_to_leave,
)
from tidegate.domain.errors import StaleCommand, TidegateError, Transient
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.domain.marks import RELEASE, annotations
from tidegate.domain.workload import SERVICE
from tidegate.manifests import promotion
from tidegate.manifests.naming import PRIMARY_SUFFIX
from tidegate.settings.model import Settings


def bearer_of(routes: Manifest | None, primary: Manifest | None) -> Manifest | None:
    """What bears further clusters' mark: our routes, or the destination's primary before there are any."""
    return routes if RELEASE in annotations(routes or {}) else primary


def refuse_to_leave(
    place: Place,
    routes: Manifest | None,
    primary: Manifest | None,
    clusters: Clusters,
    settings: Settings,
) -> tuple[str, ...]:
    """What stays in clusters that the Application forgot, as warnings; InvalidInput for one that serves.

    So for one that does not say whether it does: Transient for as long as it may only be away for a while.
    """
    bearer = bearer_of(routes, primary)
    left: list[str] = []
    for name in forgotten_clusters(bearer, place.ref):
        ref = place.ref.model_copy(update={"cluster": name})
        try:
            there = connected(ref, clusters, settings)
            serving, standing = _serves(there), _standing(there)
        except TidegateError as error:
            where = place.mesh if bearer is routes else place.home
            refusal = refusal_to_forget(ref, name, str(error), _told(bearer, where))
            patient = seconds_since_scheduled() < settings.release.outage_budget_seconds
            raise (
                Transient(str(refusal)) if patient and isinstance(error, Transient) else refusal
            ) from error
        if serving:
            raise refusal_to_leave(ref, name)
        left += left_behind(ref, name, settings.cluster(name).context or name, standing)
    return tuple(left)


def _standing(place: Place) -> list[Manifest]:
    """The canary's workloads that stay in a cluster that is left."""
    return [live for live in (place.target(), place.primary()) if live is not None]


def shut_out(sites: Sites, home: Place, routes: Manifest | None, fence: Fence) -> None:
    """Before the routes forget a cluster: nothing that an earlier release began there can be finished.

    InvalidInput when it serves by now.
    """
    bearer = bearer_of(routes, None) or home.primary()
    forgotten = forgotten_clusters(bearer, home.ref)
    if forgotten and bearer is not routes:
        _touch_unfinished(home, bearer, fence)
    for name in forgotten:
        ref = home.ref.model_copy(update={"cluster": name})
        with named(ref):
            place = sites.place(ref)
            _touch_unfinished(place, place.primary(), fence)
            if _serves(place):
                raise refusal_to_leave(ref, name)


def refuse_left(place: Place, fence: Fence) -> None:
    """StaleCommand when a further cluster may have been left since this attempt began."""
    if not place.ref.is_further:
        return
    place.change_workload(place.ref.primary, fence, _as_it_is)
    announce(place, fence)
    home = place.at_home.primary()
    obeyed = Fence.obeyed_by(home)
    if fence.is_older_than(obeyed):
        raise StaleCommand(
            f"{place.ref.primary} in cluster {place.home.name} obeyed command {obeyed} already",
            obeyed=str(obeyed),
        )


def _touch_unfinished(place: Place, primary: Manifest | None, fence: Fence) -> None:
    """One without our token was made by others, and would seem to serve with it."""
    if primary is not None and promotion.is_initialising(primary):
        place.change_workload(place.ref.primary, fence, _as_it_is)


def _as_it_is(live: Manifest) -> Manifest:
    return live


def _told(bearer: Manifest | None, where: Cluster) -> str:
    return f"{ref_of(bearer or {})} in cluster {where.name}"


def _serves(place: Place) -> bool:
    """A primary that is not finished has users as soon as its Service is there.

    One that is a Service itself has them once there is the one beside the target, which is made then.
    """
    if promotion.serves(place.primary()):
        return True
    of_target = place.kind is SERVICE
    service = place.service(place.ref.carrier if of_target else place.ref.service + PRIMARY_SUFFIX)
    return FENCE_ANNOTATION in annotations(service or {})

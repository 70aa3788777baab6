"""Leaving: a further cluster that the Application no longer names is left where no primary serves.

One that failed to join holds up nothing. One that still serves would do so unjudged, by what Services of one
name have in common.
"""

from activities.site import Place, connected
from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.contracts import FENCE_ANNOTATION
from tidegate.decisions.clusters import forgotten_clusters, refusal_to_forget, refusal_to_leave
from tidegate.domain.errors import TidegateError
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.domain.marks import RELEASE, annotations
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
) -> None:
    """InvalidInput for a cluster that serves, or does not say so, and that the Application forgot."""
    bearer = bearer_of(routes, primary)
    for name in forgotten_clusters(bearer, place.ref):
        ref = place.ref.model_copy(update={"cluster": name})
        try:
            serving = _serves(connected(ref, clusters, settings))
        except TidegateError as error:
            where = place.mesh if bearer is routes else place.home
            raise refusal_to_forget(ref, name, str(error), _told(bearer, where)) from error
        if serving:
            raise refusal_to_leave(ref, name)


def _told(bearer: Manifest | None, where: Cluster) -> str:
    return f"{ref_of(bearer or {})} in cluster {where.name}"


def _serves(place: Place) -> bool:
    """A primary that is not finished has users as soon as its Service is there."""
    if promotion.serves(place.primary()):
        return True
    service = place.cluster.get("v1", "Service", place.namespace, place.ref.service + PRIMARY_SUFFIX)
    return FENCE_ANNOTATION in annotations(service or {})

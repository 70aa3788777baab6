"""Whether a further cluster's promotion stands: the destination has the say, so that all end the same.

A promotion becomes final with one write, and there is one for each cluster. The destination's comes first:
where it was made, the others follow; where it was not, and cannot be any more, all go back.
"""

from temporalio import activity

from activities.site import APPS, Place
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import CANARY_FIELD_MANAGER, FENCE_ANNOTATION, Fence
from tidegate.decisions.clusters import marked_clusters
from tidegate.decisions.ownership import other_release
from tidegate.domain.errors import Conflict
from tidegate.domain.manifest import Manifest, dig, ref_of
from tidegate.domain.marks import FURTHER, RELEASE, annotations
from tidegate.manifests import promotion

_PATIENCE_ATTEMPTS = 12
"""About ten seconds on the way back, in which the destination obeys it."""


def announce(place: Place, fence: Fence) -> None:
    """Before anything is made in a further cluster, live routes bear its name: it cannot be forgotten then.

    What a first release makes before there are routes is found by the destination's primary.
    """
    routes = place.routes() if place.ref.is_further else None
    if routes is None or other_release(routes, place.ref) or RELEASE not in annotations(routes):
        return
    every = dict.fromkeys((*marked_clusters(routes), *place.ref.owner.further_clusters))
    mark = {FURTHER: ",".join(every)}
    if mark.items() <= annotations(routes).items():
        return

    def marked(live: Manifest) -> Manifest:
        return live | {"metadata": live["metadata"] | {"annotations": annotations(live) | mark}}

    place.mesh.fenced_update(ref_of(routes), fence, marked, manager=CANARY_FIELD_MANAGER)


def stands_at_home(place: Place, primary: Manifest, fence: Fence) -> bool:
    """Whether the unfinished promotion of a further cluster's primary is there to stay.

    Asked on the way back, whose command `fence` shuts out a late final write at the destination: as long as
    that has not obeyed it, this is a Conflict, and tried again. A destination out of reach is Unreachable:
    whoever decided without it might end on another side.
    """
    if not place.ref.is_further or not promotion.is_unfinished(primary):
        return False
    patient = activity.info().attempt < _PATIENCE_ATTEMPTS
    home = _primary_of(place.home, place)
    if home is not None and patient and _obeyed_before(home, fence):
        raise Conflict(f"what {place.ref.primary} runs is not decided yet in cluster {place.home.name}")
    return promotion.stands_with(primary, home)


def stood_at_home(place: Place, primary: Manifest) -> bool:
    """The same before a release, when nobody else is under way."""
    if not place.ref.is_further or not promotion.is_unfinished(primary):
        return False
    return promotion.stands_with(primary, _primary_of(place.home, place))


def _primary_of(cluster: Cluster, place: Place) -> Manifest | None:
    return cluster.get(APPS, place.ref.kind, place.namespace, place.ref.primary)


def _obeyed_before(home: Manifest, fence: Fence) -> bool:
    obeyed = Fence.parse(dig(home, "metadata", "annotations", FENCE_ANNOTATION))
    return obeyed is None or obeyed.is_older_than(fence)

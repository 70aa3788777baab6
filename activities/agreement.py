"""Whether a further cluster's promotion stands: the destination has the say, so that all end the same.

A promotion becomes final with one write, and there is one for each cluster. The destination's comes first:
where it was made, the others follow; where it was not, and cannot be any more, all go back.
"""

from typing import NamedTuple

from activities.heartbeat import late_heartbeat
from activities.site import Place
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence
from tidegate.decisions.clusters import marked_clusters
from tidegate.decisions.ownership import other_release
from tidegate.domain.errors import NotReady
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.domain.marks import FURTHER, RELEASE, annotations
from tidegate.manifests import promotion

_PATIENCE_SECONDS = 30.0
"""How long a destination that answers may take to obey: longer than a dead worker goes unnoticed."""


class Kept(NamedTuple):
    """A primary whose promotion stands, and what is said of it."""

    primary: Manifest
    note: str


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

    Asked on the way back, whose command `fence` shuts out a late final write at the destination: until that
    has obeyed it, this waits. A destination out of reach is Unreachable: whoever decided without it might end
    on another side.
    """
    return _hangs_on_home(place, primary) and promotion.stands_with(primary, _decided_at_home(place, fence))


def stood_at_home(place: Place, primary: Manifest) -> bool:
    """The same before a release, when nobody else is under way."""
    return _hangs_on_home(place, primary) and promotion.stands_with(primary, place.at_home.primary())


def kept_as_at_home(place: Place, fence: Fence) -> Kept:
    """Make the promotion of a further cluster's primary final, as it is at the destination."""
    return kept(place, fence, f"in cluster {place.home.name} it is final")


def kept(place: Place, fence: Fence, because: str) -> Kept:
    """Make the promotion of a primary final, and say why."""
    change = place.change_workload(place.ref.primary, fence, promotion.settled)
    return Kept(change.after, f"{place.ref.primary} keeps what was promoted: {because}")


def _hangs_on_home(place: Place, primary: Manifest) -> bool:
    return place.ref.is_further and promotion.is_unfinished(primary)


def _decided_at_home(place: Place, fence: Fence) -> Manifest | None:
    """The destination's primary once it has obeyed the command, or will not any more."""
    home, beat = place.at_home, late_heartbeat()
    told = f"what {place.ref.primary} runs is not decided yet in cluster {place.home.name}"

    def decided(live: Manifest | None) -> tuple[Manifest | None] | None:
        return None if live is not None and _obeyed_before(live, fence) else (live,)

    try:
        return home.wait(place.ref.primary, decided, _PATIENCE_SECONDS, lambda: beat(told))[0]
    except NotReady:
        return home.primary()


def _obeyed_before(home: Manifest, fence: Fence) -> bool:
    obeyed = Fence.obeyed_by(home)
    return obeyed is None or obeyed.is_older_than(fence)

"""The primary as it was before the release: after a promotion that did not stand, and after other writers."""

from typing import NamedTuple

from activities.site import Place
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence
from tidegate.domain.manifest import Manifest
from tidegate.domain.marks import REVISION, annotations
from tidegate.manifests import promotion, snapshot
from tidegate.manifests.drift import last_writer


class Undone(NamedTuple):
    """What a restoring write did; `revision` is the commit that the primary runs, as far as it says so."""

    changed: bool
    revision: str
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def restored(place: Place, fence: Fence) -> Undone | None:
    """Write the primary back; None when there is none, and none was kept.

    The write happens in any case: its token keeps every earlier promotion from following.
    """
    name, kept = place.ref.primary, snapshot.kept_in(place.target())
    if place.primary() is None:
        return _made_anew(place, fence, kept) if kept else None

    def back(live: Manifest) -> Manifest:
        return snapshot.put_back(live, kept)

    change = place.change_deployment(name, fence, back)
    before, after = change.before or change.after, change.after
    unfinished = promotion.is_unfinished(before)
    changed = unfinished or before["spec"]["template"] != after["spec"]["template"]
    warnings: tuple[str, ...] = ()
    if changed and not unfinished:
        who = last_writer(before, CANARY_FIELD_MANAGER, part=("spec", "template"))
        warnings = (f"{_described(place)} was changed by {who} during the release; restored",)
    return Undone(changed, annotations(after).get(REVISION, ""), warnings=warnings)


def _made_anew(place: Place, fence: Fence, kept: Manifest) -> Undone:
    place.cluster.fenced_apply(kept, fence, manager=CANARY_FIELD_MANAGER)
    said = f"{_described(place)} was deleted by another writer; created anew as it was"
    return Undone(True, annotations(kept).get(REVISION, ""), warnings=(said,))


def _described(place: Place) -> str:
    return f"Deployment {place.namespace}/{place.ref.primary}"

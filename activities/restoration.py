"""The primary as it was before the release: after a promotion that did not stand, and after other writers."""

from typing import NamedTuple

from activities.agreement import Kept, kept, kept_as_at_home, stands_at_home
from activities.autoscalers import bring_back
from activities.site import Place
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence
from tidegate.domain.manifest import Manifest
from tidegate.domain.workload import kind_of
from tidegate.manifests import promotion, snapshot
from tidegate.manifests.drift import last_writer


class Undone(NamedTuple):
    """What a restoring write did; `promoted_by` is the epoch of the release that promoted the primary."""

    changed: bool
    promoted_by: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def restored(place: Place, fence: Fence, copy_epoch: int, stands: bool = False) -> Undone | None:
    """Write the primary back; None when there is none, and none was kept.

    The write happens in any case: its token keeps every earlier promotion from following. A copy of another
    release than that with the epoch `copy_epoch` is out of date: the primary may have been mended since.
    With `stands`, what that release has promoted is kept; 0 is any.
    """
    name, copy = place.ref.primary, kept_at(place)
    live = place.primary()
    if live is None:
        return _made_anew(place, fence, copy) if copy else None
    if stands_at_home(place, live, fence):
        return _kept(kept_as_at_home(place, fence))
    if stands and promotion.is_unfinished(live) and copy_epoch in (0, promotion.promoted_by(live)):
        return _kept(kept(place, fence, "all canaries of the release were"))
    own = copy if copy and copy_epoch and snapshot.epoch(copy) == copy_epoch else None

    def back(live: Manifest) -> Manifest:
        return snapshot.put_back(live, own)

    left = bring_back(place, live, fence)
    change = place.change_workload(name, fence, back)
    before, after = change.before or change.after, change.after
    unfinished = promotion.is_unfinished(before)
    changed = unfinished or kind_of(before).template(before) != kind_of(after).template(after)
    warnings: tuple[str, ...] = ()
    if changed and (not unfinished or (own is not None and snapshot.differs(before, own))):
        warnings = (f"{_changed(place, before)}; restored",)
    elif own is None and copy and snapshot.differs(after, copy):
        who = _writer(after)
        warnings = (f"{_described(place)} was changed by {who} since a release was cut off; left as it is",)
    return Undone(changed, promotion.promoted_by(after), warnings=(*left, *warnings))


def _kept(standing: Kept) -> Undone:
    return Undone(False, promotion.promoted_by(standing.primary), notes=(standing.note,))


def kept_at(place: Place) -> Manifest | None:
    """The primary that the target keeps.

    A mark that describes any other object is nobody's: whoever may edit the target is not to write elsewhere.
    """
    kept = snapshot.kept_in(place.target())
    return kept if kept and snapshot.describes(kept, place.workload_ref(place.ref.primary)) else None


def replaced(place: Place, before: Manifest | None, fence: Fence) -> tuple[str, ...]:
    """What another writer did to the primary since the scale-up, which a promotion has written over."""
    kept = kept_at(place)
    if before is None or kept is None or snapshot.epoch(kept) != fence.epoch:
        return ()
    if not snapshot.differs(before, kept):
        return ()
    return (f"{_changed(place, before)}; the promotion has written over it",)


def _changed(place: Place, primary: Manifest) -> str:
    return f"{_described(place)} was changed by {_writer(primary)} during the release"


def _writer(primary: Manifest) -> str:
    return last_writer(primary, CANARY_FIELD_MANAGER, part=kind_of(primary).version_field)


def _made_anew(place: Place, fence: Fence, kept: Manifest) -> Undone:
    place.cluster.fenced_apply(snapshot.anew(kept), fence, manager=CANARY_FIELD_MANAGER)
    said = f"{_described(place)} was deleted by another writer; created anew as it was"
    return Undone(True, promotion.promoted_by(kept), warnings=(said,))


def _described(place: Place) -> str:
    return str(place.workload_ref(place.ref.primary))

"""A target Service, which follows its primary, and the Service beside it, which carries what is judged.

The target is what users call. It leads where the primary does, from one promotion to the next, whatever Git
says meanwhile, and whatever others make of the primary: those who call it without the mesh never meet a
version that is under judgement.
"""

from collections.abc import Callable
from typing import NamedTuple

from activities.site import Place, Site, described
from tidegate.contracts import CANARY_FIELD_MANAGER, FIELD_MANAGER, Fence
from tidegate.decisions.revision import promoted_hash, template_hash
from tidegate.domain.manifest import Manifest
from tidegate.domain.workload import SERVICE
from tidegate.manifests import promotion, snapshot
from tidegate.manifests.drift import last_writer
from tidegate.manifests.primary import canary_service


class Followed(NamedTuple):
    """A live Service, a note on how it was taken over or led elsewhere, and the fields that were changed."""

    live: Manifest
    note: str = ""
    changed: str = ""


def surrounding(site: Site, fence: Fence) -> tuple[Followed, ...]:
    """Both Services as they are between releases; that beside the target is made where there is none."""
    live = site.primary()
    if live is None:
        return ()
    carrier = site.target()
    if carrier is None:
        beside = canary_service(site.bundle.target, promotion.restored(live))
        carrier = site.apply(beside, fence).after
    followed = _followed(site, as_promoted(live, site.target), fence)
    return (Followed(carrier),) if followed is None else (Followed(carrier), followed)


def mended_target(site: Site, fence: Fence) -> str:
    """The target as it has to be while another version is judged; what another writer had done to it."""
    primary, live = _primary(site), site.apex()
    if primary is None:
        return ""
    if live is None:
        _anew(site, primary, fence)
        return f"{described(site.bundle.target)} was deleted by another writer; created anew"
    if not _lead(site, live, primary, fence):
        return ""
    who = last_writer(live, CANARY_FIELD_MANAGER, FIELD_MANAGER)
    return f"{described(live)} was changed by {who}: it led to {SERVICE.size(live)}; corrected"


def follow_primary(place: Place, fence: Fence) -> str:
    """Let the target lead where its primary does for good; a note where it led elsewhere."""
    primary, live = _primary(place), place.apex()
    if primary is None or live is None or not _lead(place, live, primary, fence):
        return ""
    return _told(live, primary)


def as_promoted(primary: Manifest, carrier: Callable[[], Manifest | None]) -> Manifest | None:
    """The primary without a promotion that does not stand yet, and without what others made of it.

    Where it leads elsewhere than its marks say, the copy tells that its carrier keeps; None where none does.
    """
    restored, known = promotion.restored(primary), promoted_hash(primary)
    if not known or template_hash(restored) == known:
        return restored
    kept = snapshot.kept_in(carrier())
    return kept if kept is not None and template_hash(kept) == known else None


def strayed(place: Place) -> str:
    """Who led the primary to what was never promoted, so that its target does not follow; empty if nobody."""
    primary = place.primary()
    if primary is None or as_promoted(primary, place.target) is not None:
        return ""
    who = last_writer(primary, CANARY_FIELD_MANAGER)
    return (
        f"{described(primary)} was changed by {who}: it leads to {SERVICE.size(primary)}, and not where it "
        f"was promoted to; {place.ref.service} does not follow it: change it back"
    )


def _followed(site: Site, primary: Manifest | None, fence: Fence) -> Followed | None:
    live = site.apex()
    if primary is None:
        return None if live is None else Followed(live)
    if live is None:
        return Followed(_anew(site, primary, fence))
    return Followed(live, _told(live, primary) if _lead(site, live, primary, fence) else "")


def _anew(site: Site, primary: Manifest, fence: Fence) -> Manifest:
    return site.apply(SERVICE.at_rest(site.bundle.target, primary), fence).after


def _primary(place: Place) -> Manifest | None:
    """What the target follows; None without a primary, and where nobody knows what it was promoted to."""
    primary = place.primary()
    return None if primary is None else as_promoted(primary, place.target)


def _lead(place: Place, live: Manifest, primary: Manifest, fence: Fence) -> bool:
    """Whether the target led elsewhere, and was written."""
    if SERVICE.template(live) == SERVICE.template(primary):
        return False
    place.change_service(place.ref.service, fence, lambda current: SERVICE.at_rest(current, primary))
    return True


def _told(live: Manifest, primary: Manifest) -> str:
    return f"{described(live)} leads to {SERVICE.size(primary)} now; before, to {SERVICE.size(live)}"

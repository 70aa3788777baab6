"""Flagger's Canary as the owner of what it made: Kubernetes deletes all of that together with the Canary."""

from tidegate.domain.canary import API_GROUP
from tidegate.domain.manifest import Manifest, dig
from tidegate.manifests.naming import ARGO_CD, OWNER_LABELS
from tidegate.manifests.services import asked_for


def owning_canary(live: Manifest | None) -> str:
    """The name of Flagger's Canary that an object belongs to; empty without one."""
    return next((str(each.get("name")) for each in _owners(live) if _is_canary(each)), "")


def disowning(live: Manifest) -> Manifest:
    """The merge patch that takes an object away from Flagger's Canary.

    Flagger copies Argo CD's marks from the target onto what it makes. Argo CD heeds them where an object has
    no owner, and prunes what is not in Git: in the same write they have to go.
    """
    kept = [each for each in _owners(live) if not _is_canary(each)]
    marks = {} if kept else {part: _without_marks(live, part) for part in ("labels", "annotations")}
    return {"metadata": {"ownerReferences": kept or None, **marks}}


def _without_marks(live: Manifest, part: str) -> dict[str, None]:
    """What the Canary itself asks for is no copy."""
    known, asked = dig(live, "metadata", part) or {}, asked_for(live)[part]
    marks = (key for key in known if key in OWNER_LABELS or key.startswith(ARGO_CD))
    return {key: None for key in marks if key not in asked}


def _is_canary(owner: Manifest) -> bool:
    return str(owner.get("apiVersion") or "").startswith(f"{API_GROUP}/")


def _owners(live: Manifest | None) -> list[Manifest]:
    return dig(live, "metadata", "ownerReferences") or []

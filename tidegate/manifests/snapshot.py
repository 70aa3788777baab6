"""The primary as a release found it, kept in an annotation of the target while the release is under way.

With it the old side can be brought back after another writer has edited or deleted the primary, without Git.
"""

import json
from copy import deepcopy

from tidegate.contracts import FENCE_ANNOTATION, Fence
from tidegate.domain.manifest import Manifest, ObjectRef, dig
from tidegate.domain.marks import (
    CONFIGURATION,
    PRIMARY,
    PROMOTED_BY,
    REVISION,
    ROLLBACK,
    TEMPLATE_HASH,
    annotations,
)
from tidegate.domain.workload import SERVICE, kind_of
from tidegate.manifests import promotion
from tidegate.manifests.services import HEADLESS

LARGEST = 100_000
"""Characters; Kubernetes takes 256 KiB for all annotations of an object together."""


def taken(primary: Manifest | None, fence: Fence) -> dict[str, str]:
    """The annotation that keeps a primary; none without one, nor for one that is too large to be kept.

    Of one in an unfinished promotion, what that will be undone to is kept. `fence` is that of the command
    which takes the copy.
    """
    if primary is None:
        return {}
    primary = promotion.restored(primary)
    metadata = primary["metadata"]
    marks = {
        key: value for key, value in annotations(primary).items() if key not in (FENCE_ANNOTATION, ROLLBACK)
    }
    kept = {
        "apiVersion": primary["apiVersion"],
        "kind": primary["kind"],
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": metadata.get("labels") or {},
            "annotations": marks | {FENCE_ANNOTATION: str(fence)},
        },
        "spec": primary["spec"],
    }
    text = json.dumps(kept, separators=(",", ":"), sort_keys=True)
    return {PRIMARY: text} if len(text) <= LARGEST else {}


def kept_in(target: Manifest | None) -> Manifest | None:
    """The primary that a target keeps; None when it keeps none, or when somebody has edited it beyond use."""
    try:
        kept = json.loads(annotations(target or {}).get(PRIMARY, ""))
    except ValueError:
        return None
    usable = isinstance(kept, dict) and isinstance(kept.get("spec"), dict)
    return kept if usable and kind_of(kept).carried[0] in kept["spec"] else None


def describes(kept: Manifest, ref: ObjectRef) -> bool:
    """Whether what is kept is that object, and not another one that an editor of the target wrote there."""
    named = (kept.get("apiVersion"), kept.get("kind"))
    placed = tuple(dig(kept, "metadata", key) for key in ("namespace", "name"))
    return (*named, *placed) == (ref.api_version, ref.kind, ref.namespace, ref.name)


def epoch(kept: Manifest) -> int:
    """The epoch of the release that took the copy; 0 when it does not say."""
    fence = Fence.obeyed_by(kept)
    return fence.epoch if fence else 0


def differs(live: Manifest, kept: Manifest) -> bool:
    """Whether `put_back` would change more of a live primary than its unfinished promotion."""
    return not _stands(live, kept) and _rollout(promotion.restored(live)) != _rollout(kept)


def put_back(live: Manifest, kept: Manifest | None) -> Manifest:
    """The live primary without its unfinished promotion, and with the rollout that was kept; its size stays.

    What was kept before a promotion that stands is out of date, and not put back.
    """
    undone = promotion.restored(live)
    if kept is None or not differs(live, kept):
        return undone
    marks = (TEMPLATE_HASH, REVISION, PROMOTED_BY, CONFIGURATION)
    known = {key: value for key, value in annotations(kept).items() if key in marks}
    metadata = undone["metadata"] | {"annotations": annotations(undone) | known}
    return deepcopy(kind_of(live).carrying(undone, _rollout(kept)) | {"metadata": metadata})


def anew(kept: Manifest) -> Manifest:
    """The primary to make again: addresses that the server gave to a Service may be others' by now."""
    if kind_of(kept) is not SERVICE:
        return kept
    addresses = () if kept["spec"].get("clusterIP") == HEADLESS else ("clusterIP", "clusterIPs")
    given = (*addresses, "healthCheckNodePort")
    spec = {key: value for key, value in kept["spec"].items() if key not in given}
    if "ports" in spec:
        spec["ports"] = [{key: port[key] for key in port if key != "nodePort"} for port in spec["ports"]]
    return kept | {"spec": spec}


def _stands(live: Manifest, kept: Manifest) -> bool:
    """Whether the live primary was promoted after it was kept, for good."""
    runs = annotations(live).get(TEMPLATE_HASH)
    return bool(runs) and runs != annotations(kept).get(TEMPLATE_HASH) and not promotion.is_unfinished(live)


def _rollout(primary: Manifest) -> Manifest:
    carried = kind_of(primary).carried
    return {field: value for field, value in primary["spec"].items() if field in carried}

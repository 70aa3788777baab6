"""The primary as a release found it, kept in an annotation of the target while the release is under way.

With it the old side can be brought back after another writer has edited or deleted the primary, without Git.
"""

import json
from copy import deepcopy

from tidegate.contracts import FENCE_ANNOTATION
from tidegate.domain.manifest import Manifest
from tidegate.domain.marks import PRIMARY, ROLLBACK, annotations
from tidegate.manifests.promotion import CARRIED

LARGEST = 100_000
"""Characters; Kubernetes takes 256 KiB for all annotations of an object together."""


def taken(primary: Manifest | None) -> dict[str, str]:
    """The annotation that keeps a primary; none without one, nor for one that is too large to be kept."""
    if primary is None:
        return {}
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
            "annotations": marks,
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
    return kept if isinstance(kept, dict) and "template" in kept.get("spec", {}) else None


def put_back(live: Manifest, kept: Manifest | None) -> Manifest:
    """The live primary with the rollout that was kept; its size stays as it is."""
    if kept is None or _rollout(live) == _rollout(kept):
        return live
    spec = {key: value for key, value in live["spec"].items() if key not in CARRIED}
    return deepcopy(live | {"spec": spec | _rollout(kept)})


def _rollout(deployment: Manifest) -> Manifest:
    return {field: value for field, value in deployment["spec"].items() if field in CARRIED}

"""KEDA's ScaledObject: what the primary's has in the place of the target's, and the target's pause."""

import re
from collections.abc import Mapping
from copy import deepcopy

from tidegate.domain.manifest import Manifest, dig
from tidegate.domain.marks import annotations
from tidegate.manifests.naming import CANARY_SUFFIX, PRIMARY_SUFFIX

GROUP = "keda.sh"
KIND = "ScaledObject"
API_VERSION = "keda.sh/v1alpha1"
BOUNDS = ("minReplicaCount", "maxReplicaCount")

PAUSED = "autoscaling.keda.sh/paused-replicas"
"""Annotation: KEDA keeps so many replicas, and looks at no trigger."""


def rewritten(spec: Manifest, target: str, primary: str, queries: Mapping[str, str]) -> Manifest:
    """The spec that scales the primary; `queries` by the names of triggers replace those of the target.

    In every other query, the target's name becomes the primary's.
    """
    copy = deepcopy(spec)
    copy["scaleTargetRef"] = copy["scaleTargetRef"] | {"name": primary}
    for trigger in copy.get("triggers") or ():
        metadata = trigger.get("metadata") or {}
        if trigger.get("name") in queries:
            trigger["metadata"] = metadata | {"query": queries[trigger["name"]]}
        elif isinstance(query := metadata.get("query"), str):
            metadata["query"] = _of_primary(query, target, primary)
    hpa = dig(copy, "advanced", "horizontalPodAutoscalerConfig") or {}
    if hpa.get("name"):  # Two ScaledObjects cannot have one HPA.
        hpa["name"] += PRIMARY_SUFFIX
    return copy


def paused(live: Manifest) -> Manifest:
    """The target's ScaledObject between releases."""
    return _annotated(live, annotations(live) | {PAUSED: "0"})


def resumed(live: Manifest) -> Manifest:
    """The target's ScaledObject while the target is judged."""
    return _annotated(live, {key: value for key, value in annotations(live).items() if key != PAUSED})


def is_kedas(autoscaler: Manifest) -> bool:
    """Whether KEDA made a live HPA, for a ScaledObject."""
    owners = dig(autoscaler, "metadata", "ownerReferences") or []
    return any(str(owner.get("apiVersion") or "").startswith(f"{GROUP}/") for owner in owners)


def _of_primary(query: str, target: str, primary: str) -> str:
    """podinfo and podinfo-canary become podinfo-primary; my-podinfo and podinfo2 are others."""
    name = rf"(?<![\w-]){re.escape(target)}(?:{CANARY_SUFFIX}(?![\w-])|(?!{PRIMARY_SUFFIX})(?!\w))"
    return re.sub(name, lambda _: primary, query)


def _annotated(live: Manifest, known: dict[str, str]) -> Manifest:
    return live | {"metadata": live["metadata"] | {"annotations": known}}

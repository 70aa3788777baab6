"""The baseline: the current version deployed anew beside the canary, to be compared with it, and then gone.

The primary has run for days, with warm caches and another size: a comparison would measure that too. A
baseline is as young and as large as the canary. Its pods are selected by its own Service alone.
"""

from copy import deepcopy

from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig, name_of
from tidegate.domain.marks import BASELINE_OF, annotations
from tidegate.domain.workload import DEPLOYMENT, ROLLOUT_FIELDS, kind_of
from tidegate.manifests.naming import (
    BASELINE_SUFFIX,
    LONGEST_LABEL,
    OWNER_LABELS,
    Selector,
    baseline_marks,
    names,
)
from tidegate.manifests.primary import relabelled


def baseline(canary: Canary, primary: Manifest, selector: Selector, replicas: int) -> Manifest:
    """The baseline's Deployment: what the live primary runs, its copies of the configuration included."""
    spec = primary["spec"]
    labels = dig(primary, "metadata", "labels") or {}
    kept = {key: value for key, value in labels.items() if key not in OWNER_LABELS}
    return {
        "apiVersion": primary["apiVersion"],
        "kind": "Deployment",
        "metadata": {
            "name": names(canary).baseline,
            "namespace": canary.namespace,
            "labels": kept | {selector.label: selector.baseline},
            "annotations": baseline_marks(canary),
        },
        "spec": {
            **{field: deepcopy(spec[field]) for field in ROLLOUT_FIELDS if field in spec},
            "template": relabelled(spec["template"], _of_primary(selector)),
            "replicas": replicas,
            "selector": {"matchLabels": {selector.label: selector.baseline}},
        },
    }


def is_baseline(live: Manifest | None, target: str) -> bool:
    """Whether a live object was made for the baseline beside this target."""
    return annotations(live or {}).get(BASELINE_OF) == target


def refuse_without_replicas(target: Manifest) -> None:
    """InvalidInput for a DaemonSet, of a third pod on every node, and a Service, without pods of its own."""
    if kind_of(target) is not DEPLOYMENT:
        raise InvalidInput(
            f"a {kind_of(target).name} has no baseline",
            field="spec.targetRef.kind",
            mend="compare with: primary in its ReleasePolicy",
        )


def refuse_long_label(target: Manifest, selector: Selector) -> None:
    """InvalidInput where no pod could bear the baseline's label."""
    if len(selector.baseline) > LONGEST_LABEL:
        raise InvalidInput(
            f"the label value {selector.baseline!r} of {name_of(target)}'s baseline is longer than "
            f"{LONGEST_LABEL} characters",
            field=f"spec.selector.matchLabels.{selector.label}",
            mend=f"use a value of at most {LONGEST_LABEL - len(BASELINE_SUFFIX)} characters, or compare "
            "with: primary",
        )


def _of_primary(selector: Selector) -> Selector:
    """The primary in the target's place, and the baseline in the primary's."""
    return Selector(selector.label, selector.primary, selector.baseline)

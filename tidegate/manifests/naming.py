"""What the objects of a canary are called, and by which label its pods are told apart; Flagger's names."""

from typing import NamedTuple

from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig
from tidegate.domain.marks import BASELINE_OF

SELECTOR_LABELS = ("app", "name", "app.kubernetes.io/name")
"""The first of these in the target's selector tells the target's pods from the primary's."""

OWNER_LABELS = ("app.kubernetes.io/instance", "argocd.argoproj.io/instance")
"""Argo CD's mark on what it owns: a copy that bore it would be pruned as an object absent from Git."""

ARGO_CD = "argocd.argoproj.io/"
"""What Argo CD's own labels and annotations begin with."""

PRIMARY_SUFFIX = "-primary"
CANARY_SUFFIX = "-canary"
BASELINE_SUFFIX = "-baseline"
LONGEST_LABEL = 63


class Names(NamedTuple):
    """The names of everything that belongs to one canary."""

    target: str
    primary: str
    apex: str
    primary_service: str
    canary_service: str
    autoscaler: str
    primary_autoscaler: str
    baseline: str
    baseline_service: str


def names(canary: Canary) -> Names:
    """The names for a canary; those of the autoscalers are empty without an autoscalerRef."""
    target = canary.spec.target_ref.name
    apex = canary.spec.service.name or target
    autoscaler = canary.spec.autoscaler_ref.name if canary.spec.autoscaler_ref else ""
    return Names(
        target=target,
        primary=target + PRIMARY_SUFFIX,
        apex=apex,
        primary_service=apex + PRIMARY_SUFFIX,
        canary_service=apex + CANARY_SUFFIX,
        autoscaler=autoscaler,
        primary_autoscaler=autoscaler and autoscaler + PRIMARY_SUFFIX,
        baseline=target + BASELINE_SUFFIX,
        baseline_service=apex + BASELINE_SUFFIX,
    )


def baseline_marks(canary: Canary) -> dict[str, str]:
    """The annotation of all that belongs to a canary's baseline, by which it is known to be one."""
    return {BASELINE_OF: canary.spec.target_ref.name}


class Selector(NamedTuple):
    """The label that tells the Deployments' pods apart, and its value on the pods of each."""

    label: str
    target: str
    primary: str

    @property
    def baseline(self) -> str:
        """The label's value on the pods of a baseline."""
        return self.target + BASELINE_SUFFIX


def selector_of(target: Manifest) -> Selector:
    """The selector label of a target Deployment; InvalidInput when it has none that can be rewritten."""
    wanted = dig(target, "spec", "selector", "matchLabels") or {}
    label = next((label for label in SELECTOR_LABELS if wanted.get(label)), "")
    if not label:
        raise InvalidInput(
            f"selects its pods by none of {', '.join(SELECTOR_LABELS)}",
            field="spec.selector.matchLabels",
            mend="add one of them to the selector and to the pod template's labels",
        )
    return _checked(target, Selector(label, str(wanted[label]), str(wanted[label]) + PRIMARY_SUFFIX))


def _checked(target: Manifest, selector: Selector) -> Selector:
    on_pods = dig(target, "spec", "template", "metadata", "labels", selector.label)
    if on_pods != selector.target:
        raise InvalidInput(
            f"the pods' label {selector.label} is {on_pods!r}, and the selector wants {selector.target!r}",
            field="spec.template.metadata.labels",
            mend="give the pod template the labels of the selector",
        )
    if len(selector.primary) > LONGEST_LABEL:
        raise InvalidInput(
            f"the label value {selector.primary!r} is longer than {LONGEST_LABEL} characters",
            field=f"spec.selector.matchLabels.{selector.label}",
            mend=f"use a value of at most {LONGEST_LABEL - len(PRIMARY_SUFFIX)} characters",
        )
    return selector

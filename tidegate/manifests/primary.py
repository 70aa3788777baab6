"""The primary: a copy of the target under another name and label, which serves users between releases."""

from copy import deepcopy
from types import MappingProxyType
from typing import Any

from tidegate.domain.errors import ReleaseFailed
from tidegate.domain.manifest import Manifest, dig, name_of
from tidegate.domain.workload import ROLLOUT_FIELDS, SERVICE, kind_of
from tidegate.manifests.configuration import Names, renamed
from tidegate.manifests.naming import ARGO_CD, OWNER_LABELS, PRIMARY_SUFFIX, Selector, selector_of
from tidegate.manifests.target_service import copied

OWNER_ANNOTATIONS = (
    ARGO_CD,
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "external-dns.alpha.kubernetes.io/",
    "kubectl.kubernetes.io/last-applied-configuration",
    "tidegate.dev/",
)
"""Prefixes of annotations that speak of the target alone."""


NO_COPIES: Names = MappingProxyType({})


def primary(
    target: Manifest, *, replicas: int, annotations: dict[str, str], copies: Names = NO_COPIES
) -> Manifest:
    """The primary for a target's manifest; `copies` name its own ConfigMaps and Secrets."""
    if kind_of(target) is SERVICE:
        return copied(target, name_of(target) + PRIMARY_SUFFIX, _annotations(target) | annotations)
    selector = selector_of(target)
    made = {
        "apiVersion": target["apiVersion"],
        "kind": target["kind"],
        "metadata": {
            "name": name_of(target) + PRIMARY_SUFFIX,
            "namespace": target["metadata"]["namespace"],
            "labels": _labels(target, selector),
            "annotations": _annotations(target) | annotations,
        },
        "spec": {
            **rollout_of(target, copies),
            "selector": {"matchLabels": {selector.label: selector.primary}},
        },
    }
    return kind_of(target).up(made, replicas, target)


def refuse_stranger(live: Manifest, target: Manifest) -> None:
    """ReleaseFailed when a live workload of the primary's name was made for something else.

    A Service has no label of its pods that would tell.
    """
    if kind_of(target) is SERVICE:
        return
    selector = selector_of(target)
    found = dig(live, "spec", "template", "metadata", "labels", selector.label)
    if found != selector.primary:
        raise ReleaseFailed(
            f"{live['kind']} {name_of(live)} exists, but its pods' label {selector.label} is {found!r} and "
            f"not {selector.primary!r}: it is not the primary of {name_of(target)}; rename or remove it"
        )


def rollout_of(target: Manifest, copies: Names = NO_COPIES) -> Manifest:
    """What a promotion writes into the primary's spec: the rewritten template and how it is rolled out."""
    if kind_of(target) is SERVICE:
        return SERVICE.template(target)
    spec = target["spec"]
    kept = {field: deepcopy(spec[field]) for field in ROLLOUT_FIELDS if field in spec}
    template = renamed(kind_of(target).template(target), copies)
    return {**kept, "template": relabelled(template, selector_of(target))}


def relabelled(template: Manifest, selector: Selector) -> Manifest:
    """The pod template of the selector's target, made its primary's."""
    copy = deepcopy(template)
    copy["metadata"]["labels"][selector.label] = selector.primary
    for term in _placement_selectors(copy.get("spec") or {}):
        _follow(term, selector)
    return copy


def _placement_selectors(pod: Manifest) -> list[Manifest]:
    """Label selectors of the terms that spread a workload's own pods."""
    apart = dig(pod, "affinity", "podAntiAffinity") or {}
    required = apart.get("requiredDuringSchedulingIgnoredDuringExecution") or []
    preferred = apart.get("preferredDuringSchedulingIgnoredDuringExecution") or []
    terms = [
        *required,
        *(each.get("podAffinityTerm") or {} for each in preferred),
        *(pod.get("topologySpreadConstraints") or []),
    ]
    return [term["labelSelector"] for term in terms if term.get("labelSelector")]


def _follow(term: Manifest, selector: Selector) -> None:
    """Point a copied selector at the primary's pods where it names the target's by the label that differs."""

    def followed(value: Any) -> Any:
        return selector.primary if value == selector.target else value

    labels = term.get("matchLabels") or {}
    if selector.label in labels:
        labels[selector.label] = followed(labels[selector.label])
    for expression in term.get("matchExpressions") or []:
        if expression.get("key") == selector.label and expression.get("values"):
            expression["values"] = [followed(value) for value in expression["values"]]


def _labels(target: Manifest, selector: Selector) -> dict[str, str]:
    labels = dig(target, "metadata", "labels") or {}
    kept = {key: value for key, value in labels.items() if key not in OWNER_LABELS}
    return kept | {selector.label: selector.primary}


def canary_service(target: Manifest, like: Manifest) -> Manifest:
    """The Service beside a target Service that carries what is released; it leads where `like` does yet."""
    return copied(target, SERVICE.carrier(name_of(target)), _annotations(target), like)


def _annotations(target: Manifest) -> dict[str, str]:
    known = dig(target, "metadata", "annotations") or {}
    return {key: value for key, value in known.items() if not key.startswith(OWNER_ANNOTATIONS)}

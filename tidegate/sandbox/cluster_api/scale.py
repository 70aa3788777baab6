"""The scale subresource: replicas seen and set without knowing the kind."""

from __future__ import annotations

from typing import Any

from tidegate.sandbox.cluster_api import errors
from tidegate.sandbox.cluster_api.kinds import Kind, Scale
from tidegate.sandbox.cluster_api.objects import Object, dig, meta, name_of
from tidegate.sandbox.cluster_api.selectors import selector_text

_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(obj: Object, rule: Scale) -> Object:
    """The object as an autoscaling/v1 Scale."""
    status: Object = {"replicas": dig(obj, *rule.status_replicas) or 0}
    replicas = dig(obj, *rule.replicas) or 0
    selector = _selector(dig(obj, *rule.selector) if rule.selector else None)
    if selector:
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: meta(obj)[field] for field in _SHOWN if field in meta(obj)},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def rescaled(kind: Kind, obj: Object, rule: Scale, scale: Object) -> Object:
    """The object with the scale's replicas; its other parts are shared. Raises ApiError (422)."""
    replicas = dig(scale, "spec", "replicas") or 0
    if isinstance(replicas, bool) or not isinstance(replicas, int) or replicas < 0:
        problem = errors.invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise errors.invalid("autoscaling", "Scale", name_of(obj), [problem])
    changed = _with(obj, rule.replicas, replicas)
    revision = dig(scale, "metadata", "resourceVersion")
    if revision:
        changed["metadata"] = {**meta(obj), "resourceVersion": revision}
    return changed


def check_scale(kind: Kind, obj: Object, rule: Scale) -> None:
    """Raises ApiError (500) for a custom object without replicas, which has no scale to show."""
    if kind.custom and dig(obj, *rule.replicas) is None:
        raise errors.internal(f'the spec replicas field ".{".".join(rule.replicas)}" does not exist')


def _with(obj: Object, path: tuple[str, ...], value: Any) -> Object:
    head, *rest = path
    return {**obj, head: _with(obj.get(head) or {}, tuple(rest), value) if rest else value}


def _selector(selector: Any) -> str:
    if isinstance(selector, str) or selector is None:
        return selector or ""
    if "matchLabels" in selector or "matchExpressions" in selector:
        return selector_text(selector)
    return selector_text({"matchLabels": selector})

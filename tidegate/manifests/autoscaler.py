"""Autoscalers: old HPAs' forms converted to autoscaling/v2, and the primary's clone of any of them."""

from copy import deepcopy
from typing import Any

from tidegate.contracts import FENCE_ANNOTATION
from tidegate.domain.canary import AutoscalerRef, ScalerReplicas
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig, group_of, name_of
from tidegate.domain.marks import annotations
from tidegate.manifests import scaled_object
from tidegate.manifests.naming import PRIMARY_SUFFIX

KIND = "HorizontalPodAutoscaler"
BOUNDS = ("minReplicas", "maxReplicas")
CURRENT = "autoscaling/v2"
OLD = ("autoscaling/v2beta1", "autoscaling/v2beta2")


def is_old(manifest: Manifest) -> bool:
    """Whether a manifest is an HPA of an API that today's clusters no longer serve."""
    return manifest.get("kind") == KIND and manifest.get("apiVersion") in OLD


def converted(manifest: Manifest) -> Manifest:
    """An HPA of v2beta1 or v2beta2 as autoscaling/v2; any other manifest as it is.

    v2beta2 has v2's fields. v2beta1 names its targets by field (targetAverageUtilization ...) and its
    metrics flat (metricName, metricSelector). InvalidInput for a metric of no known form.
    """
    if not is_old(manifest):
        return manifest
    copy = deepcopy(manifest) | {"apiVersion": CURRENT}
    copy.pop("status", None)
    if manifest["apiVersion"] == OLD[0]:
        metrics = dig(copy, "spec", "metrics") or []
        if metrics:
            copy["spec"]["metrics"] = [_metric(each, f"spec.metrics.{i}") for i, each in enumerate(metrics)]
    return copy


def primary_autoscaler(autoscaler: Manifest, primary: str, ref: AutoscalerRef | None = None) -> Manifest:
    """The clone of a target's autoscaler that scales the primary, within the bounds that `ref` gives it."""
    is_keda = autoscaler["kind"] == scaled_object.KIND
    spec = deepcopy(autoscaler["spec"])
    if is_keda:
        target = str(dig(spec, "scaleTargetRef", "name"))
        spec = scaled_object.rewritten(spec, target, primary, ref.primary_scaler_queries if ref else {})
    else:
        spec["scaleTargetRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": primary}
    if ref and ref.primary_scaler_replicas:
        spec |= _bounds(ref.primary_scaler_replicas, scaled_object.BOUNDS if is_keda else BOUNDS)
    return {
        "apiVersion": autoscaler["apiVersion"],
        "kind": autoscaler["kind"],
        "metadata": {
            "name": name_of(autoscaler) + PRIMARY_SUFFIX,
            "namespace": autoscaler["metadata"]["namespace"],
        },
        "spec": spec,
    }


def scales_for_us(autoscaler: Manifest, primary: str) -> bool:
    """Whether a live autoscaler is one that a release made for the primary.

    KEDA gives its own HPA all annotations of the ScaledObject that it belongs to, the fence included.
    """
    ours = FENCE_ANNOTATION in annotations(autoscaler) and not scaled_object.is_kedas(autoscaler)
    return ours and dig(autoscaler, "spec", "scaleTargetRef", "name") == primary


def scales(autoscaler: Manifest, workload: Manifest) -> bool:
    """Whether an object of any kind is an autoscaler, and of this workload."""
    kind = str(autoscaler.get("kind"))
    known = kind in (KIND, scaled_object.KIND) and group_of(str(autoscaler.get("apiVersion"))) == group(kind)
    where, name = (dig(autoscaler, "metadata", key) for key in ("namespace", "name"))
    of = dig(autoscaler, "spec", "scaleTargetRef") or {}
    same = dig(of, "name") == name_of(workload) and dig(of, "kind") in (None, workload["kind"])
    return known and same and where == workload["metadata"]["namespace"] and isinstance(name, str)


def min_replicas(autoscaler: Manifest) -> int:
    """The lower bound; Kubernetes takes 1 where none is given, and 0 serves nobody."""
    return max(1, bounds(autoscaler)[0] or 1)


def bounds(autoscaler: Manifest) -> tuple[int | None, int | None]:
    """The fewest and the most replicas, where they are given."""
    fields = scaled_object.BOUNDS if autoscaler["kind"] == scaled_object.KIND else BOUNDS
    fewest, most = (dig(autoscaler, "spec", field) for field in fields)
    return (fewest if isinstance(fewest, int) else None, most if isinstance(most, int) else None)


def group(kind: str) -> str:
    """The API group of a kind of autoscaler."""
    return scaled_object.GROUP if kind == scaled_object.KIND else "autoscaling"


def _bounds(replicas: ScalerReplicas, fields: tuple[str, str]) -> Manifest:
    given = zip(fields, (replicas.min_replicas, replicas.max_replicas), strict=True)
    return {field: count for field, count in given if count is not None}


def _metric(metric: Manifest, field: str) -> Manifest:
    kind = metric.get("type")
    convert = _CONVERSIONS.get(str(kind))
    if convert is None:
        raise InvalidInput(
            f"{kind!r} is no type of metric", field=f"{field}.type", mend=f"use {', '.join(_CONVERSIONS)}"
        )
    part = str(kind)[0].lower() + str(kind)[1:]
    source = metric.get(part)
    if not isinstance(source, dict):
        raise InvalidInput(f"a {kind} metric needs {part}", field=f"{field}.{part}", mend="add it")
    return {"type": kind, part: convert(source, f"{field}.{part}")}


def _resource(source: Manifest, field: str) -> Manifest:
    return {"name": source.get("name"), "target": _target(source, field)}


def _container_resource(source: Manifest, field: str) -> Manifest:
    return {**_resource(source, field), "container": source.get("container")}


def _pods(source: Manifest, field: str) -> Manifest:
    return {"metric": _identifier(source, "selector"), "target": _target(source, field)}


def _external(source: Manifest, field: str) -> Manifest:
    return {"metric": _identifier(source, "metricSelector"), "target": _target(source, field)}


def _object(source: Manifest, field: str) -> Manifest:
    """v2beta1 calls the object `target`, and the wanted value `averageValue` or `targetValue`."""
    wanted = source | {"targetAverageValue": source.get("averageValue")}
    return {
        "describedObject": deepcopy(source.get("target")),
        "metric": _identifier(source, "selector"),
        "target": _target(wanted, field),
    }


_CONVERSIONS = {
    "Resource": _resource,
    "ContainerResource": _container_resource,
    "Pods": _pods,
    "Object": _object,
    "External": _external,
}

_TARGETS = {
    "targetAverageUtilization": ("Utilization", "averageUtilization"),
    "targetAverageValue": ("AverageValue", "averageValue"),
    "targetValue": ("Value", "value"),
}
"""Field of v2beta1 -> v2's target type and its field; the first that is present counts."""


def _target(source: Manifest, field: str) -> Manifest:
    for old, (kind, new) in _TARGETS.items():
        if source.get(old) is not None:
            return {"type": kind, new: source[old]}
    raise InvalidInput("has no target value", field=field, mend=f"give one of {', '.join(_TARGETS)}")


def _identifier(source: Manifest, selector: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": source.get("metricName")}
    if source.get(selector):
        found["selector"] = deepcopy(source[selector])
    return found

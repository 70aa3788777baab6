"""One object in several versions: what is stored, seen as the version that was asked for.

Versions of a custom kind differ in their apiVersion only (conversion strategy None, the one served
here). Of the built-in kinds only the autoscaler has two.
"""

from __future__ import annotations

from tidegate.sandbox.cluster_api.kinds import Kind
from tidegate.sandbox.cluster_api.objects import Object

_AUTOSCALER = "HorizontalPodAutoscaler"


def to_stored(obj: Object, asked: Kind, stored: Kind) -> Object:
    if asked.version == stored.version:
        return obj
    converted = {**obj, "apiVersion": stored.api_version}
    return _autoscaler_to_v2(converted) if asked.kind == _AUTOSCALER and not asked.custom else converted


def from_stored(obj: Object, asked: Kind) -> Object:
    if obj["apiVersion"] == asked.api_version:
        return obj
    converted = {**obj, "apiVersion": asked.api_version}
    return _autoscaler_to_v1(converted) if asked.kind == _AUTOSCALER and not asked.custom else converted


def _autoscaler_to_v2(obj: Object) -> Object:
    spec = dict(obj.get("spec") or {})
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    if percent is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "spec": spec}


def _autoscaler_to_v1(obj: Object) -> Object:
    spec = dict(obj.get("spec") or {})
    for metric in spec.pop("metrics", None) or []:
        resource = metric.get("resource") or {}
        percent = (resource.get("target") or {}).get("averageUtilization")
        if resource.get("name") == "cpu" and percent is not None:
            spec["targetCPUUtilizationPercentage"] = percent
    status = dict(obj.get("status") or {})
    status.pop("currentMetrics", None)
    status.pop("conditions", None)
    status.setdefault("currentReplicas", 0)
    return {**obj, "spec": spec, **({"status": status} if status else {})}

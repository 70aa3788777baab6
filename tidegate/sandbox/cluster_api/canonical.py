"""Built-in kinds as Go's types write them: what a server leaves out of an object, and what it never does.

Most of their fields are left out when empty. That shows in answers, and in managedFields: a plain
write owns what differs from the empty object, in which structs are there and all else is not.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from tidegate.sandbox.cluster_api.kinds import Kind
from tidegate.sandbox.cluster_api.objects import Object, clone, dig

_MAPS = frozenset(
    [
        "labels",
        "annotations",
        "data",
        "binaryData",
        "stringData",
        "nodeSelector",
        "matchLabels",
        "limits",
        "requests",
        "overhead",
    ]
)
"""Fields that are maps of strings: left out when empty; an empty string in them is a value."""

_OMITTED = frozenset(
    [
        "minReadySeconds",
        "paused",
        "publishNotReadyAddresses",
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "readOnly",
        "stdin",
        "stdinOnce",
        "tty",
        "hostPort",
        "nodePort",
        "healthCheckNodePort",
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ]
)
"""Numbers and truth values that are left out when they are zero or false."""

_COUNTS = frozenset(
    [
        "replicas",
        "readyReplicas",
        "updatedReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "observedGeneration",
    ]
)
"""What a Deployment's status leaves out when it is zero."""


_EMPTIED = ("endpoints", "ports")
"""What an EndpointSlice always has, if only as null."""


def form(group: str, kind: str, obj: Object) -> Object:
    """A copy of the object as a server would write it."""
    written: Object = _written(obj)
    if kind == "Deployment":
        _leave_out(written.get("status"), _COUNTS)
    if (group, kind) == ("", "Service"):
        _leave_out(written.get("spec"), frozenset({"selector"}))
    if kind == "EndpointSlice":
        written.update({name: [] for name in _EMPTIED if obj.get(name) == []})
    return written


def settle(kind: str, obj: Object) -> None:
    """Write, in place, as nothing what was empty: a writer owns an empty list, and a server keeps none."""
    if kind == "EndpointSlice":
        obj.update({name: None for name in _EMPTIED if not obj.get(name)})


def _leave_out(struct: Any, names: frozenset[str]) -> None:
    """Drop, in place, what is empty of these fields."""
    for name in names & struct.keys() if isinstance(struct, dict) else ():
        if not struct[name]:
            del struct[name]


def custom_form(obj: Object) -> Object:
    """A copy of a custom object, whose metadata alone is of a Go type."""
    written: Object = clone(obj)
    if isinstance(written.get("metadata"), dict):
        written["metadata"] = _written(written["metadata"])
    return written


def fill_structs(group: str, kind: str, obj: Object) -> None:
    """Add, in place, what is written even when it is empty."""
    _fill(obj, _SHOWN.get((group, kind)) or _STRUCTS.get((group, kind), {}))
    for condition in dig(obj, "status", "conditions") or []:
        _fill(condition, _CONDITIONS.get((group, kind), {}))


def _fill(value: Object, always: Object) -> None:
    for name, inner in always.items():
        if not isinstance(inner, dict):
            value.setdefault(name, inner)
        elif isinstance(value.setdefault(name, {}), dict):
            _fill(value[name], inner)


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return _aliased(
            {name: _member(name, item) for name, item in value.items() if not _is_left_out(name, item)}
        )
    return [_written(item) for item in value] if isinstance(value, list) else value


def _aliased(struct: Object) -> Object:
    """A pod's service account has two names, of which the newer one counts."""
    account = struct.get("serviceAccountName") or struct.get("serviceAccount")
    return {**struct, "serviceAccountName": account, "serviceAccount": account} if account else struct


def _member(name: str, value: Any) -> Any:
    if name in ("limits", "requests") and isinstance(value, dict):
        return {resource: quantity(amount) for resource, amount in value.items()}
    return clone(value) if name in _MAPS or name == "managedFields" else _written(value)


def quantity(amount: Any) -> Any:
    """A resource's amount as servers write it: 2000m is 2, 0.5 is 500m; what has a larger unit stays."""
    found = re.fullmatch(r"(\d*\.?\d+)(m?)", str(amount))
    if isinstance(amount, bool) or not found:
        return amount
    thousandths = Decimal(found[1]) * (1 if found[2] else 1000)
    if thousandths != int(thousandths):
        return amount
    whole, rest = divmod(int(thousandths), 1000)
    return f"{int(thousandths)}m" if rest else str(whole)


def _is_left_out(name: str, value: Any) -> bool:
    if name in _MAPS:
        return not value
    if name in _OMITTED and value in (0, False):
        return True
    return value is None or value in ([], "")


_STRUCTS: dict[tuple[str, str], Object] = {
    ("", "Pod"): {"spec": {}, "status": {}},
    ("", "Service"): {"spec": {}, "status": {"loadBalancer": {}}},
    ("", "Namespace"): {"spec": {}, "status": {}},
    ("apps", "Deployment"): {
        "spec": {"strategy": {}, "template": {"metadata": {}, "spec": {}}},
        "status": {},
    },
    ("autoscaling", "HorizontalPodAutoscaler"): {"spec": {"scaleTargetRef": {}}, "status": {}},
}
_EMPTY: dict[tuple[str, str], Object] = {
    ("", "Pod"): {"spec": {"containers": None}, "status": {}},
    ("apps", "Deployment"): {
        "spec": {
            "selector": None,
            "strategy": {},
            "template": {"metadata": {}, "spec": {"containers": None}},
        },
        "status": {},
    },
    ("autoscaling", "HorizontalPodAutoscaler"): {
        "spec": {"scaleTargetRef": {"kind": "", "name": ""}, "maxReplicas": 0},
        "status": {"currentMetrics": None, "desiredReplicas": 0},
    },
    ("discovery.k8s.io", "EndpointSlice"): {"addressType": "", "endpoints": None, "ports": None},
}
_SHOWN: dict[tuple[str, str], Object] = {
    ("autoscaling", "HorizontalPodAutoscaler"): {
        "spec": {"scaleTargetRef": {}},
        "status": {"currentMetrics": None, "desiredReplicas": 0},
    },
    ("discovery.k8s.io", "EndpointSlice"): {"endpoints": None, "ports": None},
}


_CONDITIONS: dict[tuple[str, str], Object] = {
    ("apps", "Deployment"): {"status": "", "lastUpdateTime": None, "lastTransitionTime": None},
}


def empty(kind: Kind) -> Object:
    """What an object of the kind is before anything is written into it."""
    found: Object = clone(_EMPTY.get((kind.group, kind.kind)) or _STRUCTS.get((kind.group, kind.kind), {}))
    return {**found, "metadata": {}}

"""The columns of built-in kinds, and what their rows hold: a printer makes an object's cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.sandbox.cluster_api.ages import age
from tidegate.sandbox.cluster_api.kinds import Column
from tidegate.sandbox.cluster_api.objects import Object, dig, meta
from tidegate.sandbox.cluster_api.selectors import selector_text

Printer = Callable[[Object], list[Any]]
NAME = Column("Name", format="name", description="Name must be unique within a namespace.")
_AGE = Column("Age", description="CreationTimestamp of the object.")
_UNSET = "<none>"


def _columns(*names: str) -> tuple[Column, ...]:
    """Columns by name; a trailing + marks those that only `-o wide` shows."""
    return (NAME, *(_AGE if name == "Age" else _column(name) for name in names))


def _column(name: str) -> Column:
    return Column(name.rstrip("+"), priority=1 if name.endswith("+") else 0)


SIMPLE = _columns("Age")


def _name_age(obj: Object) -> tuple[str, str]:
    return meta(obj)["name"], age(meta(obj).get("creationTimestamp", ""))


def simple(obj: Object) -> list[Any]:
    return list(_name_age(obj))


def _images(obj: Object) -> tuple[str, str]:
    containers = dig(obj, "spec", "template", "spec", "containers") or []
    return ",".join(c.get("name", "") for c in containers), ",".join(c.get("image", "") for c in containers)


def _number(obj: Object, *path: str) -> int:
    return int(dig(obj, *path) or 0)


def _selector(obj: Object) -> str:
    return selector_text(dig(obj, "spec", "selector"))


def _deployment(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    ready = f"{_number(obj, 'status', 'readyReplicas')}/{_number(obj, 'spec', 'replicas')}"
    counts = [_number(obj, "status", "updatedReplicas"), _number(obj, "status", "availableReplicas")]
    return [name, ready, *counts, since, *_images(obj), _selector(obj)]


def _replica_set(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    counts = [_number(obj, "spec", "replicas"), _number(obj, "status", "replicas")]
    return [name, *counts, _number(obj, "status", "readyReplicas"), since, *_images(obj), _selector(obj)]


def _stateful_set(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    ready = f"{_number(obj, 'status', 'readyReplicas')}/{_number(obj, 'spec', 'replicas')}"
    return [name, ready, since, *_images(obj)]


def _pod(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    statuses = dig(obj, "status", "containerStatuses") or []
    ready = sum(bool(status.get("ready")) for status in statuses)
    restarts = sum(status.get("restartCount", 0) for status in statuses)
    total = len(dig(obj, "spec", "containers") or [])
    place = [dig(obj, "status", "podIP"), dig(obj, "spec", "nodeName")]
    return [
        name,
        f"{ready}/{total}",
        _pod_state(obj, statuses),
        str(restarts),
        since,
        *(p or _UNSET for p in place),
    ]


def _pod_state(pod: Object, statuses: list[Object]) -> str:
    if "deletionTimestamp" in meta(pod):
        return "Terminating"
    for status in statuses:
        for state in ("waiting", "terminated"):
            reason = dig(status, "state", state, "reason")
            if reason:
                return str(reason)
    return str(dig(pod, "status", "reason") or dig(pod, "status", "phase") or "Unknown")


def _service(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    spec = obj["spec"]
    ports = ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in spec.get("ports") or [])
    external = spec.get("externalName") or ",".join(spec.get("externalIPs") or []) or _UNSET
    address = spec.get("clusterIP") or _UNSET
    selector = selector_text({"matchLabels": spec.get("selector")}) or _UNSET
    return [name, spec.get("type", ""), address, external, ports or _UNSET, since, selector]


def _namespace(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    return [name, dig(obj, "status", "phase") or "", since]


def _node(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    conditions = {c["type"]: c["status"] for c in dig(obj, "status", "conditions") or []}
    state = (
        "Ready" if conditions.get("Ready") == "True" else "NotReady" if "Ready" in conditions else "Unknown"
    )
    state += ",SchedulingDisabled" if dig(obj, "spec", "unschedulable") else ""
    prefix = "node-role.kubernetes.io/"
    roles = ",".join(
        label.removeprefix(prefix) for label in meta(obj).get("labels") or {} if label.startswith(prefix)
    )
    return [name, state, roles or _UNSET, since, dig(obj, "status", "nodeInfo", "kubeletVersion") or ""]


def _autoscaler(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    spec = obj["spec"]
    target = spec.get("scaleTargetRef") or {}
    targets = [_metric_target(metric, index, obj) for index, metric in enumerate(spec.get("metrics") or [])]
    bounds = [str(spec.get("minReplicas", 1)), spec.get("maxReplicas", 0)]
    reference = f"{target.get('kind')}/{target.get('name')}"
    return [
        name,
        reference,
        ", ".join(targets) or _UNSET,
        *bounds,
        _number(obj, "status", "currentReplicas"),
        since,
    ]


def _metric_target(metric: Object, index: int, obj: Object) -> str:
    source = metric.get("resource") or {}
    now = (dig(obj, "status", "currentMetrics") or [])[index : index + 1]
    current = dig(now[0], "resource", "current", "averageUtilization") if now else None
    shown = f"{current}%" if current is not None else "<unknown>"
    percent = dig(source, "target", "averageUtilization")
    return (
        f"{source.get('name', metric.get('type'))}: {shown}/{percent}%"
        if percent
        else f"{metric.get('type')}"
    )


def _data(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    return [name, len(obj.get("data") or {}) + len(obj.get("binaryData") or {}), since]


def _secret(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    return [name, obj.get("type", ""), len(obj.get("data") or {}), since]


def _job(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    done = f"{_number(obj, 'status', 'succeeded')}/{_number(obj, 'spec', 'completions') or 1}"
    conditions = [c["type"] for c in dig(obj, "status", "conditions") or [] if c.get("status") == "True"]
    return [name, conditions[-1] if conditions else "Running", done, since]


def _event(obj: Object) -> list[Any]:
    about = obj.get("involvedObject") or {}
    last = obj.get("lastTimestamp") or obj.get("eventTime") or meta(obj).get("creationTimestamp", "")
    reference = f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"
    return [age(last), obj.get("type", ""), obj.get("reason", ""), reference, obj.get("message", "")]


def _endpoint_slice(obj: Object) -> list[Any]:
    name, since = _name_age(obj)
    ports = ",".join(str(port.get("port")) for port in obj.get("ports") or []) or "<unset>"
    found = [
        address for endpoint in obj.get("endpoints") or [] for address in endpoint.get("addresses") or []
    ]
    return [name, obj.get("addressType", ""), ports, ",".join(found) or "<unset>", since]


def _definition_row(obj: Object) -> list[Any]:
    return [meta(obj)["name"], meta(obj).get("creationTimestamp")]


PRINTERS: dict[tuple[str, str], tuple[tuple[Column, ...], Printer]] = {
    ("apps", "Deployment"): (
        _columns("Ready", "Up-to-date", "Available", "Age", "Containers+", "Images+", "Selector+"),
        _deployment,
    ),
    ("apps", "ReplicaSet"): (
        _columns("Desired", "Current", "Ready", "Age", "Containers+", "Images+", "Selector+"),
        _replica_set,
    ),
    ("apps", "StatefulSet"): (_columns("Ready", "Age", "Containers+", "Images+"), _stateful_set),
    ("", "Pod"): (_columns("Ready", "Status", "Restarts", "Age", "IP+", "Node+"), _pod),
    ("", "Service"): (
        _columns("Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector+"),
        _service,
    ),
    ("", "Namespace"): (_columns("Status", "Age"), _namespace),
    ("", "Node"): (_columns("Status", "Roles", "Age", "Version"), _node),
    ("", "ConfigMap"): (_columns("Data", "Age"), _data),
    ("", "Secret"): (_columns("Type", "Data", "Age"), _secret),
    ("", "Event"): (
        tuple(map(_column, ("Last Seen", "Type", "Reason", "Object", "Message"))),
        _event,
    ),
    ("autoscaling", "HorizontalPodAutoscaler"): (
        _columns("Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"),
        _autoscaler,
    ),
    ("batch", "Job"): (_columns("Status", "Completions", "Age"), _job),
    ("discovery.k8s.io", "EndpointSlice"): (
        _columns("AddressType", "Ports", "Endpoints", "Age"),
        _endpoint_slice,
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (_columns("Created At"), _definition_row),
}

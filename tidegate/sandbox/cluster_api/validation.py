"""What the server refuses: names, metadata, and the rules of built-in kinds that callers run into."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tidegate.sandbox.cluster_api import structural
from tidegate.sandbox.cluster_api.errors import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid,
    invalid_value,
    required,
    unsupported,
)
from tidegate.sandbox.cluster_api.kinds import Kind
from tidegate.sandbox.cluster_api.objects import Object, dig, name_of
from tidegate.sandbox.cluster_api.pod_rules import LABEL, LABEL_RULE, pod_spec, port_number
from tidegate.sandbox.cluster_api.selectors import match_selector

Errors = Iterator[FieldError]
Rule = Callable[[Object, Object | None], Errors]

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_SERVICE = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_QUALIFIED = re.compile(r"^([a-z0-9.-]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
_LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_PATH_NAMED = ("rbac.authorization.k8s.io",)

_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
_CONFIG_KEY_RULE = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_SERVICE_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character"
)


def check(kind: Kind, obj: Object, old: Object | None) -> None:
    """Raises ApiError (422) that tells every reason why the object is invalid."""
    found = [*_metadata(kind, obj), *_finalizers(obj, old), *_body(kind, obj, old)]
    if found:
        raise invalid(kind.group, kind.kind, name_of(obj), found)


def _body(kind: Kind, obj: Object, old: Object | None) -> Errors:
    if kind.schema is not None:
        yield from structural.problems(obj, kind.schema)
    if rule := _RULES.get((kind.group, kind.kind)):
        yield from rule(obj, old)


def _metadata(kind: Kind, obj: Object) -> Errors:
    yield from _name(kind, name_of(obj))
    metadata = obj["metadata"]
    yield from _labels(metadata.get("labels") or {}, "metadata.labels")
    for key in metadata.get("annotations") or {}:
        if not _QUALIFIED.match(key.lower()):
            yield invalid_value("metadata.annotations", key, "must be a qualified name")


def _finalizers(obj: Object, old: Object | None) -> Errors:
    """An object that is being deleted may lose finalizers, never gain one."""
    before = dig(old, "metadata", "finalizers") or []
    new = [name for name in obj["metadata"].get("finalizers") or [] if name not in before]
    if new and dig(old, "metadata", "deletionTimestamp"):
        text = f"no new finalizers can be added if the object is being deleted, found new finalizers {new}"
        yield forbidden_field("metadata.finalizers", text)


def _labels(labels: Any, path: str) -> Errors:
    for key, value in labels.items():
        if not _QUALIFIED.match(key):
            yield invalid_value(
                path, key, "name part must consist of alphanumeric characters, '-', '_' or '.'"
            )
        if not isinstance(value, str) or not _LABEL_VALUE.match(value):
            text = (
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'"
            )
            yield invalid_value(path, value, text)


def _name(kind: Kind, name: str) -> Errors:
    if kind.group in _PATH_NAMED:
        if "/" in name or "%" in name:
            yield invalid_value("metadata.name", name, "may not contain '/' or '%'")
        return
    pattern, rule, longest = _SUBDOMAIN, _SUBDOMAIN_RULE, 253
    if kind.storage == ("", "services"):
        pattern, rule, longest = _SERVICE, _SERVICE_RULE, 63
    elif kind.storage == ("", "namespaces"):
        pattern, rule, longest = LABEL, LABEL_RULE, 63
    if not pattern.match(name):
        yield invalid_value("metadata.name", name, rule)
    if len(name) > longest:
        yield FieldError(
            "metadata.name", "FieldValueTooLong", f"Too long: may not be more than {longest} bytes"
        )


def _workload(obj: Object, old: Object | None) -> Errors:
    spec = obj.get("spec") or {}
    yield from _selector(spec, old)
    yield from _replicas(spec)
    yield from pod_spec(dig(spec, "template", "spec") or {}, "spec.template.spec")


def _selector(spec: Object, old: Object | None) -> Errors:
    selector = spec.get("selector")
    labels = dig(spec, "template", "metadata", "labels") or {}
    if selector is None:
        yield required("spec.selector")
    elif not (selector.get("matchLabels") or selector.get("matchExpressions")):
        yield invalid_value("spec.selector", selector, "empty selector is invalid for deployment")
    if selector is None or not match_selector(selector)(labels):
        text = "`selector` does not match template `labels`"
        yield invalid_value("spec.template.metadata.labels", labels, text)
    if old is not None and selector != dig(old, "spec", "selector"):
        yield invalid_value("spec.selector", selector, "field is immutable")


def _replicas(spec: Object) -> Errors:
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        value = spec.get(field)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            yield invalid_value(f"spec.{field}", value, "must be an integer")
        elif value < 0:
            yield invalid_value(f"spec.{field}", value, "must be greater than or equal to 0")


def _deployment(obj: Object, old: Object | None) -> Errors:
    yield from _workload(obj, old)
    yield from _counts(obj)
    strategy = dig(obj, "spec", "strategy") or {}
    if strategy.get("type") not in ("RollingUpdate", "Recreate"):
        yield unsupported("spec.strategy.type", strategy.get("type"), ("Recreate", "RollingUpdate"))
    if strategy.get("type") == "Recreate" and strategy.get("rollingUpdate"):
        text = "may not be specified when strategy `type` is 'Recreate'"
        yield forbidden_field("spec.strategy.rollingUpdate", text)


def _counts(obj: Object) -> Errors:
    """A status may not count more pods ready than there are, nor more available than are ready."""
    status = obj.get("status") or {}
    there, ready = status.get("replicas", 0), status.get("readyReplicas", 0)
    for field in ("updatedReplicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
        if status.get(field, 0) > there:
            yield invalid_value(f"status.{field}", status[field], "cannot be greater than status.replicas")
    if status.get("availableReplicas", 0) > ready:
        text = "cannot be greater than readyReplicas"
        yield invalid_value("status.availableReplicas", status["availableReplicas"], text)


def _pod(obj: Object, old: Object | None) -> Errors:
    yield from pod_spec(obj.get("spec") or {}, "spec")


def _service(obj: Object, old: Object | None) -> Errors:
    spec = obj.get("spec") or {}
    ports = spec.get("ports") or []
    kinds = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    if spec.get("type") not in kinds:
        yield unsupported("spec.type", spec.get("type"), kinds)
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    yield from _distinct_ports(ports)
    for index, port in enumerate(ports):
        yield from port_number(port.get("port"), f"spec.ports[{index}].port")
        if len(ports) > 1 and not port.get("name"):
            yield required(f"spec.ports[{index}].name")
    address = dig(old, "spec", "clusterIP")
    if address and spec.get("clusterIP") != address and spec.get("type") == "ClusterIP":
        yield invalid_value("spec.clusterIP", spec.get("clusterIP"), "field is immutable")


def _distinct_ports(ports: list[Object]) -> Errors:
    names: set[str] = set()
    places: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        name, place = port.get("name"), (port.get("protocol"), port.get("port"))
        if name and name in names:
            yield duplicate(f"spec.ports[{index}].name", name)
        if place in places:
            yield duplicate(f"spec.ports[{index}]", {"protocol": place[0], "port": place[1]})
        names.add(name or "")
        places.add(place)


def _autoscaler(obj: Object, old: Object | None) -> Errors:
    spec = obj.get("spec") or {}
    target = spec.get("scaleTargetRef") or {}
    for field in ("kind", "name"):
        if not target.get(field):
            yield required(f"spec.scaleTargetRef.{field}")
    if "/" not in target.get("apiVersion", ""):
        why = "apiVersion must specify API group"
        yield invalid_value("spec.scaleTargetRef.apiVersion", target.get("apiVersion", ""), why)
    low, high = spec.get("minReplicas", 1), spec.get("maxReplicas")
    if not high:
        yield required("spec.maxReplicas")
    if not isinstance(high, int) or high < 1:
        yield invalid_value("spec.maxReplicas", high or 0, "must be greater than 0")
    elif low > high:
        yield invalid_value("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`")


def _definition(obj: Object, old: Object | None) -> Errors:
    spec = obj.get("spec") or {}
    names = spec.get("names") or {}
    for path in ("group", "scope", "versions"):
        if not spec.get(path):
            yield required(f"spec.{path}")
    for path in ("plural", "kind"):
        if not names.get(path):
            yield required(f"spec.names.{path}")
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if name_of(obj) != wanted:
        yield invalid_value("metadata.name", name_of(obj), 'must be spec.names.plural+"."+spec.group')
    stored = [version for version in spec.get("versions") or () if version.get("storage")]
    if len(stored) != 1:
        yield invalid_value(
            "spec.versions", len(stored), "must have exactly one version marked as storage version"
        )


def _endpoint_slice(obj: Object, old: Object | None) -> Errors:
    """Loopback addresses pass, other than on a real server: the sandbox's pods are there."""
    kind = obj.get("addressType")
    if not kind:
        yield required("addressType")
    if old is not None and kind != old.get("addressType"):
        yield invalid_value("addressType", kind, "field is immutable")


def _replica_set(obj: Object, old: Object | None) -> Errors:
    yield from _workload(obj, old)
    yield from _counts(obj)


def _job(obj: Object, old: Object | None) -> Errors:
    yield from pod_spec(dig(obj, "spec", "template", "spec") or {}, "spec.template.spec")
    policy = dig(obj, "spec", "template", "spec", "restartPolicy")
    if policy not in ("Never", "OnFailure"):
        yield unsupported("spec.template.spec.restartPolicy", policy, ("OnFailure", "Never"))


def _keys(obj: Object, old: Object | None) -> Errors:
    for key in obj.get("data") or {}:
        if not _CONFIG_KEY.fullmatch(key):
            yield invalid_value(f"data[{key}]", key, _CONFIG_KEY_RULE)


def _config_map(obj: Object, old: Object | None) -> Errors:
    yield from _keys(obj, old)
    for key, value in (obj.get("data") or {}).items():
        if not isinstance(value, str):
            yield invalid_value(f"data.{key}", value, "must be a string")


_RULES: dict[tuple[str, str], Rule] = {
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("", "ConfigMap"): _config_map,
    ("", "Secret"): _keys,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _workload,
    ("apps", "DaemonSet"): _workload,
    ("batch", "Job"): _job,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}

"""What the server refuses in a pod and in a pod's template: containers, ports, volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tidegate.sandbox.cluster_api.errors import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid_value,
    not_found_value,
    required,
)
from tidegate.sandbox.cluster_api.objects import Object

Errors = Iterator[FieldError]

LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
_SOURCES = (
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi",
    "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI",
    "fc", "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk",
    "storageos", "projected", "scaleIO", "ephemeral", "csi", "image",
)  # fmt: skip
"""Kinds of volume, in the order in which a server looks for them."""


def pod_spec(spec: Object, path: str) -> Errors:
    volumes, faults = _volumes(spec.get("volumes") or [], f"{path}.volumes")
    yield from faults
    containers = spec.get("containers")
    if not containers:
        yield required(f"{path}.containers")
        return
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = f"{path}.containers[{index}]"
        yield from _container(container, at)
        yield from _mounts(container, volumes, f"{at}.volumeMounts")
        if container.get("name") in seen:
            yield duplicate(f"{at}.name", container["name"])
        seen.add(container.get("name", ""))


def _container(container: Object, path: str) -> Errors:
    yield from _name(container.get("name"), f"{path}.name")
    if not container.get("image"):
        yield required(f"{path}.image")
    yield from _ports(container.get("ports") or [], f"{path}.ports")


def _name(name: str | None, path: str) -> Errors:
    if not name:
        yield required(path)
    elif not LABEL.match(name) or len(name) > 63:
        yield invalid_value(path, name, LABEL_RULE)


def _ports(ports: list[Object], path: str) -> Errors:
    names: set[str] = set()
    for index, port in enumerate(ports):
        yield from port_number(port.get("containerPort"), f"{path}[{index}].containerPort")
        name = port.get("name")
        if name and name in names:
            yield duplicate(f"{path}[{index}].name", name)
        names.add(name or "")


def port_number(value: Any, path: str) -> Errors:
    if value is None:
        yield required(path)
    elif not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        yield invalid_value(path, value, "must be between 1 and 65535, inclusive")


def _volumes(volumes: list[Object], path: str) -> tuple[set[str], list[FieldError]]:
    """The names of the volumes that may be mounted, and what is wrong with the others."""
    names: set[str] = set()
    faults: list[FieldError] = []
    for index, volume in enumerate(volumes):
        found = list(_volume(volume, names, f"{path}[{index}]"))
        faults += found
        if not found:
            names.add(str(volume["name"]))
    return names, faults


def _volume(volume: Object, taken: set[str], path: str) -> Errors:
    name = str(volume.get("name") or "")
    for source in [source for source in _SOURCES if source in volume][1:]:
        yield forbidden_field(f"{path}.{source}", "may not specify more than 1 volume type")
    faults = list(_name(name, f"{path}.name"))
    yield from faults
    if not faults and name in taken:
        yield duplicate(f"{path}.name", name)


def _mounts(container: Object, volumes: set[str], path: str) -> Errors:
    places: set[Any] = set()
    for index, mount in enumerate(container.get("volumeMounts") or []):
        name, place = mount.get("name"), mount.get("mountPath")
        if not name:
            yield required(f"{path}[{index}].name")
        elif name not in volumes:
            yield not_found_value(f"{path}[{index}].name", name)
        if not place:
            yield required(f"{path}[{index}].mountPath")
        elif place in places:
            yield invalid_value(f"{path}[{index}].mountPath", place, "must be unique")
        places.add(place)

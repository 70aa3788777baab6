"""What a Service's spec says of where its requests go, which is the version that it carries.

The rest of a spec is how it is reached, as a type, addresses and node ports are: that belongs to each Service
alone, and to no version.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.domain.manifest import Manifest

EXTERNAL = "ExternalName"
LEADING = (
    "type",
    "selector",
    "ports",
    "externalName",
    "sessionAffinity",
    "sessionAffinityConfig",
    "internalTrafficPolicy",
    "publishNotReadyAddresses",
    "trafficDistribution",
)
"""The fields of a version. Of the type it is no more than whether it is an external name."""

_USUAL: dict[str, object] = {
    "sessionAffinity": "None",
    "internalTrafficPolicy": "Cluster",
    "publishNotReadyAddresses": False,
    "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
}
"""What the server writes where nothing is said."""

_PUBLISHED = ("NodePort", "LoadBalancer")


def leading(spec: Mapping[str, Any]) -> Manifest:
    """The version of a spec in its shortest form: the same with the server's defaults and without them."""
    ports = [_port(port) for port in spec.get("ports") or ()]
    shown: Manifest = {"ports": ports} if ports else {}
    if spec.get("type") == EXTERNAL:
        return {"type": EXTERNAL, "externalName": spec.get("externalName") or "", **shown}
    selector = {"selector": dict(spec["selector"])} if spec.get("selector") else {}
    return {"type": "ClusterIP", **selector, **shown, **dict(_unusual(spec))}


def led(spec: Mapping[str, Any], version: Mapping[str, Any]) -> Manifest:
    """A Service's spec with another version in it: its own type, addresses and node ports stay."""
    if version.get("type") == EXTERNAL:
        return dict(version)
    own = "ClusterIP" if spec.get("type") in (None, EXTERNAL) else spec["type"]
    kept = {key: value for key, value in spec.items() if key not in LEADING}
    ports = _on_node_ports(version.get("ports") or (), spec.get("ports") or (), published=own in _PUBLISHED)
    return {**kept, **version, "type": own, **({"ports": ports} if ports else {})}


def reached(spec: Mapping[str, Any], live: Mapping[str, Any]) -> Manifest:
    """What Git says of how a Service is reached, with the version that the live one leads to.

    An external name is reached by no address: Git's word waits for its version.
    """
    version = {key: live[key] for key in LEADING if key in live}
    if EXTERNAL in (spec.get("type"), live.get("type")):
        return {**live} if live.get("type") != EXTERNAL else version
    own = spec.get("type") or "ClusterIP"
    door = {key: value for key, value in spec.items() if key not in LEADING}
    ports = _on_node_ports(
        _on_node_ports(version.get("ports") or (), live.get("ports") or (), published=own in _PUBLISHED),
        spec.get("ports") or (),
        published=own in _PUBLISHED,
    )
    return {**door, **version, "type": own, **({"ports": ports} if ports else {})}


def _port(port: Mapping[str, Any]) -> Manifest:
    """How it is reached on a node is no part of a version."""
    usual = {"protocol": "TCP", "targetPort": port.get("port")}
    given = {key: value for key, value in port.items() if key != "nodePort" and value not in (None, "")}
    return usual | given


def _unusual(spec: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in LEADING[4:]:
        value = spec.get(field)
        if value is not None and value != _USUAL.get(field):
            yield field, value


def _on_node_ports(ports: Any, known: Any, *, published: bool) -> list[Manifest]:
    """The ports, each on the node port that one of its number and protocol is known by."""
    numbers = {_number(port): port["nodePort"] for port in known if port.get("nodePort")} if published else {}
    return [
        {key: value for key, value in port.items() if key != "nodePort" or published}
        | ({"nodePort": numbers[_number(port)]} if _number(port) in numbers else {})
        for port in ports
    ]


def _number(port: Mapping[str, Any]) -> tuple[Any, str]:
    return port.get("port"), str(port.get("protocol") or "TCP")

"""A canary's three Services: the apex and the primary's select the primary, the canary's the target."""

import json
from collections.abc import Iterator, Mapping

from tidegate.domain.canary import Canary
from tidegate.domain.manifest import Manifest, dig, name_of
from tidegate.domain.marks import ASKED_FOR, annotations
from tidegate.domain.service import ServiceMetadata, UnmanagedMetadata
from tidegate.manifests.naming import baseline_marks, names, selector_of

HEADLESS = "None"
SIDECARS = ("istio-proxy", "envoy")
"""Containers whose ports belong to the mesh."""

_PARTS = ("labels", "annotations", "fields")
_FIELDS = ("trafficDistribution",)
"""Fields of a Service's spec that a Canary may ask for, and give up again."""


def services(canary: Canary, target: Manifest) -> tuple[Manifest, Manifest, Manifest]:
    """Apex, primary and canary Service, in this order."""
    known, selector, service = names(canary), selector_of(target), canary.spec.service
    ports = list(_ports(canary, target))
    sides = (
        (known.apex, selector.primary, service.apex),
        (known.primary_service, selector.primary, service.primary),
        (known.canary_service, selector.target, service.canary),
    )
    made = (_service(canary, each, selector.label, ports) for each in sides)
    apex, primary, beside = made
    return apex, primary, beside


def baseline_service(canary: Canary, target: Manifest) -> Manifest:
    """The Service of a baseline, with the canary Service's labels and annotations: it is its counterpart."""
    selector, asked = selector_of(target), canary.spec.service.canary
    side = (names(canary).baseline_service, selector.baseline, asked)
    made = _service(canary, side, selector.label, list(_ports(canary, target)))
    marks = annotations(made) | baseline_marks(canary)
    return made | {"metadata": made["metadata"] | {"annotations": marks}}


def taken_over(live: Manifest, wanted: Manifest, unmanaged: UnmanagedMetadata | None = None) -> Manifest:
    """A Service that was there before, made to select and serve as `wanted`.

    Its type and its addresses stay, node ports included: clients outside the mesh may know them. So does its
    metadata but for what the Canary asks for, or asked for before; `unmanaged` keys stay once they are there.
    """
    spec = live.get("spec") or {}
    node_ports = {port["port"]: port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
    ports = [
        port | ({"nodePort": node_ports[port["port"]]} if port["port"] in node_ports else {})
        for port in wanted["spec"]["ports"]
    ]
    given_up = asked_for(live)["fields"]
    kept = {key: value for key, value in spec.items() if key not in given_up}
    asked = {key: wanted["spec"][key] for key in _FIELDS if key in wanted["spec"]}
    changed = kept | asked | {"selector": wanted["spec"]["selector"], "ports": ports}
    return live | {"metadata": _metadata(live, wanted, unmanaged or UnmanagedMetadata()), "spec": changed}


def without_asked(live: Manifest) -> Manifest:
    """A Service without what its Canary asks for, or asked for before."""
    asked = asked_for(live)
    metadata = dict(live["metadata"])
    for part in ("labels", "annotations"):
        metadata[part] = {
            key: value for key, value in (metadata.get(part) or {}).items() if key not in asked[part]
        }
    spec = {key: value for key, value in live["spec"].items() if key not in asked["fields"]}
    return live | {"metadata": metadata, "spec": spec}


def cannot_follow(live: Manifest, wanted: Manifest) -> str:
    """What a live Service cannot become without being made anew, in words; empty when there is nothing."""
    address = str(dig(live, "spec", "clusterIP") or "")
    is_headless, asked = address == HEADLESS, dig(wanted, "spec", "clusterIP") == HEADLESS
    if is_headless == asked or not address:
        return ""
    kind = "a cluster address" if asked else "no cluster address"
    return f"Service {name_of(live)} has {kind}, which Kubernetes cannot change: delete it, and release again"


def _service(
    canary: Canary, side: tuple[str, str, ServiceMetadata | None], label: str, ports: list[Manifest]
) -> Manifest:
    name, value, given = side
    service, asked = canary.spec.service, given or ServiceMetadata()
    fields = {"trafficDistribution": service.traffic_distribution} if service.traffic_distribution else {}
    labels = {key: value for key, value in asked.labels.items() if key != label}
    marks = _mark(labels, asked.annotations, fields)
    metadata: Manifest = {"name": name, "namespace": canary.namespace, "labels": labels | {label: name}}
    if known := asked.annotations | marks:
        metadata["annotations"] = known
    address = {"clusterIP": HEADLESS} if service.headless else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"type": "ClusterIP", **address, **fields, "selector": {label: value}, "ports": ports},
    }


def _ports(canary: Canary, target: Manifest) -> Iterator[Manifest]:
    """The released port, and with portDiscovery the containers' others under their own numbers."""
    service = canary.spec.service
    protocol = {"appProtocol": service.app_protocol} if service.app_protocol else {}
    yield {
        "name": service.port_name,
        "protocol": "TCP",
        **protocol,
        "port": service.port,
        "targetPort": service.target_port or service.port,
    }
    if service.port_discovery:
        yield from _discovered(canary, target)


def _discovered(canary: Canary, target: Manifest) -> Iterator[Manifest]:
    service = canary.spec.service
    names_, numbers = {service.port_name}, {(service.port, "TCP")}
    for name, port in _container_ports(target):
        number, protocol = port["containerPort"], port.get("protocol") or "TCP"
        released = (service.target_port or service.port) in (number, port.get("name"))
        if released or name in names_ or (number, protocol) in numbers:
            continue
        names_.add(name)
        numbers.add((number, protocol))
        yield {"name": name, "protocol": protocol, "port": number, "targetPort": number}


def _container_ports(target: Manifest) -> Iterator[tuple[str, Manifest]]:
    """(name, port) of the application's containers; one without a name gets its container's and its place."""
    for container in dig(target, "spec", "template", "spec", "containers") or ():
        if container.get("name") not in SIDECARS:
            for index, port in enumerate(container.get("ports") or ()):
                yield port.get("name") or f"tcp-{container.get('name')}-{index}", port


def _metadata(live: Manifest, wanted: Manifest, unmanaged: UnmanagedMetadata) -> Manifest:
    before, asked = asked_for(live), asked_for(wanted)
    metadata = dict(live["metadata"])
    for part, foreign in (("labels", unmanaged.labels), ("annotations", unmanaged.annotations)):
        known, given = metadata.get(part) or {}, wanted["metadata"].get(part) or {}
        kept = {
            key: value
            for key, value in known.items()
            if key in foreign or key not in (*before[part], *asked[part], ASKED_FOR)
        }
        ours = {key: value for key, value in given.items() if key in (*asked[part], ASKED_FOR)}
        if merged := ours | kept:
            metadata[part] = merged
        else:
            metadata.pop(part, None)
    return metadata


def _mark(*asked_for: Mapping[str, str]) -> dict[str, str]:
    """The annotation that tells later what was asked for, part by part; none when nothing was."""
    asked = dict(zip(_PARTS, map(sorted, asked_for), strict=True))
    return {ASKED_FOR: json.dumps(asked, separators=(",", ":"))} if any(asked.values()) else {}


def asked_for(service: Manifest) -> dict[str, list[str]]:
    """The labels and annotations that the Canary asked for, by their keys; none of what is no Service."""
    try:
        found = json.loads(annotations(service).get(ASKED_FOR, "{}"))
    except ValueError:  # anybody may have written it
        found = {}
    lists = {part: found.get(part) if isinstance(found, dict) else None for part in _PARTS}
    return {part: list(map(str, keys)) if isinstance(keys, list) else [] for part, keys in lists.items()}

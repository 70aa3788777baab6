"""A canary's three Services: the apex and the primary's select the primary, the canary's the target."""

from tidegate.domain.canary import Canary
from tidegate.domain.manifest import Manifest
from tidegate.manifests.naming import Selector, names


def services(canary: Canary, selector: Selector) -> tuple[Manifest, Manifest, Manifest]:
    """Apex, primary and canary Service, in this order."""
    known = names(canary)
    return (
        _service(canary, known.apex, selector.label, selector.primary),
        _service(canary, known.primary_service, selector.label, selector.primary),
        _service(canary, known.canary_service, selector.label, selector.target),
    )


def taken_over(live: Manifest, wanted: Manifest) -> Manifest:
    """A Service that was there before, made to select and serve as `wanted`.

    Its type and its addresses stay, node ports included: clients outside the mesh may know them.
    """
    spec = live.get("spec") or {}
    node_ports = {port["port"]: port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
    ports = [
        port | ({"nodePort": node_ports[port["port"]]} if port["port"] in node_ports else {})
        for port in wanted["spec"]["ports"]
    ]
    return live | {"spec": spec | {"selector": wanted["spec"]["selector"], "ports": ports}}


def _service(canary: Canary, name: str, label: str, value: str) -> Manifest:
    service = canary.spec.service
    port: Manifest = {
        "name": service.port_name,
        "protocol": "TCP",
        "port": service.port,
        "targetPort": service.target_port or service.port,
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": canary.namespace, "labels": {label: name}},
        "spec": {"type": "ClusterIP", "selector": {label: value}, "ports": [port]},
    }

"""Where the callers of the mesh stand, and the sidecars that callers of a kind of their own have.

Istio tells a proxy only of the routes that hold for its workload. The sandbox's pods have no proxy each: all
calls within the mesh go through one, the load tester's. A Sidecar object with a workloadSelector and an
egress port asks for one more, on that port of the gateway's address: an HTTP proxy, as the first is.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tidegate.sandbox.mesh.istio import HTTPMatch, SidecarSpec
from tidegate.sandbox.mesh.registry import Key

MESH = "mesh"
_PROTOCOLS = frozenset({"HTTP", "HTTP_PROXY"})


class Source(NamedTuple):
    """A proxy as the conditions of routes see it: its gateway's name or `mesh`, and its workload."""

    gateway: str
    labels: Mapping[str, str]
    namespace: str

    def hears_of(self, match: HTTPMatch) -> bool:
        """Whether it gets a route with this condition; as in Istio, gateways that are named decide alone."""
        if match.gateways:
            return self.gateway in match.gateways
        here = match.source_namespace in ("", self.namespace)
        return here and match.source_labels.items() <= self.labels.items()


LOADTESTER = Source(MESH, {"app": "loadtester"}, "test")


def gateway_source(name: str) -> Source:
    """The ingress gateway's proxy, as VirtualServices name the gateway."""
    return Source(name, {"istio": "ingressgateway"}, "istio-system")


class Sidecar(NamedTuple):
    """The proxy of workloads with the same labels, and the port that it takes their calls on."""

    name: str
    port: int
    source: Source


def sidecars(specs: Iterable[tuple[Key, SidecarSpec]]) -> Iterator[Sidecar]:
    """One for each object that selects workloads and has an egress port."""
    for key, spec in specs:
        ports = [each.port.number for each in spec.egress if each.port and each.port.protocol in _PROTOCOLS]
        if spec.workload_selector.labels and ports:
            name = f"sidecar_{key.namespace}_{key.name}".replace(".", "_")
            yield Sidecar(name, ports[0], Source(MESH, spec.workload_selector.labels, key.namespace))

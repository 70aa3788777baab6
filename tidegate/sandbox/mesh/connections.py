"""Connections through a gateway's TCP ports, split by the TCP routes of the VirtualServices behind it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from tidegate.sandbox.mesh.clusters import inbounds
from tidegate.sandbox.mesh.istio import Destination, GatewaySpec, Server, TCPMatch, TCPRoute
from tidegate.sandbox.mesh.listeners import Layout, tcp_listener
from tidegate.sandbox.mesh.registry import Key, Registry, Service
from tidegate.sandbox.mesh.routes import Json
from tidegate.sandbox.mesh.virtual_hosts import VirtualService, gateway_key, hosts_at

_PARTS = 60
"""Shares are whole numbers: so many parts can be divided among two to six workloads."""


def tcp_listeners(
    virtual_services: Iterable[VirtualService],
    gateways: Mapping[Key, GatewaySpec],
    registry: Registry,
    layout: Layout,
) -> Iterator[Json]:
    """One listener for each TCP port that a route leads on from; of several routes the oldest's counts."""
    taken: set[int] = set()
    for virtual_service in virtual_services:
        for name in virtual_service.spec.gateways:
            gateway = gateways.get(gateway_key(name, virtual_service.key.namespace), GatewaySpec())
            for server in gateway.servers:
                route = _route(virtual_service, server, name)
                if route is not None and server.port.number not in taken:
                    taken.add(server.port.number)
                    shares = _shares(route, virtual_service.key.namespace, registry)
                    yield tcp_listener(f"tcp_{server.port.number}", server.port.number, shares, layout)


def _route(virtual_service: VirtualService, server: Server, gateway: str) -> TCPRoute | None:
    """The rule for the connections that reach a server, where it serves the VirtualService at all."""
    if server.port.protocol.upper() != "TCP" or not any(hosts_at(server, virtual_service)):
        return None
    return next((rule for rule in virtual_service.spec.tcp if _matches(rule, server, gateway)), None)


def _matches(rule: TCPRoute, server: Server, gateway: str) -> bool:
    return any(_holds(match, server, gateway) for match in rule.match or (TCPMatch(),))


def _holds(match: TCPMatch, server: Server, gateway: str) -> bool:
    return match.port in (None, server.port.number) and (not match.gateways or gateway in match.gateways)


def _shares(rule: TCPRoute, namespace: str, registry: Registry) -> Mapping[str, int]:
    """Straight to the pods: a connection is no request that a second hop would count."""
    shares: Counter[str] = Counter()
    for part in rule.route:
        weight = 100 if len(rule.route) == 1 else part.weight or 0
        clusters = _clusters(part.destination, registry.find(part.destination.host, namespace))
        for cluster in clusters:
            shares[cluster] += weight * _PARTS // len(clusters)
    return shares


def _clusters(destination: Destination, service: Service | None) -> list[str]:
    """Those of the workloads behind a service's port."""
    if service is None:
        return [destination.host]
    port = destination.port.number if destination.port else service.default_port
    return [inbound.name for inbound in inbounds(service) if inbound.port == port]

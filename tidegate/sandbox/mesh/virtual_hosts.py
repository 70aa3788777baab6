"""Which hosts the ingress gateway and the mesh answer for, and by which routes.

Several VirtualServices for one host are merged in the order of their creation, as Istio's gateways do; a
domain is given to one virtual host only, since Envoy refuses a configuration that names one twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tidegate.sandbox.mesh.clusters import outbound_name
from tidegate.sandbox.mesh.istio import Destination, GatewaySpec, Server, VirtualServiceSpec
from tidegate.sandbox.mesh.registry import DOMAIN, Key, Registry, Service
from tidegate.sandbox.mesh.routes import Json, envoy_routes, plain_route
from tidegate.sandbox.mesh.sidecars import MESH, Source, gateway_source

_PROTOCOLS = frozenset({"HTTP", "HTTP2", "GRPC"})


class VirtualService(NamedTuple):
    """A valid VirtualService."""

    key: Key
    spec: VirtualServiceSpec


def ingress(
    virtual_services: Iterable[VirtualService], gateways: Mapping[Key, GatewaySpec], registry: Registry
) -> list[Json]:
    """The virtual hosts of the ingress gateway."""
    routes: dict[str, list[Json]] = defaultdict(list)
    for virtual_service in virtual_services:
        for name in virtual_service.spec.gateways:
            gateway = gateways.get(gateway_key(name, virtual_service.key.namespace))
            for host in _served(virtual_service, gateway) if gateway else ():
                routes[host] += _routes(virtual_service, registry, gateway_source(name), port=None)
    return [_virtual_host(host, [host], found) for host, found in sorted(routes.items())]


def mesh(virtual_services: Iterable[VirtualService], registry: Registry, source: Source) -> list[Json]:
    """What a sidecar knows of the mesh's own traffic: every service, and the hosts bound to `mesh`."""
    bound = [service for service in virtual_services if MESH in service.spec.gateways]
    hosts = [
        _service_host(service, port, bound, registry, source)
        for service in registry
        for port in service.ports
    ]
    return _without_repetition(hosts + list(_foreign_hosts(bound, registry, source)))


def gateway_key(name: str, namespace: str) -> Key:
    """Which gateway a VirtualService of the namespace means."""
    if "/" in name:
        return Key(*name.split("/", 1))
    short, _, rest = name.removesuffix(f".{DOMAIN}").partition(".")
    return Key(rest or namespace, short)


def _served(virtual_service: VirtualService, gateway: GatewaySpec) -> list[str]:
    servers = [server for server in gateway.servers if server.port.protocol.upper() in _PROTOCOLS]
    return sorted({host for server in servers for host in hosts_at(server, virtual_service)})


def hosts_at(server: Server, virtual_service: VirtualService) -> Iterator[str]:
    """The hosts of a VirtualService that a gateway's server serves."""
    namespace = virtual_service.key.namespace
    for served in server.hosts:
        for host in virtual_service.spec.hosts:
            if common := _common(_own(served, namespace), _full(host, namespace)):
                yield common


def _own(served: str, namespace: str) -> str | None:
    scope, slash, host = served.rpartition("/")
    return host if not slash or scope in {"*", ".", namespace} else None


def _full(host: str, namespace: str) -> str:
    return host if "." in host or host == "*" else f"{host}.{namespace}.{DOMAIN}"


def _common(served: str | None, host: str) -> str | None:
    """The narrower of two hosts, each of which may be `*` or `*.suffix`; None if they share nothing."""
    if served is None:
        return None
    if served == host or _covers(served, host):
        return host
    return served if _covers(host, served) else None


def _covers(wide: str, narrow: str) -> bool:
    return wide == "*" or (wide.startswith("*.") and narrow.endswith(wide[1:]))


def _service_host(
    service: Service,
    port: int,
    virtual_services: Iterable[VirtualService],
    registry: Registry,
    source: Source,
) -> Json:
    routes = [
        route
        for candidate in virtual_services
        if any(registry.find(host, candidate.key.namespace) == service for host in candidate.spec.hosts)
        for route in _routes(candidate, registry, source, port)
    ]
    cluster = outbound_name(service.host, port)
    return _virtual_host(
        cluster, _domains(registry.names(service), service, port), routes or [plain_route(cluster)]
    )


def _domains(names: Iterable[str], service: Service, port: int) -> list[str]:
    with_port = [f"{name}:{port}" for name in names]
    return [*names, *with_port] if port == service.default_port else with_port


def _foreign_hosts(
    virtual_services: Iterable[VirtualService], registry: Registry, source: Source
) -> Iterator[Json]:
    routes: dict[str, list[Json]] = defaultdict(list)
    for candidate in virtual_services:
        for host in candidate.spec.hosts:
            if registry.find(host, candidate.key.namespace) is None:
                routes[_full(host, candidate.key.namespace)] += _routes(candidate, registry, source, None)
    for host, found in sorted(routes.items()):
        yield _virtual_host(host, [host] if host.startswith("*") else [host, f"{host}:80"], found)


def _routes(
    virtual_service: VirtualService, registry: Registry, source: Source, port: int | None
) -> list[Json]:
    def resolve(destination: Destination) -> str:
        return _cluster(destination, virtual_service.key.namespace, registry, port)

    return [route for http in virtual_service.spec.http for route in envoy_routes(http, resolve, source)]


def _cluster(destination: Destination, namespace: str, registry: Registry, port: int | None) -> str:
    """The destination's cluster. One that does not exist has a name all the same: Envoy then answers 503."""
    service = registry.find(destination.host, namespace)
    if destination.port:
        port = destination.port.number
    elif service and port not in service.ports:
        port = service.default_port
    return outbound_name(service.host if service else _full(destination.host, namespace), port or 0)


def _virtual_host(name: str, domains: list[str], routes: list[Json]) -> Json:
    return {"name": name, "domains": domains, "routes": routes}


def _without_repetition(hosts: Iterable[Json]) -> list[Json]:
    taken: set[str] = set()
    result = []
    for host in hosts:
        domains = [domain for domain in host["domains"] if domain not in taken]
        taken.update(domains)
        if domains:
            result.append(host | {"domains": domains})
    return result

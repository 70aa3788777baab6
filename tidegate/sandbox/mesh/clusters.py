"""Services as Envoy's clusters with their endpoints, and the ways into their workloads.

A request takes two hops, as with sidecars: the cluster of the service (the source's view) leads to the
inbound listener of a workload, and from there the inbound cluster (the destination's view) leads to a pod.
The names of their statistics carry what Istio's telemetry labels them with.

Endpoints are written into their cluster: Envoy takes an inotify instance for each file that it follows, and
a user has 128 of them for all programs. A cluster that changes lets its requests end, but forgets ejections.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from typing import NamedTuple

from tidegate.sandbox.mesh.destination_rule import TrafficPolicy
from tidegate.sandbox.mesh.registry import Endpoint, Key, Service
from tidegate.sandbox.mesh.routes import Json, envoy_duration

_TYPE = "type.googleapis.com/envoy.config"
_HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_BALANCERS = {"LEAST_CONN": "LEAST_REQUEST", "LEAST_REQUEST": "LEAST_REQUEST", "RANDOM": "RANDOM"}
_UNLIMITED = 2**32 - 1
# Shorter than the keep-alive of any server behind it, so that no request meets a connection which is closing.
_IDLE = "15s"


class Inbound(NamedTuple):
    """One workload as reached through one port of one service; `cluster` as an endpoint's."""

    service: Key
    workload: str
    port: int
    cluster: str = ""

    @property
    def name(self) -> str:
        """What its listener and its cluster are called."""
        name = f"inbound|{self.port}|{self.workload}|{self.service.name}.{self.service.namespace}"
        return f"{name}|{self.cluster}" if self.cluster else name


def outbound_name(host: str, port: int) -> str:
    """What the cluster of a service's port is called, as in Istio."""
    return f"outbound|{port}||{host}"


def inbounds(service: Service) -> Iterator[Inbound]:
    """Every way into a service's workloads."""
    for port in service.ports:
        for workload, cluster in _workloads(service, port):
            yield Inbound(service.key, workload, port, cluster)


def clusters(service: Service, policy: TrafficPolicy) -> Iterator[Json]:
    """A service's clusters, with their endpoints."""
    for port in service.ports:
        name = outbound_name(service.host, port)
        workload = service.workloads[0] if len(service.workloads) == 1 else "unknown"
        stat = _stat_name("source", service.key, workload)
        yield _cluster(name, stat, _first_hop(service, port, service.endpoints[port]))
    for inbound in inbounds(service):
        stat = _stat_name("destination", inbound.service, inbound.workload, inbound.cluster)
        place = inbound.workload, inbound.cluster
        pods = [pod for pod in service.endpoints[inbound.port] if (pod.workload, pod.cluster) == place]
        yield _cluster(inbound.name, stat, [_address(pod) for pod in pods]) | _policy(policy)


def _workloads(service: Service, port: int) -> list[tuple[str, str]]:
    """Each with its cluster."""
    # Selected workloads stay while they have no pods, so that nothing is torn down at zero replicas.
    there = {(e.workload, e.cluster) for e in service.endpoints[port] if e.workload}
    return sorted(there | set(product(service.workloads, service.clusters)))


def _stat_name(reporter: str, service: Key, workload: str, cluster: str = "") -> str:
    parts = (reporter, service.namespace, workload, service.name, *((cluster,) if cluster else ()))
    return "|".join(parts).replace(".", "_")


def _cluster(name: str, stat_name: str, endpoints: list[Json]) -> Json:
    return {
        "@type": f"{_TYPE}.cluster.v3.Cluster",
        "name": name,
        "alt_stat_name": stat_name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": endpoints}] if endpoints else [],
        },
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [_limits({})]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http({})
        },
    }


def _limits(limits: Mapping[str, int | None]) -> Json:
    names = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    return {name: limits.get(name) or _UNLIMITED for name in names}


def _http(options: Json) -> Json:
    return {
        "@type": _HTTP,
        "explicit_http_config": {"http_protocol_options": {}},
        "common_http_protocol_options": {"idle_timeout": _IDLE} | options,
    }


def _policy(policy: TrafficPolicy) -> Json:
    tcp, http = policy.connection_pool.tcp, policy.connection_pool.http
    limits = {
        "max_connections": tcp.max_connections,
        "max_pending_requests": http.http1_max_pending_requests,
        "max_requests": http.http2_max_requests,
        "max_retries": http.max_retries,
    }
    per_connection = http.max_requests_per_connection
    options = {"max_requests_per_connection": per_connection} if per_connection else {}
    result: Json = {
        "circuit_breakers": {"thresholds": [_limits(limits)]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http(options)
        },
        "lb_policy": _BALANCERS.get(policy.load_balancer.simple or "", "ROUND_ROBIN"),
    }
    if tcp.connect_timeout:
        result["connect_timeout"] = envoy_duration(tcp.connect_timeout)
    return result | _outlier_detection(policy)


def _outlier_detection(policy: TrafficPolicy) -> Json:
    rule = policy.outlier_detection
    if rule is None:
        return {}
    detection: Json = {
        "interval": envoy_duration(rule.interval),
        "base_ejection_time": envoy_duration(rule.base_ejection_time),
        "max_ejection_percent": rule.max_ejection_percent,
        "enforcing_success_rate": 0,
    }
    if rule.consecutive5xx_errors is not None:
        detection["consecutive_5xx"] = rule.consecutive5xx_errors
        detection["enforcing_consecutive_5xx"] = 100 if rule.consecutive5xx_errors else 0
    return {"outlier_detection": detection}


def _first_hop(service: Service, port: int, endpoints: tuple[Endpoint, ...]) -> list[Json]:
    pods = Counter((each.workload, each.cluster) for each in endpoints if each.workload)
    listeners = [
        _internal(Inbound(service.key, workload, port, cluster)) | {"load_balancing_weight": count}
        for (workload, cluster), count in sorted(pods.items())
    ]
    return listeners + [_address(endpoint) for endpoint in endpoints if endpoint.workload is None]


def _internal(inbound: Inbound) -> Json:
    return _endpoint({"envoy_internal_address": {"server_listener_name": inbound.name}})


def _address(endpoint: Endpoint) -> Json:
    return _endpoint({"socket_address": {"address": endpoint.address, "port_value": endpoint.port}})


def _endpoint(address: Json) -> Json:
    return {"endpoint": {"address": address}}

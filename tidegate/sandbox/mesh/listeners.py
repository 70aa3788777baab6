"""Envoy's bootstrap, and its listeners: ingress, TCP ports, egress, sidecars, the ways into the workloads."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tidegate.sandbox.mesh.clusters import Inbound
from tidegate.sandbox.mesh.routes import Json
from tidegate.sandbox.mesh.sidecars import Sidecar

_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TCP = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
_LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
_FILTERS = "type.googleapis.com/envoy.extensions.filters.http"
_INTERNAL = "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener"


class Layout(BaseModel):
    """Where one Envoy listens and keeps its files."""

    model_config = ConfigDict(frozen=True)

    directory: Path
    ingress_port: int
    egress_port: int
    admin_port: int

    @property
    def gateway_address(self) -> str:
        """Where the gateway takes connections on its TCP ports: no two sandboxes share it."""
        return f"127.250.{self.ingress_port // 256}.{self.ingress_port % 256}"

    @property
    def listeners(self) -> Path:
        """The file of listeners (LDS)."""
        return self.directory / "lds.json"

    @property
    def clusters(self) -> Path:
        """The file of clusters (CDS)."""
        return self.directory / "cds.json"

    def routes(self, name: str) -> Path:
        """The file of one listener's routes (RDS)."""
        return self.directory / "routes" / f"{name}.json"


def outer_listeners(layout: Layout) -> list[Json]:
    """The gateway's listener and the mesh's, whose routes come from files of their own."""
    return [
        _outer("ingress", _loopback(layout.ingress_port), layout),
        _outer("egress", _loopback(layout.egress_port), layout),
    ]


def sidecar_listener(sidecar: Sidecar, layout: Layout) -> Json:
    """The listener that takes the calls of a sidecar's workload, with routes of its own."""
    return _outer(sidecar.name, _socket(layout.gateway_address, sidecar.port), layout)


def inbound_listener(inbound: Inbound) -> Json:
    """The listener in front of a workload's pods; a pod that cannot be reached is passed over."""
    retry = {
        "retry_on": "connect-failure,refused-stream,reset-before-request",
        "num_retries": 3,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": "type.googleapis.com/"
                    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": 5,
    }
    route = {
        "match": {"prefix": "/"},
        "route": {"cluster": inbound.name, "timeout": "0s", "retry_policy": retry},
    }
    hosts = [{"name": "inbound", "domains": ["*"], "routes": [route]}]
    # Envoy may read the listeners' file before the clusters'.
    routes = {"name": inbound.name, "virtual_hosts": hosts, "validate_clusters": False}
    manager = _manager("inbound", {"route_config": routes})
    return {
        "@type": _LISTENER,
        "name": inbound.name,
        "internal_listener": {},
        "filter_chains": [{"filters": [manager]}],
    }


def tcp_listener(name: str, port: int, shares: Mapping[str, int], layout: Layout) -> Json:
    """The gateway's listener on a TCP port: each connection goes to one of the clusters, by their shares."""
    clusters = [{"name": cluster, "weight": share} for cluster, share in shares.items() if share]
    config = {"@type": _TCP, "stat_prefix": name, "weighted_clusters": {"clusters": clusters}}
    return {
        "@type": _LISTENER,
        "name": name,
        "address": _socket(layout.gateway_address, port),
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": config}]}],
    }


def bootstrap(layout: Layout) -> Json:
    """The configuration Envoy is started with; everything else comes from files that it watches."""
    return {
        "node": {"id": "sandbox", "cluster": "sandbox"},
        "admin": {"address": _loopback(layout.admin_port)},
        "dynamic_resources": {
            "lds_config": _file(layout.listeners),
            "cds_config": _file(layout.clusters),
        },
        "bootstrap_extensions": [
            {"name": "envoy.bootstrap.internal_listener", "typed_config": {"@type": _INTERNAL}}
        ],
        "stats_flush_interval": "0.5s",  # histograms are published at a flush only
    }


def _outer(name: str, address: Json, layout: Layout) -> Json:
    rds = {"route_config_name": name, "config_source": _file(layout.routes(name))}
    return {
        "@type": _LISTENER,
        "name": name,
        "address": address,
        "filter_chains": [{"filters": [_manager(name, {"rds": rds})]}],
    }


def _manager(name: str, routes: Json) -> Json:
    filters = [
        {"name": "envoy.filters.http.cors", "typed_config": {"@type": f"{_FILTERS}.cors.v3.Cors"}},
        {"name": "envoy.filters.http.fault", "typed_config": {"@type": f"{_FILTERS}.fault.v3.HTTPFault"}},
        {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_FILTERS}.router.v3.Router"}},
    ]
    config = {
        "@type": _HCM,
        "stat_prefix": name,
        "http_filters": filters,
        "server_name": "istio-envoy",
    } | routes
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}


def _loopback(port: int) -> Json:
    return _socket("127.0.0.1", port)


def _socket(address: str, port: int) -> Json:
    return {"socket_address": {"address": address, "port_value": port}}


def _file(path: Path) -> Json:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}

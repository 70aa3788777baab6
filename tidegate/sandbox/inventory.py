"""What the sandbox's clusters hold before anybody releases anything.

Three clusters, as in a mesh with a control plane of its own: `asm` has Istio's objects, `mesh01` generates
the load, `mesh02` is empty but for what the platform brings, and waits for workloads.
"""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import yaml

from tidegate.sandbox.client import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    NAMESPACES,
    SERVICES,
    ClusterClient,
    Object,
    Resource,
)

CONTROL_PLANE, LOAD, WORKLOADS = CLUSTERS = ("asm", "mesh01", "mesh02")

_DEFINITIONS = Resource(
    "apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
_GATEWAYS = Resource("networking.istio.io/v1", "gateways", "Gateway")
_NAMESPACES = {
    CONTROL_PLANE: ("istio-system", "test"),
    LOAD: ("istio-system", "test"),
    WORKLOADS: ("istio-system",),
}
_LOADTESTER = "ghcr.io/fluxcd/flagger-loadtester:0.34.0"


async def furnish(cluster: str, client: ClusterClient, prometheus_port: int, egress_url: str) -> None:
    """Create a cluster's first objects. They must not be there yet."""
    for definition in definitions():
        await client.create(_DEFINITIONS, definition)
    for name in _NAMESPACES[cluster]:
        await client.create(
            NAMESPACES, {"metadata": {"name": name, "labels": {"istio-injection": "enabled"}}}
        )
    if cluster == CONTROL_PLANE:
        await client.create(_GATEWAYS, public_gateway())
        return
    await client.create(SERVICES, prometheus_service())
    await client.create(ENDPOINT_SLICES, prometheus_endpoints(prometheus_port))
    if cluster == LOAD:
        await client.create(SERVICES, loadtester_service())
        await client.create(DEPLOYMENTS, loadtester(egress_url))


def definitions() -> Iterator[Object]:
    """The CustomResourceDefinitions of Istio, Flagger and Argo CD that every cluster has."""
    folder = files("tidegate.sandbox") / "crds"
    for entry in sorted(folder.iterdir(), key=lambda file: file.name):
        if entry.name.endswith(".yaml"):
            yield from yaml.safe_load_all(entry.read_text())


def public_gateway() -> Object:
    """The ingress gateway, open to every host."""
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    return {
        "metadata": {"name": "public-gateway", "namespace": "istio-system"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [{"port": port, "hosts": ["*"]}]},
    }


def prometheus_service() -> Object:
    """`http://prometheus.istio-system:9090`, which has no pods: its endpoints are given by hand."""
    ports = [{"name": "http", "port": 9090, "protocol": "TCP"}]
    return {"metadata": _prometheus(), "spec": {"ports": ports}}


def prometheus_endpoints(port: int) -> Object:
    """Where Prometheus really listens."""
    return {
        "metadata": _prometheus(labels={"kubernetes.io/service-name": "prometheus"}),
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
    }


def loadtester_service() -> Object:
    """`http://loadtester.test/`."""
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}]
    return {"metadata": _loadtester(), "spec": {"selector": _APP, "ports": ports}}


def loadtester(egress_url: str) -> Object:
    """The load tester, which reaches the mesh's services as a pod with a sidecar does."""
    container = {
        "name": "loadtester",
        "image": _LOADTESTER,
        "command": ["./loadtester", "-port=8080", "-log-level=info", "-timeout=1h"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "HTTP_PROXY", "value": egress_url}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
    }
    template = {"metadata": {"labels": _APP}, "spec": {"containers": [container]}}
    return {
        "metadata": _loadtester(),
        "spec": {"replicas": 1, "selector": {"matchLabels": _APP}, "template": template},
    }


_APP = {"app": "loadtester"}


def _loadtester() -> dict[str, Any]:
    return {"name": "loadtester", "namespace": "test", "labels": _APP}


def _prometheus(**more: Any) -> dict[str, Any]:
    return {"name": "prometheus", "namespace": "istio-system", **more}

"""What the sandbox's clusters hold before anybody releases anything.

Three clusters, as in a mesh with a control plane of its own: `asm` has Istio's objects, `mesh01` generates
the load, `mesh02` is empty but for what the platform brings, and waits for workloads. A sandbox that is
asked for it has a second one for workloads, `mesh03`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tidegate.sandbox.addresses import cluster_address
from tidegate.sandbox.client import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    NAMESPACES,
    PODS,
    SERVICES,
    STATUS,
    ClusterClient,
    Object,
    Resource,
)

CONTROL_PLANE, LOAD, WORKLOADS = CLUSTERS = ("asm", "mesh01", "mesh02")
FURTHER = "mesh03"

_DEFINITIONS = Resource(
    "apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
_GATEWAYS = Resource("networking.istio.io/v1", "gateways", "Gateway")
_NAMESPACES = {
    CONTROL_PLANE: ("istio-system", "test"),
    LOAD: ("istio-system", "test"),
    WORKLOADS: ("istio-system",),
    FURTHER: ("istio-system",),
}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PROMETHEUS_ADDRESS = cluster_address("127.0.0.1")
_LOADTESTER = "ghcr.io/fluxcd/flagger-loadtester:0.34.0"


_ESTABLISHED_WITHIN = 90.0


class Surroundings(NamedTuple):
    """What the clusters' first objects tell of the sandbox."""

    prometheus_port: int
    egress_url: str
    definitions: Sequence[Object]


async def furnish(cluster: str, client: ClusterClient, surroundings: Surroundings) -> None:
    """Create a cluster's first objects. They must not be there yet."""
    await asyncio.gather(*(_define(client, each) for each in surroundings.definitions))
    for name in _NAMESPACES[cluster]:
        await client.create(
            NAMESPACES, {"metadata": {"name": name, "labels": {"istio-injection": "enabled"}}}
        )
    if cluster == CONTROL_PLANE:
        await client.create(_GATEWAYS, public_gateway())
        return
    await client.create(SERVICES, prometheus_service())
    pod = await client.create(PODS, prometheus_pod(surroundings.prometheus_port))
    await client.patch(PODS, pod, {"status": prometheus_status()}, STATUS)
    await client.create(ENDPOINT_SLICES, prometheus_endpoints(surroundings.prometheus_port))
    if cluster == LOAD:
        await client.create(SERVICES, loadtester_service())
        await client.create(DEPLOYMENTS, loadtester(surroundings.egress_url))


def definitions(folder: Path | None = None) -> Iterator[Object]:
    """The CustomResourceDefinitions of Istio, Flagger, Argo CD and KEDA that every cluster has.

    They are the sandbox's own, but for those that the folder has under the same names.
    """
    others = {each["metadata"]["name"]: each for each in _documents(folder)} if folder else {}
    for definition in _documents(files("tidegate.sandbox") / "crds"):
        yield others.get(definition["metadata"]["name"], definition)


def _documents(folder: Traversable) -> Iterator[Object]:
    for entry in sorted(folder.iterdir(), key=lambda file: file.name):
        if entry.name.endswith(".yaml"):
            yield from filter(None, yaml.load_all(entry.read_text(), Loader=_LOADER))


async def _define(client: ClusterClient, definition: Object) -> None:
    """Define a kind, and wait until it is served. Raises TimeoutError when that does not happen."""
    created = await client.create(_DEFINITIONS, definition)
    name = created["metadata"]["name"]
    try:
        async with asyncio.timeout(_ESTABLISHED_WITHIN):
            while not _is_established(created):
                await asyncio.sleep(0.1)
                created = await client.get(_DEFINITIONS, None, name)
    except TimeoutError:
        raise TimeoutError(f"{name} was defined, but is not served after {_ESTABLISHED_WITHIN:g} s") from None


def _is_established(definition: Object) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def public_gateway() -> Object:
    """The ingress gateway, open to every host."""
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    return {
        "metadata": {"name": "public-gateway", "namespace": "istio-system"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [{"port": port, "hosts": ["*"]}]},
    }


def prometheus_service() -> Object:
    """`http://prometheus.istio-system:9090`; its endpoints are given by hand."""
    ports = [{"name": "http", "port": 9090, "protocol": "TCP"}]
    return {"metadata": _prometheus(), "spec": {"ports": ports}}


def prometheus_pod(port: int) -> Object:
    """What stands for Prometheus: a real API server calls nothing but pods for a service.

    It is written like a static pod of a machine of its own, so that no node of the sandbox runs it.
    """
    container = {"name": "prometheus", "image": "prom/prometheus", "ports": [{"containerPort": port}]}
    return {
        "metadata": _prometheus(annotations={"kubernetes.io/config.mirror": "prometheus"}),
        "spec": {"nodeName": "prometheus", "containers": [container]},
    }


def prometheus_status() -> Object:
    """It runs."""
    ready = {"type": "Ready", "status": "True"}
    return {
        "phase": "Running",
        "conditions": [ready],
        "podIP": _PROMETHEUS_ADDRESS,
        "podIPs": [{"ip": _PROMETHEUS_ADDRESS}],
    }


def prometheus_endpoints(port: int) -> Object:
    """Where Prometheus really listens."""
    return {
        "metadata": _prometheus(labels={"kubernetes.io/service-name": "prometheus"}),
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [
            {
                "addresses": [_PROMETHEUS_ADDRESS],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": "prometheus", "namespace": "istio-system"},
            }
        ],
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

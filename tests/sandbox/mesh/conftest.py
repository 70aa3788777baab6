"""Manifests of a small mesh, and a running Envoy."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tidegate.sandbox.mesh.envoy import Envoy
from tidegate.sandbox.mesh.listeners import Layout
from tidegate.sandbox.mesh.registry import Snapshot
from tidegate.sandbox.processes import Processes

Manifest = dict[str, Any]
MakeSnapshot = Callable[..., Snapshot]


def _metadata(name: str, namespace: str = "test", **more: Any) -> Manifest:
    return {"name": name, "namespace": namespace, **more}


class Mesh:
    """Builds snapshots of podinfo, its primary and its canary, as a release leaves them in the clusters."""

    gateway: Manifest = {
        "kind": "Gateway",
        "metadata": _metadata("public-gateway", "istio-system"),
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
        },
    }

    def virtual_service(self, name: str = "podinfo", **spec: Any) -> Manifest:
        default = {
            "hosts": ["app.istio.example.com", "podinfo"],
            "gateways": ["public-gateway.istio-system.svc.cluster.local"],
        }
        return {"kind": "VirtualService", "metadata": _metadata(name), "spec": default | spec}

    def sidecar(self, port: int = 3128) -> Manifest:
        egress = {"port": {"number": port, "name": "calls", "protocol": "HTTP_PROXY"}, "hosts": ["*/*"]}
        spec = {"workloadSelector": {"labels": {"tier": "beta"}}, "egress": [egress]}
        return {"kind": "Sidecar", "metadata": _metadata("beta"), "spec": spec}

    def weighted(self, primary: int, canary: int) -> Manifest:
        route = [
            {"destination": {"host": "podinfo-primary"}, "weight": primary},
            {"destination": {"host": "podinfo-canary"}, "weight": canary},
        ]
        return self.virtual_service(http=[{"route": route}])

    def service(self, name: str, app: str, port: int = 9898) -> Manifest:
        ports = [{"name": "http", "port": port, "targetPort": port}]
        return {
            "kind": "Service",
            "metadata": _metadata(name),
            "spec": {"selector": {"app": app}, "ports": ports},
        }

    def deployment(self, name: str) -> Manifest:
        template = {"metadata": {"labels": {"app": name}}}
        return {"kind": "Deployment", "metadata": _metadata(name), "spec": {"template": template}}

    def pod(self, workload: str, number: int) -> Manifest:
        owner = {"kind": "ReplicaSet", "name": f"{workload}-abc12"}
        labels = {"app": workload, "pod-template-hash": "abc12"}
        metadata = _metadata(f"{workload}-abc12-{number}", labels=labels, ownerReferences=[owner])
        return {"kind": "Pod", "metadata": metadata}

    def slice(self, service: str, pods: list[tuple[Manifest | None, str]], port: int) -> Manifest:
        endpoints = [
            {"addresses": [address], "conditions": {"ready": True}}
            | ({"targetRef": {"kind": "Pod", "name": pod["metadata"]["name"]}} if pod else {})
            for pod, address in pods
        ]
        metadata = _metadata(f"{service}-x", labels={"kubernetes.io/service-name": service})
        return {"metadata": metadata, "ports": [{"name": "http", "port": port}], "endpoints": endpoints}

    def snapshot(
        self,
        *virtual_services: Manifest,
        primary: tuple[str, ...] = ("127.0.0.1",),
        canary: tuple[str, ...] = ("127.0.0.1",),
        ports: tuple[int, int] = (9898, 9898),
        rules: tuple[Manifest, ...] = (),
        gateways: tuple[Manifest, ...] = (),
    ) -> Snapshot:
        primaries = [(self.pod("podinfo-primary", n), address) for n, address in enumerate(primary)]
        canaries = [(self.pod("podinfo", n), address) for n, address in enumerate(canary)]
        return Snapshot(
            gateways=gateways or (self.gateway,),
            virtual_services=virtual_services,
            destination_rules=rules,
            services=(
                self.service("podinfo", "podinfo-primary"),
                self.service("podinfo-primary", "podinfo-primary"),
                self.service("podinfo-canary", "podinfo"),
            ),
            endpoint_slices=(
                self.slice("podinfo", [*primaries], ports[0]),
                self.slice("podinfo-primary", [*primaries], ports[0]),
                self.slice("podinfo-canary", [*canaries], ports[1]),
            ),
            pods=tuple(pod for pod, _ in (*primaries, *canaries)),
            deployments=(self.deployment("podinfo"), self.deployment("podinfo-primary")),
        )


@pytest.fixture(scope="package")
def mesh() -> Mesh:
    return Mesh()


@pytest.fixture(scope="package")
def layout() -> Layout:
    return Layout(directory=Path("/envoy"), ingress_port=80, egress_port=15001, admin_port=15000)


@pytest.fixture(scope="package")
async def envoy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Envoy]:
    folder = tmp_path_factory.mktemp("envoy")
    envoy = Envoy.in_folder(folder)
    async with Processes(folder) as processes:
        await envoy.start(processes)
        yield envoy
        await envoy.close()


@pytest.fixture(scope="package")
async def servers() -> AsyncIterator[dict[str, int]]:
    """The ports of two servers, by name, that answer with their name, the path and the request headers."""
    runners, ports = [], {}
    for name in ("primary", "canary"):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", _answer(name))
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports[name] = runner.addresses[0][1]
        runners.append(runner)
    yield ports
    for runner in runners:
        await runner.cleanup()


def _answer(name: str) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"name": name, "path": request.path_qs, "headers": dict(request.headers)})

    return answer

"""`python -m benchmarks.neighbours FOLDER`: the neighbours of a fleet of releases, without pods.

Two clusters whose Deployments are ready and whose Services know pods at once, a Prometheus that is content
with everything, and a load tester that accepts every hook but keeps its gate closed. They have a process of
their own, so that a worker's CPU is measured alone.
Once up, FOLDER holds `kubeconfig` and `neighbours.json`, an `Addresses`; a SIGTERM ends them.
"""

import asyncio
import contextlib
import signal
import sys
from collections import Counter
from pathlib import Path

from aiohttp import web
from pydantic import BaseModel

from tidegate.adapters.files import write_atomically
from tidegate.sandbox.client import ClusterClient
from tidegate.sandbox.cluster_api import ClusterApi, write_kubeconfig
from tidegate.sandbox.cluster_api.kinds import Storage
from tidegate.sandbox.cluster_api.objects import Object, meta
from tidegate.sandbox.cluster_api.requests import parse_target, truth
from tidegate.sandbox.cluster_api.store import Change, Store
from tidegate.sandbox.controllers.endpoints import SERVICE_NAME
from tidegate.sandbox.inventory import CONTROL_PLANE, WORKLOADS, Surroundings, definitions, furnish

_DEPLOYMENTS: Storage = ("apps", "deployments")
_AUTOSCALERS: Storage = ("autoscaling", "horizontalpodautoscalers")
_SERVICES: Storage = ("", "services")
_SLICES: Storage = ("discovery.k8s.io", "endpointslices")
_NOTHING_ELSE = Surroundings(prometheus_port=9, egress_url="", definitions=tuple(definitions()))
GATE = "/gate/check"
"""A gate that is never open."""

_ANSWER = {
    "status": "success",
    "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, "100"]}]},
}
"""A hundred per cent of successes, and a hundred milliseconds: within the range of either check."""


class Addresses(BaseModel):
    """Where the neighbours are: the clusters by name, and the rest below one base address."""

    clusters: dict[str, str]
    web: str


class CountingCluster(ClusterApi):
    """A cluster API that counts its calls by verb and resource."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.calls: Counter[str] = Counter()
        Readiness(self.store).keep()
        Endpoints(self.store).keep()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.calls[call_of(request.method, request.path, dict(request.query), request.content_type)] += 1
        return await super()._handle(request)


class Readiness:
    """Says of every Deployment and autoscaler that it is where its spec wants it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self) -> None:
        """From now on, with every change."""
        self._store.observe(self._look)

    def _look(self, storage: Storage, change: Change) -> None:
        status = _status(storage, change.object)
        if change.type != "DELETED" and status and status != change.object.get("status"):
            # Not within the write itself: whoever wrote is answered first, as by a controller.
            asyncio.get_running_loop().call_soon(self._say, storage, change.object, status)

    def _say(self, storage: Storage, seen: Object, status: Object) -> None:
        namespace, name = meta(seen)["namespace"], meta(seen)["name"]
        live = self._store.get(storage, namespace, name)
        if live is not None and live["spec"] == seen["spec"]:
            self._store.put(storage, {**live, "metadata": {**meta(live)}, "status": status})


class Endpoints:
    """Gives every Service that selects pods one, though there is none."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self) -> None:
        """From now on, for each that is made."""
        self._store.observe(self._look)

    def _look(self, storage: Storage, change: Change) -> None:
        selects = storage == _SERVICES and change.object["spec"].get("selector")
        if selects and change.type == "ADDED":
            asyncio.get_running_loop().call_soon(self._lead, change.object)

    def _lead(self, service: Object) -> None:
        name = meta(service)["name"]
        metadata = {
            "name": name,
            "namespace": meta(service)["namespace"],
            "uid": f"endpoints-of-{meta(service)['uid']}",
            "labels": {SERVICE_NAME: name},
        }
        ready = {"addresses": ["192.0.2.1"], "conditions": {"ready": True}}
        slice_ = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata}
        self._store.put(_SLICES, {**slice_, "addressType": "IPv4", "endpoints": [ready], "ports": []})


def call_of(method: str, path: str, query: dict[str, str], content_type: str) -> str:
    """A call in the words of kubectl and RBAC: "get deployments", "apply virtualservices (dry run)"."""
    target = parse_target(path)
    if target is None:
        return "discovery"
    verb = _read_verb(target.name, query) if method == "GET" else _write_verb(method, content_type)
    dry = " (dry run)" if query.get("dryRun") else ""
    return f"{verb} {target.plural}{dry}"


def _read_verb(name: str, query: dict[str, str]) -> str:
    if truth(query.get("watch")):
        return "watch"
    return "get" if name else "list"


def _write_verb(method: str, content_type: str) -> str:
    if method == "PATCH":
        return "apply" if content_type == "application/apply-patch+yaml" else "patch"
    return {"POST": "create", "PUT": "update", "DELETE": "delete"}.get(method, method)


def _status(storage: Storage, obj: Object) -> Object | None:
    if storage == _AUTOSCALERS:
        return {"conditions": [{"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"}]}
    if storage != _DEPLOYMENTS:
        return None
    replicas = obj["spec"].get("replicas", 1)
    count = {"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas}
    counts = {**count, "availableReplicas": replicas} if replicas else {}
    available = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
    return {"observedGeneration": meta(obj)["generation"], **counts, "conditions": [available]}


def _services(clusters: list[CountingCluster]) -> web.Application:
    """Prometheus, the load tester, and the counts of the clusters' calls."""

    async def query(_: web.Request) -> web.Response:
        return web.json_response(_ANSWER)

    async def hook(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def gate(_: web.Request) -> web.Response:
        return web.Response(status=403, text="Forbidden")

    async def calls(_: web.Request) -> web.Response:
        return web.json_response({cluster.name: cluster.calls for cluster in clusters})

    app = web.Application()
    app.add_routes([web.get("/api/v1/query", query), web.get("/calls", calls)])
    app.add_routes([web.post("/", hook), web.post(GATE, gate)])
    return app


async def _serve(folder: Path) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    clusters = [CountingCluster(name) for name in (CONTROL_PLANE, WORKLOADS)]
    async with contextlib.AsyncExitStack() as stack:
        for cluster in clusters:
            stack.push_async_callback(cluster.stop)
            await cluster.start()
            async with ClusterClient(cluster.url) as client:
                await furnish(cluster.name, client, _NOTHING_ELSE)
        runner = web.AppRunner(_services(clusters), access_log=None)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        addresses = Addresses(
            clusters={cluster.name: cluster.url for cluster in clusters},
            web=f"http://127.0.0.1:{runner.addresses[0][1]}",
        )
        write_kubeconfig(folder / "kubeconfig", clusters)
        write_atomically(folder / "neighbours.json", addresses.model_dump_json())
        await stopping.wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))

"""The whole world on one machine: three clusters, a mesh, its metrics, and Temporal, in one folder.

Whatever runs in it is started here and ends with it: in order when the world is closed, and by the kernel
when this process is killed.
"""

import asyncio
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from tidegate.sandbox import inventory
from tidegate.sandbox.client import DEPLOYMENTS, ClusterClient, Object
from tidegate.sandbox.cluster_api import write_kubeconfig
from tidegate.sandbox.control_plane import Cluster, ControlPlane, choose
from tidegate.sandbox.controllers import Keda
from tidegate.sandbox.informer import Informer
from tidegate.sandbox.inventory import CLUSTERS, CONTROL_PLANE, FURTHER, LOAD, WORKLOADS, Surroundings
from tidegate.sandbox.mesh.envoy import Envoy
from tidegate.sandbox.mesh.follower import Follower
from tidegate.sandbox.node import Node
from tidegate.sandbox.ports import free_port, reserve_network
from tidegate.sandbox.processes import Process, Processes, answers
from tidegate.sandbox.prometheus import Prometheus
from tidegate.sandbox.settings_file import Addresses, write_environment, write_settings, write_temporal
from tidegate.sandbox.temporal import NAMESPACE, Temporal

_CHECKOUT = Path(__file__).resolve().parents[2]
_STATE = ("control-plane", "envoy", "git", "logs", "pods", "prometheus", f"prometheus-{FURTHER}", "temporal")
_MARKER = "sandbox.lock"
_READY_WITHIN = 60.0


class World:
    """A sandbox; it is up inside `async with`.

    `directory` keeps its state, logs and settings; without one it is a temporary folder, removed at the end.
    A directory is cleared of an earlier world's state first, and serves one world at a time.

    `control_plane` serves the clusters; without one, the environment says which (KUBEBUILDER_ASSETS).
    `definitions` is a folder of CustomResourceDefinitions that take the place of the sandbox's own.
    `further`: there is a second workload cluster, with a Prometheus of its own.
    """

    def __init__(
        self,
        directory: Path | None = None,
        temporal: bool = True,
        control_plane: ControlPlane | None = None,
        definitions: Path | None = None,
        further: bool = False,
    ) -> None:
        self._control_plane = control_plane or choose(os.environ)
        self._definitions = tuple(inventory.definitions(definitions))
        self._keep = directory is not None
        self.directory = (directory or Path(tempfile.mkdtemp(prefix="tidegate-"))).resolve()
        self.kubeconfig = self.directory / "kubeconfig"
        self.clusters: dict[str, Cluster] = {}
        self.clients: dict[str, ClusterClient] = {}
        self._envoy = Envoy.in_folder(self.directory / "envoy")
        self._further = (FURTHER,) if further else ()
        self._prometheus = Prometheus(self.directory / "prometheus")
        self._further_prometheus = {
            name: Prometheus(self.directory / f"prometheus-{name}", name) for name in self._further
        }
        self._temporal = Temporal(self.directory / "temporal") if temporal else None
        self._processes = Processes(self.directory / "logs")
        self._workers = Processes(self.directory / "logs")
        self._worker_numbers = count(1)
        self._ending = AsyncExitStack()

    @property
    def gateway_url(self) -> str:
        """The ingress gateway; the Host header says which application."""
        return self._envoy.gateway_url

    @property
    def gateway_address(self) -> str:
        """The ingress gateway's address for connections, on the TCP ports that its Gateways name."""
        return self._envoy.gateway_address

    @property
    def egress_url(self) -> str:
        """The HTTP proxy through which the mesh's services are called by their names."""
        return self._envoy.egress_url

    @property
    def envoy_admin_url(self) -> str:
        """Envoy's admin interface."""
        return self._envoy.admin_url

    @property
    def prometheus_url(self) -> str:
        """Prometheus, web UI included."""
        return self._prometheus.url

    @property
    def temporal_address(self) -> str:
        """Temporal's frontend, `host:port`. Raises RuntimeError in a world without Temporal."""
        return self._with_temporal().address

    @property
    def temporal_ui_url(self) -> str:
        """Temporal's web UI. Raises RuntimeError in a world without Temporal."""
        return self._with_temporal().ui_url

    def environment(self) -> dict[str, str]:
        """What to add to a process's environment so that it works in this world."""
        variables = {
            "TIDEGATE_CONFIG": str(self.directory / "tidegate.toml"),
            "KUBECONFIG": str(self.kubeconfig),
            # All of it is on this machine, whatever proxy leads to the rest of the world.
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }
        if self._temporal:
            variables |= {
                "TEMPORAL_ADDRESS": self._temporal.address,
                "TEMPORAL_NAMESPACE": NAMESPACE,
                "TEMPORAL_UI_ADDRESS": self._temporal.ui_url,
            }
        return variables

    async def envoy_weights(self, host: str) -> dict[str, int]:
        """The weights Envoy routes a host by now, by the name of the service; see `Envoy.weights`."""
        return await self._envoy.weights(host)

    async def start_worker(self, settings: Mapping[str, str] | None = None) -> Process:
        """Start `worker.py` from the checkout, in this world; `settings` are added to its environment.

        Returns when its health endpoint answers and the metrics that it will ask for are being collected.
        Raises ProcessError with the end of its log when it does not come up, FileNotFoundError without a
        checkout.
        """
        if not (_CHECKOUT / "worker.py").exists():
            raise FileNotFoundError(f"{_CHECKOUT} has no worker.py: run the sandbox from a checkout")
        health = f"127.0.0.1:{free_port()}"
        environment = {**own_environment(), **self.environment(), "TIDEGATE_WORKER__HEALTH_ADDRESS": health}
        environment |= settings or {}
        async with aiohttp.ClientSession() as session:
            worker = await self._workers.start(
                f"worker-{next(self._worker_numbers)}",
                [sys.executable, "worker.py"],
                answers(session, f"http://{health}/healthz"),
                environment,
                cwd=_CHECKOUT,
                within=30,
            )
        await asyncio.gather(*(each.until_scraping() for each in self._every_prometheus()))
        return worker

    async def kill_temporal(self) -> None:
        """End Temporal with SIGKILL. Raises RuntimeError in a world without Temporal."""
        await self._with_temporal().kill()

    async def start_temporal(self) -> None:
        """Start Temporal on the database that it had when it was killed."""
        await self._with_temporal().start(self._processes)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._ending.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._ending.aclose()

    async def _start(self) -> None:
        self._take_directory()
        prefix = self._take_network()
        self._ending.push_async_callback(self._envoy.close)
        await self._ending.enter_async_context(self._processes)
        programs = [
            each.start(self._processes, self._envoy.layout.admin_port) for each in self._every_prometheus()
        ]
        if self._temporal:
            programs.append(self._temporal.start(self._processes))
        async with asyncio.TaskGroup() as group:
            for program in programs:
                group.create_task(program)
            envoy = group.create_task(self._envoy.start(self._processes))
            group.create_task(self._start_clusters(prefix, envoy))
        await self._ending.enter_async_context(self._workers)
        self._write_files()

    async def _start_clusters(self, prefix: str, envoy: asyncio.Task[None]) -> None:
        await self._serve_clusters()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._furnish(CONTROL_PLANE))
            for number, name in enumerate((LOAD, WORKLOADS, *self._further), start=1):
                group.create_task(self._furnish_with_node(name, f"{prefix}.{number}.0/24"))
        follower = Follower(
            self._envoy,
            self.clients[CONTROL_PLANE],
            [self.clients[LOAD], self.clients[WORKLOADS]],
            {name: self.clients[name] for name in self._further},
        )
        self._ending.push_async_callback(follower.stop)
        await envoy
        await follower.start()
        await self._until_loadtester_is_ready()

    async def _serve_clusters(self) -> None:
        self._ending.push_async_callback(self._control_plane.stop)
        folder = self.directory / "control-plane"
        names = (*CLUSTERS, *self._further)
        for cluster in await self._control_plane.start(names, folder, self.directory / "logs"):
            self.clusters[cluster.name] = cluster
            self.clients[cluster.name] = await self._ending.enter_async_context(cluster.client())
        write_kubeconfig(self.kubeconfig, self.clusters.values())

    async def _until_loadtester_is_ready(self) -> None:
        ready = asyncio.Event()

        def look(deployment: Object, _: Object | None) -> None:
            if (deployment.get("status") or {}).get("availableReplicas"):
                ready.set()

        informer = Informer(self.clients[LOAD], DEPLOYMENTS, "test")
        informer.on_change(look)
        await informer.start()
        try:
            async with asyncio.timeout(_READY_WITHIN):
                await ready.wait()
        finally:
            await informer.stop()

    async def _furnish(self, name: str) -> None:
        controllers = self._control_plane.controllers(self.clusters[name], self.clients[name])
        await self._ending.enter_async_context(controllers)
        surroundings = Surroundings(self._prometheus_of(name).port, self.egress_url, self._definitions)
        await inventory.furnish(name, self.clients[name], surroundings)

    async def _furnish_with_node(self, name: str, subnet: str) -> None:
        await self._furnish(name)
        client = self.clients[name]
        await self._ending.enter_async_context(Keda(client))
        node = Node(client, name=f"{name}-node", pod_subnet=subnet, log_dir=self.directory / "pods" / name)
        await self._ending.enter_async_context(node)

    def _take_directory(self) -> None:
        """Claim the folder for as long as this process lives, and clear what an earlier world left in it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        marker = self.directory / _MARKER
        if not marker.exists() and any(self.directory.iterdir()):
            raise FileExistsError(f"{self.directory} holds what no sandbox made; choose an empty folder")
        lock = self._ending.enter_context(marker.open("a+"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise FileExistsError(
                f"another sandbox is up in {self.directory}, process {lock.read().strip()}; "
                "end that one with Ctrl-C, or choose another: python -m tidegate.sandbox up --dir FOLDER"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        for name in _STATE:
            shutil.rmtree(self.directory / name, ignore_errors=True)
        if not self._keep:
            self._ending.callback(shutil.rmtree, self.directory, ignore_errors=True)

    def _take_network(self) -> str:
        holder, prefix = reserve_network()
        self._ending.enter_context(holder)
        return prefix

    def _write_files(self) -> None:
        addresses = Addresses(
            clusters={name: cluster.url for name, cluster in self.clusters.items()},
            kubeconfig=self.kubeconfig,
            prometheus={name: self._prometheus_of(name).url for name in self.clusters},
            egress=self.egress_url,
            git_cache=self.directory / "git",
        )
        write_settings(self.directory / "tidegate.toml", addresses)
        self._ending.callback((self.directory / "environment").unlink, missing_ok=True)
        write_environment(self.directory / "environment", self.environment(), Path(sys.executable).parent)
        if self._temporal:
            write_temporal(self.directory / "temporal.toml", self._temporal.address, NAMESPACE)

    def _prometheus_of(self, cluster: str) -> Prometheus:
        return self._further_prometheus.get(cluster, self._prometheus)

    def _every_prometheus(self) -> tuple[Prometheus, ...]:
        return (self._prometheus, *self._further_prometheus.values())

    def _with_temporal(self) -> Temporal:
        if self._temporal is None:
            raise RuntimeError("this world was made without Temporal")
        return self._temporal


def own_environment() -> dict[str, str]:
    """Our environment without settings that were meant for another installation."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("TIDEGATE_", "TEMPORAL_"))
    }

"""A worker, Temporal and simulated neighbours, in which a benchmark releases many applications at once."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks.fleet_repository import CLUSTER, FleetRepository, application
from benchmarks.neighbours import Addresses
from benchmarks.usage import Usage
from tidegate.cli.submission import submit
from tidegate.contracts import ReleaseOutcome, ReleaseRequest, canary_workflow_id
from tidegate.sandbox.client import DEPLOYMENTS, ClusterClient, Resource
from tidegate.sandbox.inventory import CONTROL_PLANE
from tidegate.sandbox.ports import free_port
from tidegate.sandbox.processes import Process, Processes, answers
from tidegate.sandbox.temporal import Temporal
from tidegate.sandbox.world import own_environment

CHECKOUT = Path(__file__).resolve().parents[1]
CANARY = "podinfo"
ROUTES = Resource("networking.istio.io/v1", "virtualservices", "VirtualService")

Handle = WorkflowHandle[Any, ReleaseOutcome]


class Usages(NamedTuple):
    """What each process has used so far."""

    worker: Usage
    server: Usage
    neighbours: Usage


class _Named(Processes):
    """Children that can be found by their names, whoever started them."""

    def __init__(self, logs: Path) -> None:
        super().__init__(logs)
        self.by_name: dict[str, Process] = {}

    async def start(self, name: str, *arguments: Any, **more: Any) -> Process:
        """As `Processes.start`."""
        self.by_name[name] = await super().start(name, *arguments, **more)
        return self.by_name[name]


class FleetInstallation:
    """It is up inside `async with`; `directory` keeps its logs and state."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = AsyncExitStack()
        self._temporal = Temporal(directory / "temporal")
        self._processes = _Named(directory / "logs")
        self._workers = 0
        self.repository = FleetRepository(directory / "repository")
        self.sha = ""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        await self.repository.create()
        await self._stack.enter_async_context(self._processes)
        self._session = await self._stack.enter_async_context(aiohttp.ClientSession())
        await self._temporal.start(self._processes)
        self._server = self._processes.by_name["temporal"]
        self._neighbours = await self._processes.start(
            "neighbours",
            [sys.executable, "-m", "benchmarks.neighbours", str(self._directory)],
            self._are_up,
            cwd=CHECKOUT,
            within=30,
        )
        self.addresses = Addresses.model_validate_json((self._directory / "neighbours.json").read_text())
        self.client = await Client.connect(self._temporal.address, data_converter=pydantic_data_converter)
        await self.start_worker()

    async def _are_up(self) -> bool:
        return (self._directory / "neighbours.json").exists()

    async def start_worker(self, settings: Mapping[str, str] | None = None) -> None:
        """A worker of the checkout; `settings` are added to its environment."""
        self._workers += 1
        health = f"127.0.0.1:{free_port()}"
        environment = {
            **own_environment(),
            **self._environment(),
            "TIDEGATE_WORKER__HEALTH_ADDRESS": health,
            **(settings or {}),
        }
        self.worker: Process = await self._processes.start(
            f"worker-{self._workers}",
            [sys.executable, "worker.py"],
            answers(self._session, f"http://{health}/healthz"),
            environment,
            cwd=CHECKOUT,
            within=60,
        )

    async def replace_worker(self) -> None:
        """Another worker in the place of this one, with nothing in its cache."""
        await self.worker.stop(within=30)
        await self.start_worker()

    def usages(self) -> Usages:
        """What each process has used so far."""
        return Usages(*(Usage.of(each.pid) for each in (self.worker, self._server, self._neighbours)))

    async def calls(self) -> dict[str, dict[str, int]]:
        """Each cluster's calls so far, by verb and resource."""
        async with self._session.get(f"{self.addresses.web}/calls") as response:
            found: dict[str, dict[str, int]] = await response.json()
            return found

    async def begin(self, name: str) -> Handle:
        """Start a release of the last commit, as `starter.py start` does."""
        request = ReleaseRequest(
            application=application(name, self.repository.url), cluster=CLUSTER, revision=self.sha
        )
        submission = await submit(self.client, request, "tidegate", lambda: None)
        return self.client.get_workflow_handle(
            request.workflow_id, run_id=submission.run_id, result_type=ReleaseOutcome
        )

    def canary(self, name: str) -> WorkflowHandle[Any, Any]:
        """The canary of an application."""
        return self.client.get_workflow_handle(canary_workflow_id(CLUSTER, name, CANARY))

    async def wrong(self, names: tuple[str, ...], version: str) -> tuple[str, ...]:
        """What is not as finished releases of a version leave it, on both clusters."""
        image, found = f"stefanprodan/podinfo:{version}", []
        async with (
            ClusterClient(self.addresses.clusters[CLUSTER]) as workloads,
            ClusterClient(self.addresses.clusters[CONTROL_PLANE]) as mesh,
        ):
            deployments = _by_place(await workloads.list(DEPLOYMENTS))
            routes = _by_place(await mesh.list(ROUTES))
        for name in names:
            primary = deployments.get((name, f"{CANARY}-primary"))
            target, route = deployments.get((name, CANARY)), routes.get((name, CANARY))
            if not (primary and target and route):
                found.append(f"{name}: target, primary or routes are missing")
                continue
            if primary["spec"]["template"]["spec"]["containers"][0]["image"] != image:
                found.append(f"{name}: the primary does not run {version}")
            if target["spec"]["replicas"] != 0:
                found.append(f"{name}: the target has {target['spec']['replicas']} replicas")
            weights = [each["weight"] for each in route["spec"]["http"][0]["route"]]
            if weights != [100, 0]:
                found.append(f"{name}: the traffic is split {weights}")
        return tuple(found)

    def _environment(self) -> dict[str, str]:
        kubeconfig = str(self._directory / "kubeconfig")
        variables = {
            "TEMPORAL_ADDRESS": self._temporal.address,
            "TIDEGATE_MESH__CONTROL_PLANE": CONTROL_PLANE,
            "TIDEGATE_GIT__CACHE": str(self._directory / "git"),
            "TIDEGATE_RELEASE__DRAIN_SECONDS": "0.1",
            "TIDEGATE_RELEASE__SYNC_TIMEOUT_SECONDS": "300",
            f"TIDEGATE_CLUSTERS__{CLUSTER.upper()}__PROMETHEUS": self.addresses.web,
        }
        for name in self.addresses.clusters:
            variables[f"TIDEGATE_CLUSTERS__{name.upper()}__KUBECONFIG"] = kubeconfig
            variables[f"TIDEGATE_CLUSTERS__{name.upper()}__CONTEXT"] = name
        return variables


def _by_place(answer: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in answer["items"]}


async def gathered(limit: int, *work: Any) -> list[Any]:
    """All results in order, `limit` at a time."""
    slots = asyncio.Semaphore(limit)

    async def one(each: Any) -> Any:
        async with slots:
            return await each

    return await asyncio.gather(*(one(each) for each in work))

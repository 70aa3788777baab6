"""A cluster with a node and nobody else: pods are made by the tests themselves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tidegate.sandbox.client import NAMESPACES, PODS, ClusterClient, Object
from tidegate.sandbox.cluster_api import ClusterApi
from tidegate.sandbox.node import Node

IMAGE = "stefanprodan/podinfo:6.0.0"
_numbers = count(1)


@pytest.fixture(scope="package")
async def client() -> AsyncIterator[ClusterClient]:
    api = ClusterApi(name="node-tests")
    await api.start()
    async with ClusterClient(api.url) as client:
        yield client
    await api.stop()


@pytest.fixture(scope="package")
async def log_dir(client: ClusterClient, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The log folder of the node, which runs."""
    folder = tmp_path_factory.mktemp("pods")
    subnet = f"127.101.{os.getpid() % 256}.0/24"
    async with Node(client, name="node-1", pod_subnet=subnet, log_dir=folder):
        yield folder


@pytest.fixture
async def namespace(client: ClusterClient, log_dir: Path) -> str:
    name = f"test-{next(_numbers)}"
    await client.create(NAMESPACES, {"metadata": {"name": name}})
    return name


@pytest.fixture
async def create_pod(client: ClusterClient, namespace: str) -> Callable[..., Awaitable[Object]]:
    """create_pod("--level=debug", env=[...]): a podinfo pod, its container's fields as keywords."""

    async def create(*arguments: str, **container: Any) -> Object:
        spec = {
            "name": "podinfod",
            "image": IMAGE,
            "ports": [{"name": "http", "containerPort": 9898}],
            "command": ["./podinfo", "--port=9898", *arguments],
            **container,
        }
        meta = {"generateName": "podinfo-", "namespace": namespace}
        return await client.create(PODS, {"metadata": meta, "spec": {"containers": [spec]}})

    return create


@pytest.fixture
def becomes(client: ClusterClient) -> Callable[..., Awaitable[Object]]:
    """becomes(pod, predicate) waits until the pod (None when it is gone) is as told, and returns it."""

    async def wait(pod: Object, predicate: Callable[[Object], bool]) -> Object:
        meta = pod["metadata"]
        if predicate(current := await client.get(PODS, meta["namespace"], meta["name"])):
            return current
        version = current["metadata"]["resourceVersion"]
        async for kind, seen in client.watch(
            PODS, version, meta["namespace"], fieldSelector=f"metadata.name={meta['name']}"
        ):
            if kind == "DELETED":
                seen = {**seen, "gone": True}
            if kind != "BOOKMARK" and predicate(seen):
                return seen
        raise AssertionError("the watch ended")

    async def bounded(pod: Object, predicate: Callable[[Object], bool]) -> Object:
        return await asyncio.wait_for(wait(pod, predicate), 10)

    return bounded

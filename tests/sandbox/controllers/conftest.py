"""A cluster with controllers and a node; each test has a namespace of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from tidegate.sandbox.client import DEPLOYMENTS, NAMESPACES, SERVICES, ClusterClient, Object, Resource
from tidegate.sandbox.cluster_api import ClusterApi
from tidegate.sandbox.controllers import Controllers
from tidegate.sandbox.node import Node

_numbers = count(1)


@pytest.fixture(scope="package")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ClusterClient]:
    api = ClusterApi(name="controller-tests")
    await api.start()
    folder = tmp_path_factory.mktemp("pods")
    subnet = f"127.103.{os.getpid() % 256}.0/24"
    async with (
        ClusterClient(api.url) as client,
        Controllers(client),
        Node(client, name="node-1", pod_subnet=subnet, log_dir=folder),
    ):
        yield client
    await api.stop()


@pytest.fixture
async def namespace(client: ClusterClient) -> str:
    name = f"test-{next(_numbers)}"
    await client.create(NAMESPACES, {"metadata": {"name": name}})
    return name


@pytest.fixture
def template() -> Callable[..., Object]:
    """template("--unready", tag="6.0.1", probe=...): a podinfo pod template."""

    def build(*arguments: str, tag: str = "6.0.0", probe: Object | None = None) -> Object:
        container: Object = {
            "name": "podinfod",
            "image": f"ghcr.io/stefanprodan/podinfo:{tag}",
            "ports": [{"name": "http", "containerPort": 9898}],
            "command": ["./podinfo", "--port=9898", *arguments],
        }
        if probe:
            container["readinessProbe"] = probe
        return {"metadata": {"labels": {"app": "podinfo"}}, "spec": {"containers": [container]}}

    return build


@pytest.fixture
def deploy(
    client: ClusterClient, namespace: str, template: Callable[..., Object]
) -> Callable[..., Awaitable[Object]]:
    """deploy(replicas=2, template=..., **spec) makes Deployment and Service `podinfo`."""

    async def create(**spec: Any) -> Object:
        meta = {"name": "podinfo", "namespace": namespace}
        selector = {"app": "podinfo"}
        ports = [{"name": "http", "port": 80, "targetPort": "http"}]
        await client.create(SERVICES, {"metadata": meta, "spec": {"selector": selector, "ports": ports}})
        full = {"selector": {"matchLabels": selector}, "template": template(), **spec}
        return await client.create(DEPLOYMENTS, {"metadata": meta, "spec": full})

    return create


@pytest.fixture
def becomes(client: ClusterClient, namespace: str) -> Callable[..., Awaitable[Object]]:
    """becomes(resource, predicate) waits until the object `podinfo` is as told, and returns it."""

    async def wait(resource: Resource, predicate: Callable[[Object], bool]) -> Object:
        answer = await client.list(resource, namespace, fieldSelector="metadata.name=podinfo")
        for found in answer["items"]:
            if predicate(found):
                return dict(found)
        version = answer["metadata"]["resourceVersion"]
        selector = "metadata.name=podinfo"
        async for kind, seen in client.watch(resource, version, namespace, fieldSelector=selector):
            if kind in ("ADDED", "MODIFIED") and predicate(seen):
                return seen
        raise AssertionError("the watch ended")

    async def bounded(resource: Resource, predicate: Callable[[Object], bool]) -> Object:
        async with asyncio.timeout(10):
            return await wait(resource, predicate)

    return bounded

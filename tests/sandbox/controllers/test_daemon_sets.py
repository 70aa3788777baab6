"""DaemonSets, from the spec to ready pods on their nodes: by the sandbox's controller, and by a real one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import pytest

from tests.tiers import ASSETS, EMULATOR, TIERS
from tidegate.sandbox.client import DAEMON_SETS, NAMESPACES, NODES, PODS, ClusterClient, Object
from tidegate.sandbox.control_plane import Emulator, RealControlPlane
from tidegate.sandbox.controllers.objects import pod_active, pod_ready
from tidegate.sandbox.informer import Informer
from tidegate.sandbox.node import Node
from tidegate.sandbox.placement import pinned_node

NAMES = ("node-1", "node-2")
NOWHERE = {"flagger.app/scale-to-zero": "true"}
numbers = count(1)
Template = Callable[..., Object]


@pytest.fixture(scope="module", params=TIERS)
async def cluster(request: pytest.FixtureRequest, tmp_path_factory: Any) -> AsyncIterator[ClusterClient]:
    """A cluster with two nodes; the second one has a label."""
    folder = tmp_path_factory.mktemp("daemons")
    real = request.param != EMULATOR and ASSETS is not None
    control_plane = RealControlPlane(ASSETS) if real and ASSETS else Emulator()
    async with AsyncExitStack() as ending:
        ending.push_async_callback(control_plane.stop)
        (api,) = await control_plane.start(["daemons"], folder / "control-plane", folder / "logs")
        client = await ending.enter_async_context(api.client())
        await ending.enter_async_context(control_plane.controllers(api, client))
        for number, name in enumerate(NAMES):
            subnet = f"127.{105 + number}.{os.getpid() % 256}.0/24"
            node = Node(client, name=name, pod_subnet=subnet, log_dir=folder / name)
            await ending.enter_async_context(node)
        second = {"metadata": {"name": NAMES[1]}}
        await client.patch(NODES, second, {"metadata": {"labels": {"disk": "ssd"}}})
        yield client


class Daemon:
    """The DaemonSet `podinfo` of a namespace of its own."""

    def __init__(self, client: ClusterClient, namespace: str, template: Template) -> None:
        self._client = client
        self._template = template
        self.namespace = namespace
        self._meta = {"name": "podinfo", "namespace": namespace}

    def _spec(self, nodes: dict[str, str] | None, tag: str) -> Object:
        template = self._template(tag=tag)
        template["spec"]["nodeSelector"] = nodes
        return {"template": template}

    async def create(self, nodes: dict[str, str] | None = None, **rolling: Any) -> Object:
        strategy = {"type": "RollingUpdate", "rollingUpdate": rolling} if rolling else None
        spec = self._spec(nodes, "6.0.0") | {"selector": {"matchLabels": {"app": "podinfo"}}}
        body = {"metadata": self._meta, "spec": spec | ({"updateStrategy": strategy} if strategy else {})}
        await self._client.create(DAEMON_SETS, body)
        return await self.becomes(complete)

    async def update(self, nodes: dict[str, str] | None = None, tag: str = "6.0.0") -> None:
        await self._client.patch(DAEMON_SETS, {"metadata": self._meta}, {"spec": self._spec(nodes, tag)})

    async def becomes(self, wanted: Callable[[Object], bool]) -> Object:
        """The DaemonSet once its controller has seen it, and it is as wanted."""
        async with asyncio.timeout(20):
            while True:
                found = await self._client.get(DAEMON_SETS, self.namespace, "podinfo")
                status = found.get("status") or {}
                seen = status.get("observedGeneration") == found["metadata"]["generation"]
                if seen and wanted(status):
                    return found
                await asyncio.sleep(0.05)

    async def nodes(self) -> list[str]:
        """Where its pods are."""
        return sorted(pinned_node(pod) for pod in (await self._client.list(PODS, self.namespace))["items"])


def complete(status: Object) -> bool:
    wanted = status.get("desiredNumberScheduled")
    return bool(wanted) and status.get("updatedNumberScheduled") == wanted == status.get("numberAvailable")


def empty(status: Object) -> bool:
    return not any(status.get(name) for name in ("currentNumberScheduled", "numberMisscheduled"))


@pytest.fixture
async def daemon(cluster: ClusterClient, template: Template) -> Daemon:
    namespace = f"daemons-{next(numbers)}"
    await cluster.create(NAMESPACES, {"metadata": {"name": namespace}})
    return Daemon(cluster, namespace, template)


async def test_each_node_gets_a_pod(daemon: Daemon) -> None:
    found = await daemon.create()
    counts = {name: number for name, number in found["status"].items() if name != "observedGeneration"}
    names = (
        "currentNumberScheduled",
        "desiredNumberScheduled",
        "numberReady",
        "numberAvailable",
        "updatedNumberScheduled",
    )
    assert counts == {**dict.fromkeys(names, 2), "numberMisscheduled": 0}
    assert await daemon.nodes() == list(NAMES)


async def test_a_node_selector_decides_which_nodes(daemon: Daemon) -> None:
    await daemon.create(nodes={"disk": "ssd"})
    assert await daemon.nodes() == [NAMES[1]]


async def test_a_selector_that_no_node_fits_takes_all_pods_away_until_it_is_gone(daemon: Daemon) -> None:
    await daemon.create()
    await daemon.update(nodes=NOWHERE)
    found = await daemon.becomes(empty)
    assert found["status"]["desiredNumberScheduled"] == 0
    assert await daemon.nodes() == []

    await daemon.update()
    await daemon.becomes(complete)
    assert await daemon.nodes() == list(NAMES)


@pytest.mark.parametrize(
    ("rolling", "fewest"), [({}, 1), ({"maxSurge": 1, "maxUnavailable": 0}, 2)], ids=["one by one", "surge"]
)
async def test_an_update_leaves_as_many_pods_as_it_may(
    daemon: Daemon, cluster: ClusterClient, rolling: Any, fewest: int
) -> None:
    await daemon.create(**rolling)
    pods = Informer(cluster, PODS, daemon.namespace)
    ready: list[int] = []
    pods.on_change(lambda *_: ready.append(sum(pod_active(pod) and pod_ready(pod) for pod in pods.all())))
    await pods.start()
    ready.clear()
    await daemon.update(tag="6.1.0")
    await daemon.becomes(complete)
    images = [pod["spec"]["containers"][0]["image"] for pod in pods.all() if pod_active(pod)]
    await pods.stop()
    assert min(ready) == fewest
    assert {image.rpartition(":")[2] for image in images} == {"6.1.0"}

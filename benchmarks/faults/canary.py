"""One canary of the application in the scene: its objects as they are in its clusters, and who visits it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from benchmarks.gateway import Answer, Visitors
from benchmarks.installation import CLUSTER
from tidegate.contracts import canary_workflow_id
from tidegate.sandbox.client import DEPLOYMENTS, PODS, Object, Resource
from tidegate.sandbox.informer import Informer, key_of
from tidegate.sandbox.world import World

MESH = "asm"
VIRTUAL_SERVICES = Resource("networking.istio.io/v1", "virtualservices", "VirtualService")
DESTINATION_RULES = Resource("networking.istio.io/v1", "destinationrules", "DestinationRule")
PERIOD_SECONDS = 0.2

_LOOK_SECONDS = 0.1


class Weight(NamedTuple):
    """The canary's share of the traffic in Envoy from a moment on (monotonic seconds)."""

    at: float
    share: int


class Canary:
    """A canary by the name of its target, in all its workload clusters; `visitors` come all at once."""

    def __init__(
        self, world: World, namespace: str, name: str, host: str, clusters: tuple[str, ...], visitors: int
    ) -> None:
        self.world = world
        self.namespace = namespace
        self.name = name
        self.host = host
        self.clusters = clusters
        self.primary, self.service, self.baseline = f"{name}-primary", f"{name}-canary", f"{name}-baseline"
        self.templates: dict[str, list[str]] = {cluster: [] for cluster in clusters}
        """Every version that the primary's template has had in a cluster, in order."""
        self.weights: list[Weight] = []
        self.visitors = Visitors(world.gateway_url, host, visitors, PERIOD_SECONDS)

    @property
    def workflow_id(self) -> str:
        """Of its Canary."""
        return canary_workflow_id(CLUSTER, self.namespace, self.name)

    @property
    def answers(self) -> list[Answer]:
        """All that its visitors have been answered."""
        return self.visitors.answers

    async def deployment(self, name: str, cluster: str = CLUSTER) -> Object:
        """A Deployment of its namespace, as it is now; NotFoundError when there is none."""
        return await self.world.clients[cluster].get(DEPLOYMENTS, self.namespace, name)

    async def primaries(self) -> dict[str, Object]:
        """Its primary in each cluster; NotFoundError where one is missing."""
        return {cluster: await self.deployment(self.primary, cluster) for cluster in self.clusters}

    async def pods(self, cluster: str = CLUSTER) -> list[Object]:
        """The pods of its namespace in a cluster."""
        return list((await self.world.clients[cluster].list(PODS, self.namespace))["items"])

    async def virtual_service(self) -> Object:
        """Its routes on the mesh control plane."""
        return await self.world.clients[MESH].get(VIRTUAL_SERVICES, self.namespace, self.name)

    async def envoy_share(self) -> int | None:
        """The canary's share in Envoy; None when Envoy does not know the host."""
        weights = await self.world.envoy_weights(self.host)
        return weights.get(self.service, 0) if weights else None

    @contextlib.asynccontextmanager
    async def observed(self) -> AsyncIterator[None]:
        """Visitors come, and primaries and weights are watched, while the block runs."""
        looking = asyncio.create_task(self._look())
        watches = [self._watch(cluster) for cluster in self.clusters]
        for watch in watches:
            await watch.start()
        try:
            async with self.visitors.visiting():
                yield
        finally:
            looking.cancel()
            for watch in watches:
                await watch.stop()
            await asyncio.gather(looking, return_exceptions=True)

    def _watch(self, cluster: str) -> Informer:
        informer = Informer(self.world.clients[cluster], DEPLOYMENTS, self.namespace)
        informer.on_change(self._keeper(self.templates[cluster]))
        return informer

    def _keeper(self, templates: list[str]) -> Callable[[Object, Object | None], None]:
        def keep(deployment: Object, _: Object | None) -> None:
            if key_of(deployment).name == self.primary:
                version = version_of(deployment)
                if templates[-1:] != [version]:
                    templates.append(version)

        return keep

    async def _look(self) -> None:
        while True:
            share = await self.envoy_share() or 0
            if not self.weights or self.weights[-1].share != share:
                self.weights.append(Weight(time.monotonic(), share))
            await asyncio.sleep(_LOOK_SECONDS)


def version_of(deployment: Object) -> str:
    """The tag of the only container's image."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return str(container["image"]).rpartition(":")[2]

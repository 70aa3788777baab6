"""One application in the scene: its repository, its objects as they are, and who visits it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.gateway import Answer, Visitors
from benchmarks.installation import CLUSTER, NAME
from benchmarks.repository import BRANCH, Repository
from tidegate.contracts import ReleaseRequest, canary_workflow_id
from tidegate.domain.application import Application as Manifest
from tidegate.sandbox.client import DEPLOYMENTS, PODS, Object, Resource
from tidegate.sandbox.informer import Informer, key_of
from tidegate.sandbox.world import World

VIRTUAL_SERVICES = Resource("networking.istio.io/v1", "virtualservices", "VirtualService")
PRIMARY, CANARY, BASELINE = f"{NAME}-primary", f"{NAME}-canary", f"{NAME}-baseline"
VISITORS, PERIOD_SECONDS = 8, 0.2
"""Forty requests a second in all."""

_LOOK_SECONDS = 0.1


class Weight(NamedTuple):
    """The canary's share of the traffic in Envoy from a moment on (monotonic seconds)."""

    at: float
    share: int


class Application:
    """podinfo in a namespace of its own; `address_of` makes a repository's URL of its folder."""

    def __init__(self, world: World, namespace: str, folder: Path, address_of: Callable[[Path], str]) -> None:
        self.world = world
        self.namespace = namespace
        self.host = f"{namespace}.example.com"
        self.repository = Repository(folder, namespace, self.host)
        self._address_of = address_of
        self._patches = count(1)
        self.version = ""
        """The version that served when the last release began."""
        self.versions: dict[str, str] = {}
        """Of all commits, by their SHA."""
        self.templates: list[str] = []
        """Every version that the primary's template has had, in order."""
        self.weights: list[Weight] = []
        self.visitors = Visitors(world.gateway_url, self.host, VISITORS, PERIOD_SECONDS)
        self._primary: Informer | None = None

    @property
    def canary_id(self) -> str:
        """The workflow id of its canary."""
        return canary_workflow_id(CLUSTER, self.namespace, NAME)

    @property
    def answers(self) -> list[Answer]:
        """All that visitors have been answered."""
        return self.visitors.answers

    def next_version(self) -> str:
        """A version that was never released."""
        return f"3.1.{next(self._patches)}"

    def request(self, revision: str = BRANCH, **changes: Any) -> ReleaseRequest:
        """What `starter.py start` would submit."""
        return ReleaseRequest(application=self._manifest(), cluster=CLUSTER, revision=revision, **changes)

    def _manifest(self) -> Manifest:
        url = self._address_of(self.repository.folder)
        spec = {
            "source": {"repoURL": url, "path": ".", "targetRevision": BRANCH},
            "destination": {"name": CLUSTER, "namespace": self.namespace},
            "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
        }
        kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
        return Manifest.model_validate({**kind, "metadata": {"name": self.namespace}, "spec": spec})

    async def deployment(self, name: str) -> Object:
        """A Deployment of its namespace, as it is now; NotFoundError when there is none."""
        return await self.world.clients[CLUSTER].get(DEPLOYMENTS, self.namespace, name)

    async def pods(self) -> list[Object]:
        """Its pods on the workload cluster."""
        answer = await self.world.clients[CLUSTER].list(PODS, self.namespace)
        return list(answer["items"])

    async def virtual_service(self) -> Object:
        """Its routes on the mesh control plane."""
        return await self.world.clients["asm"].get(VIRTUAL_SERVICES, self.namespace, NAME)

    async def envoy_share(self) -> int | None:
        """The canary's share in Envoy; None when Envoy does not know the host."""
        weights = await self.world.envoy_weights(self.host)
        return weights.get(CANARY, 0) if weights else None

    @contextlib.asynccontextmanager
    async def observed(self) -> AsyncIterator[None]:
        """Visitors come, and primary and weights are watched, while the block runs."""
        looking = asyncio.create_task(self._look())
        self._primary = Informer(self.world.clients[CLUSTER], DEPLOYMENTS, self.namespace)
        self._primary.on_change(self._keep)
        await self._primary.start()
        try:
            async with self.visitors.visiting():
                yield
        finally:
            looking.cancel()
            await self._primary.stop()
            await asyncio.gather(looking, return_exceptions=True)

    def _keep(self, deployment: Object, _: Object | None) -> None:
        if key_of(deployment).name == PRIMARY:
            version = version_of(deployment)
            if self.templates[-1:] != [version]:
                self.templates.append(version)

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

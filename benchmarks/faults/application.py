"""One application in the scene: its repository, and its canaries."""

import contextlib
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.faults.canary import MESH, Canary
from benchmarks.gateway import Answer
from benchmarks.installation import CLUSTER, NAME
from benchmarks.repository import BRANCH, Repository
from tidegate.contracts import ReleaseRequest
from tidegate.domain.application import FURTHER_CLUSTERS
from tidegate.domain.application import Application as Manifest
from tidegate.sandbox.client import NAMESPACES, NotFoundError
from tidegate.sandbox.inventory import FURTHER
from tidegate.sandbox.world import World

PRIMARY, CANARY, BASELINE = f"{NAME}-primary", f"{NAME}-canary", f"{NAME}-baseline"
OTHER = "backend"
"""The second canary of a pair."""

VISITORS = 8
"""Forty requests a second in all."""


class Layout(NamedTuple):
    """What an application consists of: its canaries, by the names of their targets, each in all clusters.

    `adopted`: its owner had it serve before its first release.
    """

    canaries: tuple[str, ...] = (NAME,)
    clusters: tuple[str, ...] = (CLUSTER,)
    adopted: bool = False


ALONE, PAIR, WIDE = Layout(), Layout((NAME, OTHER)), Layout(clusters=(CLUSTER, FURTHER))
"""One canary; two that go together; one in two workload clusters."""


class Application:
    """podinfo in a namespace of its own; `address_of` makes a repository's URL of its folder."""

    def __init__(
        self,
        world: World,
        namespace: str,
        folder: Path,
        address_of: Callable[[Path], str],
        layout: Layout = ALONE,
    ) -> None:
        self.world = world
        self.namespace = namespace
        self.clusters = layout.clusters
        hosts = {name: _host(name, namespace) for name in layout.canaries}
        self.repository = Repository(folder, namespace, hosts)
        self.canaries = tuple(
            Canary(world, namespace, name, host, layout.clusters, VISITORS // len(hosts))
            for name, host in hosts.items()
        )
        self._address_of = address_of
        self._patches = count(1)
        self.version = ""
        """The version that served when the last release began."""
        self.versions: dict[str, str] = {}
        """Of all commits, by their SHA."""

    @property
    def canary(self) -> Canary:
        """The only one, or the first."""
        return self.canaries[0]

    @property
    def answers(self) -> list[Answer]:
        """All that visitors have been answered."""
        return [answer for canary in self.canaries for answer in canary.answers]

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
        further = ",".join(self.clusters[1:])
        annotations = {FURTHER_CLUSTERS: further} if further else {}
        metadata = {"name": self.namespace, "annotations": annotations}
        kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
        return Manifest.model_validate({**kind, "metadata": metadata, "spec": spec})

    @contextlib.asynccontextmanager
    async def observed(self) -> AsyncIterator[None]:
        """Visitors come to all canaries, and are answered, while the block runs."""
        async with contextlib.AsyncExitStack() as stack:
            for canary in self.canaries:
                await stack.enter_async_context(canary.observed())
            yield

    async def remove(self) -> None:
        """Delete all of it from all clusters."""
        for cluster in (MESH, *self.clusters):
            with contextlib.suppress(NotFoundError):
                namespace = {"metadata": {"name": self.namespace}}
                await self.world.clients[cluster].delete(NAMESPACES, namespace)


def _host(name: str, namespace: str) -> str:
    return f"{namespace}.example.com" if name == NAME else f"{name}.{namespace}.example.com"

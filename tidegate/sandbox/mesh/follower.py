"""Keeps Envoy at what the cluster APIs say: watches them, and applies each change at once."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tidegate.sandbox.client import (
    DAEMON_SETS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    PODS,
    SERVICES,
    ClusterClient,
    Object,
    Resource,
)
from tidegate.sandbox.informer import Informer, cancel
from tidegate.sandbox.mesh.envoy import Envoy
from tidegate.sandbox.mesh.istio import Manifest
from tidegate.sandbox.mesh.registry import CLUSTER_LABEL, Snapshot, key_of
from tidegate.sandbox.mesh.translate import Problem, translate

log = logging.getLogger(__name__)

_ISTIO = "networking.istio.io/v1"
_CONTROL_PLANE = {
    "gateways": Resource(_ISTIO, "gateways", "Gateway"),
    "virtual_services": Resource(_ISTIO, "virtualservices", "VirtualService"),
    "destination_rules": Resource(_ISTIO, "destinationrules", "DestinationRule"),
    "sidecars": Resource(_ISTIO, "sidecars", "Sidecar"),
}
_WORKLOADS = {
    "services": SERVICES,
    "endpoint_slices": ENDPOINT_SLICES,
    "pods": PODS,
    "deployments": DEPLOYMENTS,
    "daemon_sets": DAEMON_SETS,
}


class Follower:
    """Watches one control plane and the workload clusters of its mesh, on behalf of one Envoy.

    Of `further` workload clusters, by their names, requests are counted apart.
    """

    def __init__(
        self,
        envoy: Envoy,
        control_plane: ClusterClient,
        workloads: list[ClusterClient],
        further: Mapping[str, ClusterClient] | None = None,
    ) -> None:
        self._envoy = envoy
        self._informers: Mapping[str, list[Informer]] = {
            field: [Informer(control_plane, resource)] for field, resource in _CONTROL_PLANE.items()
        } | {
            field: [Informer(cluster, resource) for cluster in workloads]
            for field, resource in _WORKLOADS.items()
        }
        self._further = {
            (field, name): Informer(cluster, resource)
            for field, resource in _WORKLOADS.items()
            for name, cluster in (further or {}).items()
        }
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._problems: tuple[Problem, ...] = ()
        self._accepted: set[_Version] = set()
        self._refused: set[_Version] = set()

    async def start(self) -> None:
        """Follow in the background; returns when Envoy has what the clusters say now."""
        every = self._every()
        for informer in every:
            informer.on_change(self._on_change)
        await asyncio.gather(*(informer.start() for informer in every))
        self._changed.clear()
        await self._apply()
        self._task = asyncio.create_task(self._follow(), name="mesh follower")

    async def stop(self) -> None:
        """Stop following; Envoy stays as it is."""
        await cancel(self._task)
        for informer in self._every():
            await informer.stop()

    def _every(self) -> list[Informer]:
        usual = [informer for informers in self._informers.values() for informer in informers]
        return [*usual, *self._further.values()]

    def _on_change(self, _: Object, __: Object | None) -> None:
        self._changed.set()

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._apply()
            except Exception:
                log.exception("the mesh's configuration was not applied; the next change tries again")

    async def _apply(self) -> None:
        """Apply the snapshot; while Envoy refuses the routes, without the latest of the changed ones."""
        snapshot = self._snapshot()
        while True:
            wanted = [each for each in snapshot.virtual_services if _version(each) not in self._refused]
            snapshot = snapshot.model_copy(update={"virtual_services": tuple(wanted)})
            configuration = translate(snapshot, self._envoy.layout)
            refused = await self._envoy.apply(configuration)
            self._report(configuration.problems)
            suspects = [each for each in wanted if _version(each) not in self._accepted]
            if not any(part.startswith("http.") for part in refused) or not suspects:
                break
            latest = max(suspects, key=lambda each: _version(each).version)
            self._refused.add(_version(latest))
            log.warning("VirtualService %s/%s is left out: Envoy refuses it", *key_of(latest))
        self._accepted = {_version(each) for each in wanted}

    def _report(self, problems: tuple[Problem, ...]) -> None:
        for problem in problems:
            if problem not in self._problems:
                log.warning("%s %s/%s is left out: %s", problem.kind, *problem.key, problem.reason)
        self._problems = problems

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            **{
                field: (
                    *(manifest for informer in informers for manifest in informer.all()),
                    *self._from_further(field),
                )
                for field, informers in self._informers.items()
            }
        )

    def _from_further(self, wanted: str) -> Iterator[Manifest]:
        for (field, name), informer in self._further.items():
            if field == wanted:
                yield from (_labelled(manifest, name) for manifest in informer.all())


class _Version(NamedTuple):
    """One state of one object."""

    version: int
    uid: str


def _labelled(manifest: Manifest, cluster: str) -> Manifest:
    metadata = manifest["metadata"]
    labels = {**(metadata.get("labels") or {}), CLUSTER_LABEL: cluster}
    return {**manifest, "metadata": {**metadata, "labels": labels}}


def _version(manifest: Manifest) -> _Version:
    metadata = manifest["metadata"]
    return _Version(int(metadata["resourceVersion"]), metadata["uid"])

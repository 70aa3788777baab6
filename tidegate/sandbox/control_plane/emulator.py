"""The sandbox's own control plane: an emulated API server for each cluster, and small controllers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tidegate.sandbox.client import ClusterClient
from tidegate.sandbox.cluster_api import ClusterApi
from tidegate.sandbox.control_plane.cluster import Cluster
from tidegate.sandbox.controllers import Controllers


class Emulator:
    """All of it runs in this process, and its state is in memory."""

    def __init__(self) -> None:
        self._apis: list[ClusterApi] = []

    async def start(self, names: Sequence[str], folder: Path, logs: Path) -> Sequence[Cluster]:
        """Serve the clusters on free ports."""
        self._apis = [ClusterApi(name) for name in names]
        for api in self._apis:
            await api.start()
        return [Cluster(api.name, api.url) for api in self._apis]

    def controllers(self, cluster: Cluster, client: ClusterClient) -> AbstractAsyncContextManager[object]:
        """The sandbox's own controllers."""
        return Controllers(client)

    async def stop(self) -> None:
        """End all watches and connections."""
        for api in self._apis:
            await api.stop()

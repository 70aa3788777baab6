"""A cluster API that is served, and what serves the sandbox's clusters: an emulator, or the real programs."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tidegate.sandbox.client import ClusterClient


@dataclass(frozen=True)
class Cluster:
    """Where a cluster's API is, and who calls it.

    `certificate_authority` is the PEM text of the authority that its certificate has to come from; None where
    the API is served without TLS. `token` is the caller's bearer token; None where nobody asks for one.
    """

    name: str
    url: str
    token: str | None = None
    certificate_authority: str | None = None

    def client(self) -> ClusterClient:
        """A client of it, to be closed by whoever asked for it."""
        return ClusterClient(self.url, token=self.token, ssl=self.tls() or True)

    def tls(self) -> ssl.SSLContext | None:
        """What to check its certificate with; None without TLS."""
        if self.certificate_authority is None:
            return None
        return ssl.create_default_context(cadata=self.certificate_authority)

    def seen_with(self, token: str) -> Cluster:
        """The same API for somebody else."""
        return replace(self, token=token)


class ControlPlane(Protocol):
    """Serves clusters, and brings what is written there to life as far as no node is needed for it."""

    async def start(self, names: Sequence[str], folder: Path, logs: Path) -> Sequence[Cluster]:
        """Serve clusters of these names; their state goes to the folder. Returns when all answer."""
        ...

    def controllers(self, cluster: Cluster, client: ClusterClient) -> AbstractAsyncContextManager[object]:
        """What turns Deployments into pods and Services into endpoints, while it is entered."""
        ...

    async def stop(self) -> None:
        """End all of it. Harmless when nothing was started."""
        ...

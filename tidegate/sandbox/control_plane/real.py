"""A real control plane: one etcd, and a kube-apiserver and a kube-controller-manager for each cluster.

RBAC is on, callers bring tokens, and everything is served with TLS, as in a cluster of one's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from tidegate.sandbox.client import ClusterClient
from tidegate.sandbox.control_plane import api_server, controller_manager
from tidegate.sandbox.control_plane.api_server import Premises
from tidegate.sandbox.control_plane.assets import Assets
from tidegate.sandbox.control_plane.certificates import issue
from tidegate.sandbox.control_plane.cluster import Cluster
from tidegate.sandbox.control_plane.egress import Egress
from tidegate.sandbox.control_plane.etcd import Etcd
from tidegate.sandbox.control_plane.users import User, administrator, write_tokens
from tidegate.sandbox.controllers import Autoscaling, Controllers
from tidegate.sandbox.processes import Process, Processes


class RealControlPlane:
    """The real programs. `users` may call the API servers beside the administrator, whom `clusters` are for.

    What they ask for is in the audit logs (`audit_log`); what they may do is up to roles bound to them.
    """

    def __init__(self, assets: Assets, users: Sequence[User] = ()) -> None:
        self._assets = assets
        self._users = tuple(users)
        self._egress = Egress()
        self._folder: Path
        self._processes: Processes | None = None

    async def start(self, names: Sequence[str], folder: Path, logs: Path) -> Sequence[Cluster]:
        """Start etcd, then the API servers side by side. Raises ProcessError when one does not come up."""
        folder.mkdir(parents=True, mode=0o700)  # noqa: ASYNC240 - a moment
        self._folder = folder
        processes = self._processes = Processes(logs)
        etcd = Etcd(self._assets.etcd, folder / "etcd")
        admin = administrator()
        premises = Premises(
            program=self._assets.api_server,
            etcd_url=etcd.url,
            certificates=issue(folder, api_server.HOST),
            tokens=write_tokens(folder / "tokens.csv", (admin, *self._users)),
            folder=folder,
            service_accounts=self._assets.controller_manager is not None,
            audited=tuple(user.name for user in self._users),
        )
        api_server.write_egress_selection(folder)
        api_server.write_audit_policy(folder, premises.audited)
        await self._egress.start(folder)
        await etcd.start(processes)
        async with asyncio.TaskGroup() as group:
            starting = [
                group.create_task(api_server.serve(name, premises, admin.token, processes)) for name in names
            ]
        return [task.result() for task in starting]

    def audit_log(self, name: str) -> Path:
        """What the `users` asked of a cluster: audit.k8s.io Events, one JSON document in a line."""
        return api_server.audit_log(self._folder, name)

    def controllers(self, cluster: Cluster, client: ClusterClient) -> AbstractAsyncContextManager[object]:
        """kube-controller-manager, and the sandbox's autoscaler, for there is no metrics server.

        Without the program, the sandbox's own controllers.
        """
        program = self._assets.controller_manager
        if program is None or self._processes is None:
            return Controllers(client)
        return _managed(controller_manager.start(program, cluster, self._folder, self._processes), client)

    async def stop(self) -> None:
        """End all of it at once: nobody needs its state any more."""
        if self._processes is not None:
            await self._processes.kill()
        await self._egress.stop()


@asynccontextmanager
async def _managed(starting: Coroutine[Any, Any, Process], client: ClusterClient) -> AsyncIterator[None]:
    manager = await starting
    try:
        async with Autoscaling(client):
            yield
    finally:
        await manager.kill()

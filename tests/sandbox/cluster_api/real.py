"""A real API server for the contract: without the controllers that would change what the tests write."""

from __future__ import annotations

from pathlib import Path

from tidegate.sandbox.cluster_api import write_kubeconfig
from tidegate.sandbox.control_plane import Cluster, RealControlPlane
from tidegate.sandbox.control_plane.assets import Assets
from tidegate.sandbox.processes import Processes

_CONTROLLERS = "garbage-collector-controller,namespace-controller"


class RealServer:
    """etcd, kube-apiserver, and as much of kube-controller-manager as deletions need."""

    def __init__(self, assets: Assets, folder: Path) -> None:
        self._assets = assets
        self._folder = folder
        self._plane = RealControlPlane(assets._replace(controller_manager=None))
        self._processes = Processes(folder / "logs")

    async def start(self) -> Cluster:
        """Raises ProcessError when a program does not come up."""
        (cluster,) = await self._plane.start(["contract"], self._folder / "plane", self._folder / "logs")
        program = self._assets.controller_manager
        if program is not None:
            kubeconfig = write_kubeconfig(self._folder / "controllers.kubeconfig", [cluster])
            options = {
                "kubeconfig": kubeconfig,
                "controllers": _CONTROLLERS,
                "leader-elect": "false",
                "secure-port": 0,
                "kube-api-qps": 200,
                "kube-api-burst": 400,
            }
            await self._processes.start(
                "kube-controller-manager",
                [str(program), *(f"--{name}={value}" for name, value in options.items())],
            )
        return cluster

    async def stop(self) -> None:
        await self._processes.stop()
        await self._plane.stop()

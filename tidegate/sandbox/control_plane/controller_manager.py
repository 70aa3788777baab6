"""A real kube-controller-manager for one cluster, with the controllers that the sandbox has a use for."""

from __future__ import annotations

from pathlib import Path

from tidegate.sandbox.cluster_api import write_kubeconfig
from tidegate.sandbox.control_plane.cluster import Cluster
from tidegate.sandbox.processes import Process, Processes

CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "job-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "clusterrole-aggregation-controller",
    "serviceaccount-controller",
)


async def start(program: Path, cluster: Cluster, folder: Path, processes: Processes) -> Process:
    """Start it; it begins to act within a second or two."""
    kubeconfig = write_kubeconfig(folder / f"{cluster.name}-controllers.kubeconfig", [cluster])
    options = {
        "kubeconfig": kubeconfig,
        "controllers": ",".join(CONTROLLERS),
        "leader-elect": "false",
        "secure-port": 0,
        "kube-api-qps": 200,
        "kube-api-burst": 400,
        "use-service-account-credentials": "false",
    }
    argv = [str(program), *(f"--{name}={value}" for name, value in options.items())]
    return await processes.start(f"kube-controller-manager-{cluster.name}", argv)

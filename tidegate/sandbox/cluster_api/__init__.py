"""The sandbox's cluster API: an in-memory Kubernetes API server that the official clients talk to."""

from tidegate.sandbox.cluster_api.kubeconfig import write_kubeconfig
from tidegate.sandbox.cluster_api.server import ClusterApi

__all__ = ["ClusterApi", "write_kubeconfig"]

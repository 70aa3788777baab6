"""Clusters as Tidegate sees them: a few verbs on plain manifests, fenced writes and waiting by watch.

This package alone imports the Kubernetes client. Every method raises errors of tidegate.domain.errors:
Unreachable for outages, AccessDenied, InvalidInput for what the API refuses, Conflict, StaleCommand.
"""

from tidegate.adapters.kubernetes.cluster import Change, Cluster
from tidegate.adapters.kubernetes.clusters import Clusters
from tidegate.adapters.kubernetes.service_proxy import ProxyTarget

__all__ = ["Change", "Cluster", "Clusters", "ProxyTarget"]

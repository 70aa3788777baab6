"""A Deployment's number of pods, changed as autoscalers change it: by its scale subresource."""

from __future__ import annotations

from tidegate.sandbox.client import DEPLOYMENTS, SCALE, ClusterClient, Object


async def scale(client: ClusterClient, deployment: Object, replicas: int) -> None:
    """Give it so many replicas. ConflictError when it has changed since it was read."""
    meta = {name: deployment["metadata"][name] for name in ("name", "namespace", "resourceVersion")}
    wanted = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": meta,
        "spec": {"replicas": replicas},
    }
    await client.replace(DEPLOYMENTS, wanted, SCALE)

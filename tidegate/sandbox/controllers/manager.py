"""The controllers of one cluster, together: what kube-controller-manager is to a real one.

They reach the cluster through its API only, and can be left out where a kube-controller-manager runs. The
autoscaler stays there as well: without a metrics server, the real one would never report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Self

from tidegate.sandbox.client import (
    AUTOSCALERS,
    DAEMON_SETS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    NODES,
    PODS,
    REPLICA_SETS,
    SCALED_OBJECTS,
    SERVICES,
    ClusterClient,
)
from tidegate.sandbox.controllers.autoscaler import AutoscalerController
from tidegate.sandbox.controllers.daemon_set import DaemonSetController
from tidegate.sandbox.controllers.deployment import DeploymentController
from tidegate.sandbox.controllers.endpoints import EndpointsController
from tidegate.sandbox.controllers.replicaset import ReplicaSetController
from tidegate.sandbox.controllers.scaled_object import ScaledObjectController
from tidegate.sandbox.informer import Informer, Reconciler


class _Manager:
    """Reconcilers, and the caches that they look at. The caches' client stays its owner's."""

    def __init__(self, informers: Sequence[Informer], reconcilers: Sequence[Reconciler]) -> None:
        self._informers = informers
        self._reconcilers = reconcilers

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Fill the caches, then begin to act; returns when all caches are filled."""
        await asyncio.gather(*(informer.start() for informer in self._informers))
        for reconciler in self._reconcilers:
            reconciler.start()

    async def stop(self) -> None:
        """Stop acting and watching; the objects stay as they are."""
        for reconciler in self._reconcilers:
            await reconciler.stop()
        for informer in self._informers:
            await informer.stop()


class Controllers(_Manager):
    """All that makes pods and endpoints, and autoscalers, of one cluster come to life while this runs.

    Use it as an async context manager, or `start()` and `stop()` it.
    """

    def __init__(self, client: ClusterClient) -> None:
        deployments = Informer(client, DEPLOYMENTS)
        replica_sets = Informer(client, REPLICA_SETS)
        daemon_sets = Informer(client, DAEMON_SETS)
        nodes = Informer(client, NODES)
        pods = Informer(client, PODS)
        services = Informer(client, SERVICES)
        slices = Informer(client, ENDPOINT_SLICES)
        autoscalers = Informer(client, AUTOSCALERS)
        super().__init__(
            [deployments, replica_sets, daemon_sets, nodes, pods, services, slices, autoscalers],
            [
                DeploymentController(client, deployments, replica_sets, pods).reconciler,
                ReplicaSetController(client, replica_sets, pods).reconciler,
                DaemonSetController(client, daemon_sets, nodes, pods).reconciler,
                EndpointsController(client, services, pods, slices).reconciler,
                AutoscalerController(client, autoscalers, deployments).reconciler,
            ],
        )


class Autoscaling(_Manager):
    """Autoscalers of one cluster come to life while this runs, and nothing else does."""

    def __init__(self, client: ClusterClient) -> None:
        deployments = Informer(client, DEPLOYMENTS)
        autoscalers = Informer(client, AUTOSCALERS)
        autoscaling = AutoscalerController(client, autoscalers, deployments)
        super().__init__([deployments, autoscalers], [autoscaling.reconciler])


class Keda(_Manager):
    """ScaledObjects of one cluster come to life while this runs; their kind has to be served already."""

    def __init__(self, client: ClusterClient) -> None:
        scaled_objects = Informer(client, SCALED_OBJECTS)
        super().__init__([scaled_objects], [ScaledObjectController(client, scaled_objects).reconciler])

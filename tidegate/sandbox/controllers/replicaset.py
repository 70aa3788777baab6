"""The ReplicaSet controller: as many pods of one template as wanted, and a status that counts them."""

from __future__ import annotations

import asyncio

from tidegate.sandbox.client import REPLICA_SETS, STATUS, ClusterClient, Object
from tidegate.sandbox.controllers.objects import (
    controller_key,
    deleting,
    field,
    owned_by,
    pod_active,
    pod_ready,
    seconds_until_available,
)
from tidegate.sandbox.controllers.pods import PodWriter, pod_of
from tidegate.sandbox.controllers.rollout import desired_replicas
from tidegate.sandbox.informer import Informer, Key, Reconciler, key_of

BURST = 50
"""How many pods are created or deleted at once."""


class ReplicaSetController:
    """Keeps each ReplicaSet's pods at its number."""

    def __init__(self, client: ClusterClient, replica_sets: Informer, pods: Informer) -> None:
        self._client = client
        self._replica_sets = replica_sets
        self._pods = pods
        self._writer = PodWriter(client, pods)
        self.reconciler = Reconciler("replicaset", self.reconcile)
        replica_sets.on_change(lambda obj, _: self.reconciler.queue.add(key_of(obj)))
        pods.on_change(self._pod_changed)

    async def reconcile(self, key: Key) -> None:
        """Create or delete what is missing or too many, then report."""
        replica_set = self._replica_sets.get(key)
        if replica_set is None or deleting(replica_set):
            return
        await self._scale(replica_set, self._active_pods(replica_set))
        await self._report(replica_set, self._active_pods(replica_set))

    def _pod_changed(self, pod: Object, _: Object | None) -> None:
        key = controller_key(pod, REPLICA_SETS)
        if key is not None:
            self.reconciler.queue.add(key)

    def _active_pods(self, replica_set: Object) -> list[Object]:
        pods = self._pods.all(replica_set["metadata"]["namespace"])
        return [pod for pod in pods if owned_by(pod, replica_set) and pod_active(pod)]

    async def _scale(self, replica_set: Object, pods: list[Object]) -> None:
        missing = desired_replicas(replica_set) - len(pods)
        if missing > 0:
            pods = [pod_of(REPLICA_SETS, replica_set)] * min(missing, BURST)
            await asyncio.gather(*map(self._writer.create, pods))
        elif missing < 0:
            doomed = sorted(pods, key=deletion_rank)[: min(-missing, BURST)]
            await asyncio.gather(*map(self._writer.delete, doomed))

    async def _report(self, replica_set: Object, pods: list[Object]) -> None:
        min_ready = field(replica_set, "spec", "minReadySeconds")
        waits = [seconds_until_available(pod, min_ready) for pod in pods]
        status = {
            "replicas": len(pods),
            "observedGeneration": replica_set["metadata"]["generation"],
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": sum(map(pod_ready, pods)),
            "availableReplicas": waits.count(0.0),
        }
        pending = [wait for wait in waits if wait]
        if pending:
            self.reconciler.queue.add_after(key_of(replica_set), min(pending))
        known = replica_set.get("status") or {}
        if any(known.get(name, 0) != value for name, value in status.items()):
            answer = await self._client.replace(REPLICA_SETS, {**replica_set, "status": status}, STATUS)
            self._replica_sets.observe(answer)


def deletion_rank(pod: Object) -> tuple[bool, bool, int, str]:
    """Whom to delete first: pods not yet running, not ready, often restarted, young."""
    status = pod.get("status") or {}
    restarts = sum(entry.get("restartCount", 0) for entry in status.get("containerStatuses") or [])
    age = pod["metadata"].get("creationTimestamp", "")
    return status.get("phase") == "Running", pod_ready(pod), -restarts, _reversed(age)


def _reversed(text: str) -> str:
    """A text that sorts the other way round."""
    return "".join(chr(255 - ord(letter)) for letter in text)

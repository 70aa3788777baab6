"""The ScaledObject controller: what KEDA does, as far as releases meet it, when no trigger ever fires.

It makes an HPA for each ScaledObject, with the ScaledObject's labels and annotations, whoever wrote them.
Every pollingInterval it looks at the target: it lifts it to minReplicaCount, and takes all pods from one that
has no such minimum. A paused target has no HPA, and gets the number of its pause back each time.
"""

from __future__ import annotations

import contextlib

from tidegate.sandbox.client import (
    AUTOSCALERS,
    DEPLOYMENTS,
    SCALED_OBJECTS,
    STATUS,
    ClusterClient,
    NotFoundError,
    Object,
)
from tidegate.sandbox.controllers.objects import deleting, owner_reference
from tidegate.sandbox.controllers.rollout import desired_replicas
from tidegate.sandbox.controllers.scale import scale
from tidegate.sandbox.informer import Informer, Key, Reconciler, key_of

PAUSED = "autoscaling.keda.sh/paused-replicas"
POLLING_SECONDS = 30.0
MAX_REPLICAS = 100


class ScaledObjectController:
    """Keeps each ScaledObject's HPA, and its target's number of pods."""

    def __init__(self, client: ClusterClient, scaled_objects: Informer) -> None:
        self._client = client
        self._scaled_objects = scaled_objects
        self.reconciler = Reconciler("scaledobject", self.reconcile)
        scaled_objects.on_change(lambda obj, _: self.reconciler.queue.add(key_of(obj)))

    async def reconcile(self, key: Key) -> None:
        """Bring the HPA and the target in line, report, and look again after the polling interval."""
        known = self._scaled_objects.get(key)
        if known is None or deleting(known):
            return
        self.reconciler.queue.add_after(key, float(known["spec"].get("pollingInterval", POLLING_SECONDS)))
        with contextlib.suppress(NotFoundError):  # a target that is not there yet is looked for again
            await self._bring(key, known["spec"]["scaleTargetRef"]["name"])

    async def _bring(self, key: Key, name: str) -> None:
        target = await self._client.get(DEPLOYMENTS, key.namespace, name)
        # Asked for after the target: whoever pauses first and scales then is not worked against.
        scaled_object = await self._client.get(SCALED_OBJECTS, key.namespace, key.name)
        await self._bring_autoscaler(scaled_object)
        replicas = quiet_replicas(scaled_object, desired_replicas(target))
        if replicas != desired_replicas(target):
            await scale(self._client, target, replicas)
        await self._report(scaled_object)

    async def _bring_autoscaler(self, scaled_object: Object) -> None:
        wanted = autoscaler_of(scaled_object)
        live = await self._live(wanted)
        if paused_replicas(scaled_object) is not None:
            if live is not None:
                with contextlib.suppress(NotFoundError):
                    await self._client.delete(AUTOSCALERS, live)
        elif live is None:
            await self._client.create(AUTOSCALERS, wanted)
        elif not _agree(live, wanted):
            marks = {name: wanted["metadata"][name] for name in ("labels", "annotations")}
            await self._client.patch(AUTOSCALERS, live, {"metadata": marks, "spec": wanted["spec"]})

    async def _live(self, autoscaler: Object) -> Object | None:
        meta = autoscaler["metadata"]
        with contextlib.suppress(NotFoundError):
            return await self._client.get(AUTOSCALERS, meta["namespace"], meta["name"])
        return None

    async def _report(self, scaled_object: Object) -> None:
        status = {
            "hpaName": autoscaler_of(scaled_object)["metadata"]["name"],
            "pausedReplicaCount": paused_replicas(scaled_object),
        }
        status = {name: value for name, value in status.items() if value is not None}
        if status != scaled_object.get("status"):
            answer = await self._client.replace(SCALED_OBJECTS, {**scaled_object, "status": status}, STATUS)
            self._scaled_objects.observe(answer)


def paused_replicas(scaled_object: Object) -> int | None:
    """The number that a pause keeps the target at; None where it is not paused."""
    count = (scaled_object["metadata"].get("annotations") or {}).get(PAUSED)
    return None if count is None else int(count)


def quiet_replicas(scaled_object: Object, replicas: int) -> int:
    """The number of pods of a target that has so many, while no trigger fires."""
    paused, fewest = paused_replicas(scaled_object), int(scaled_object["spec"].get("minReplicaCount", 0))
    if paused is not None:
        return paused
    return max(replicas, fewest) if fewest else 0


def autoscaler_of(scaled_object: Object) -> Object:
    """The HPA of a ScaledObject, whose metrics nobody measures here."""
    meta, spec = scaled_object["metadata"], scaled_object["spec"]
    own = ((spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}).get("name")
    return {
        "metadata": {
            "name": own or f"keda-hpa-{meta['name']}",
            "namespace": meta["namespace"],
            "labels": {**(meta.get("labels") or {}), "app.kubernetes.io/managed-by": "keda-operator"},
            "annotations": meta.get("annotations") or {},
            "ownerReferences": [owner_reference(SCALED_OBJECTS, scaled_object)],
        },
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": spec["scaleTargetRef"]["name"],
            },
            "minReplicas": spec.get("minReplicaCount") or 1,
            "maxReplicas": spec.get("maxReplicaCount", MAX_REPLICAS),
        },
    }


def _agree(live: Object, wanted: Object) -> bool:
    marks = all(
        (live["metadata"].get(name) or {}) == wanted["metadata"][name] for name in ("labels", "annotations")
    )
    return marks and all(live["spec"].get(name) == value for name, value in wanted["spec"].items())

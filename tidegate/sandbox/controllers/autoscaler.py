"""The autoscaler controller: what a HorizontalPodAutoscaler does when no metric ever asks for more.

It lifts its target to minReplicas, lowers it to maxReplicas, lets a target at zero replicas alone, and
reports as Kubernetes does. It does not scale by metrics: the sandbox has no metrics server.
"""

from __future__ import annotations

import contextlib

from tidegate.sandbox.client import (
    AUTOSCALERS,
    STATUS,
    ClusterClient,
    NotFoundError,
    Object,
)
from tidegate.sandbox.controllers.objects import condition, deleting, field, now, timestamp
from tidegate.sandbox.controllers.rollout import desired_replicas
from tidegate.sandbox.controllers.scale import scale
from tidegate.sandbox.informer import Informer, Key, Reconciler, key_of


class AutoscalerController:
    """Keeps each autoscaler's target within its bounds, and its status current."""

    def __init__(self, client: ClusterClient, autoscalers: Informer, deployments: Informer) -> None:
        self._client = client
        self._autoscalers = autoscalers
        self._deployments = deployments
        self.reconciler = Reconciler("autoscaler", self.reconcile)
        autoscalers.on_change(lambda obj, _: self.reconciler.queue.add(key_of(obj)))
        deployments.on_change(self._target_changed)

    async def reconcile(self, key: Key) -> None:
        """Bring the target within bounds, then report."""
        autoscaler = self._autoscalers.get(key)
        if autoscaler is None or deleting(autoscaler):
            return
        target = self._deployments.get(Key(key.namespace, autoscaler["spec"]["scaleTargetRef"]["name"]))
        scaled = False
        if target is not None:
            wanted = clamped_replicas(autoscaler["spec"], desired_replicas(target))
            scaled = wanted != desired_replicas(target)
            if scaled:
                with contextlib.suppress(NotFoundError):
                    await scale(self._client, target, wanted)
        await self._report(autoscaler, target, scaled)

    def _target_changed(self, deployment: Object, _: Object | None) -> None:
        for autoscaler in self._autoscalers.all(deployment["metadata"]["namespace"]):
            if autoscaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]:
                self.reconciler.queue.add(key_of(autoscaler))

    async def _report(self, autoscaler: Object, target: Object | None, scaled: bool) -> None:
        status = autoscaler_status(autoscaler, target, scaled)
        if status != autoscaler.get("status"):
            answer = await self._client.replace(AUTOSCALERS, {**autoscaler, "status": status}, STATUS)
            self._autoscalers.observe(answer)


def clamped_replicas(spec: Object, replicas: int) -> int:
    """The replicas within minReplicas and maxReplicas; zero switches the autoscaler off."""
    if replicas == 0:
        return 0
    return min(max(replicas, int(spec.get("minReplicas", 1))), int(spec["maxReplicas"]))


def autoscaler_status(autoscaler: Object, target: Object | None, scaled: bool) -> Object:
    """The status to report: `scaled` says that the target has just been given another size."""
    before = autoscaler.get("status") or {}
    status: Object = {
        "observedGeneration": autoscaler["metadata"].get("generation", 1),
        "currentReplicas": field(target or {}, "status", "replicas"),
        "desiredReplicas": 0,
        "currentMetrics": None,
        "conditions": [
            _kept(condition(autoscaler, entry["type"]), entry) for entry in _conditions(target, scaled)
        ],
    }
    if target is not None:
        status["desiredReplicas"] = clamped_replicas(autoscaler["spec"], desired_replicas(target))
    if scaled:
        status["lastScaleTime"] = timestamp(now())
    elif "lastScaleTime" in before:
        status["lastScaleTime"] = before["lastScaleTime"]
    return {name: value for name, value in status.items() if value is not None}


def _conditions(target: Object | None, scaled: bool) -> list[Object]:
    if target is None:
        return [
            _condition("AbleToScale", "False", "FailedGetScale", "the HPA controller found no such target")
        ]
    able = _condition(
        "AbleToScale",
        "True",
        "SucceededRescale" if scaled else "ReadyForNewScale",
        "the HPA controller was able to update the target scale"
        if scaled
        else "recommended size matches current size",
    )
    if desired_replicas(target) == 0:
        got = "the HPA controller was able to get the target's current scale"
        able.update(reason="SucceededGetScale", message=got)
        off = "scaling is disabled since the replica count of the target is zero"
        return [able, _condition("ScalingActive", "False", "ScalingDisabled", off)]
    active = _condition(
        "ScalingActive", "True", "ValidMetricFound", "the HPA was able to calculate a replica count"
    )
    limited = _condition(
        "ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range"
    )
    return [able, active, limited]


def _condition(kind: str, status: str, reason: str, message: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "lastTransitionTime": timestamp(now()),
        "reason": reason,
        "message": message,
    }


def _kept(before: Object | None, after: Object) -> Object:
    if before is not None and before["status"] == after["status"]:
        return {**after, "lastTransitionTime": before["lastTransitionTime"]}
    return after

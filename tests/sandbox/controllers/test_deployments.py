"""Deployments, from the spec to ready pods, seen through the cluster API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tidegate.sandbox.addresses import loopback_address
from tidegate.sandbox.client import (
    AUTOSCALERS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    PODS,
    REPLICA_SETS,
    ClusterClient,
    Object,
)
from tidegate.sandbox.controllers.objects import condition, deleting
from tidegate.sandbox.controllers.rollout_status import is_complete
from tidegate.sandbox.informer import Informer

Make = Callable[..., Awaitable[Object]]
Becomes = Callable[..., Awaitable[Object]]
Template = Callable[..., Object]


def complete(deployment: Object) -> bool:
    done = is_complete(deployment, deployment.get("status", {}))
    return done and reason("Progressing", "NewReplicaSetAvailable")(deployment)


def reason(kind: str, wanted: str) -> Callable[[Object], bool]:
    return lambda obj: (condition(obj, kind) or {}).get("reason") == wanted


def addresses(endpoint_slice: Object) -> set[str]:
    return {address for endpoint in endpoint_slice["endpoints"] or [] for address in endpoint["addresses"]}


async def update(client: ClusterClient, deployment: Object, **spec: Any) -> Object:
    return await client.patch(DEPLOYMENTS, deployment, {"spec": spec})


async def test_a_deployment_becomes_available_with_endpoints(deploy: Make, becomes: Becomes) -> None:
    await deploy(replicas=2)
    deployment = await becomes(DEPLOYMENTS, complete)
    endpoints = await becomes(ENDPOINT_SLICES, lambda found: len(addresses(found)) == 2)
    counts = {name: count for name, count in deployment["status"].items() if name != "conditions"}
    expected = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 2)
    assert counts == {"observedGeneration": deployment["metadata"]["generation"], **expected}
    assert condition(deployment, "Available") is not None
    assert endpoints["ports"] == [{"name": "http", "protocol": "TCP", "port": 9898}]
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"


async def test_a_rolling_update_loses_no_request_and_keeps_its_bound(
    client: ClusterClient, namespace: str, deploy: Make, becomes: Becomes, template: Template
) -> None:
    rolling = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    deployment = await deploy(replicas=2, strategy=rolling)
    await becomes(DEPLOYMENTS, complete)
    await becomes(ENDPOINT_SLICES, lambda found: len(addresses(found)) == 2)
    slices = Informer(client, ENDPOINT_SLICES, namespace)
    sizes: list[int] = []
    slices.on_change(lambda found, _: sizes.append(len(addresses(found))))
    await slices.start()
    versions: list[str] = []
    done = asyncio.Event()

    async def send(http: aiohttp.ClientSession) -> None:
        while not done.is_set():
            for address in sorted(set.union(*map(addresses, slices.all()))):
                async with http.get(f"http://{loopback_address(address)}:9898/version") as response:
                    assert response.status == 200
                    versions.append((await response.json())["version"])

    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(send(http))
        await update(client, deployment, template=template(tag="6.1.0"))
        await becomes(DEPLOYMENTS, complete)
        await asyncio.sleep(0.1)
        done.set()
    await slices.stop()
    assert min(sizes) == 2
    assert max(sizes) <= 3
    assert (versions[0], versions[-1]) == ("6.0.0", "6.1.0")


async def test_recreate_never_mixes_versions(
    client: ClusterClient, namespace: str, deploy: Make, becomes: Becomes, template: Template
) -> None:
    deployment = await deploy(replicas=2, strategy={"type": "Recreate"}, template=template("--level=debug"))
    await becomes(DEPLOYMENTS, complete)
    pods = Informer(client, PODS, namespace)
    seen: list[set[str]] = []
    pods.on_change(
        lambda *_: seen.append({pod["metadata"]["labels"]["pod-template-hash"] for pod in pods.all()})
    )
    await pods.start()
    await update(client, deployment, template=template("--level=debug", tag="6.1.0"))
    await becomes(DEPLOYMENTS, complete)
    await pods.stop()
    assert all(len(hashes) <= 1 for hashes in seen)
    assert len(set.union(*seen)) == 2


async def test_a_rollout_that_does_not_get_on_exceeds_its_deadline(
    client: ClusterClient, deploy: Make, becomes: Becomes, template: Template
) -> None:
    deployment = await deploy(replicas=2, progressDeadlineSeconds=1)
    await becomes(DEPLOYMENTS, complete)
    probe = {"httpGet": {"path": "/readyz", "port": "http"}}
    await update(client, deployment, template=template("--unready", probe=probe))
    stuck = await becomes(DEPLOYMENTS, reason("Progressing", "ProgressDeadlineExceeded"))
    assert condition(stuck, "Progressing")["status"] == "False"  # type: ignore[index]
    assert stuck["status"]["availableReplicas"] == 2
    await update(client, deployment, template=template())
    await becomes(DEPLOYMENTS, complete)


async def test_availability_waits_for_min_ready_seconds(deploy: Make, becomes: Becomes) -> None:
    await deploy(replicas=1, minReadySeconds=2)
    ready = await becomes(DEPLOYMENTS, lambda found: found.get("status", {}).get("readyReplicas") == 1)
    assert ready["status"].get("availableReplicas", 0) == 0
    assert reason("Available", "MinimumReplicasUnavailable")(ready)
    await becomes(DEPLOYMENTS, complete)


async def test_a_paused_deployment_keeps_its_template_but_scales(
    client: ClusterClient, namespace: str, deploy: Make, becomes: Becomes, template: Template
) -> None:
    deployment = await deploy(replicas=1)
    await becomes(DEPLOYMENTS, complete)
    await update(client, deployment, paused=True, template=template(tag="6.1.0"), replicas=2)
    await becomes(DEPLOYMENTS, lambda found: found["status"].get("readyReplicas") == 2)
    assert len((await client.list(REPLICA_SETS, namespace))["items"]) == 1
    await update(client, deployment, paused=False)
    await becomes(DEPLOYMENTS, complete)
    assert len((await client.list(REPLICA_SETS, namespace))["items"]) == 2


async def test_old_replica_sets_are_kept_up_to_the_limit_and_used_again(
    client: ClusterClient, namespace: str, deploy: Make, becomes: Becomes, template: Template
) -> None:
    deployment = await deploy(replicas=1, revisionHistoryLimit=1)
    await becomes(DEPLOYMENTS, complete)
    for tag in ("6.1.0", "6.2.0", "6.1.0"):
        await update(client, deployment, template=template(tag=tag))
        rolled = await becomes(DEPLOYMENTS, complete)
    await becomes(ENDPOINT_SLICES, lambda found: len(addresses(found)) == 1)
    sets = (await client.list(REPLICA_SETS, namespace))["items"]
    images = {rs["spec"]["template"]["spec"]["containers"][0]["image"][-5:] for rs in sets}
    assert images == {"6.1.0", "6.2.0"}
    assert rolled["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "4"


async def test_a_target_at_zero_has_no_pods_and_no_endpoints(
    client: ClusterClient, namespace: str, deploy: Make, becomes: Becomes
) -> None:
    deployment = await deploy(replicas=2)
    await becomes(DEPLOYMENTS, complete)
    await update(client, deployment, replicas=0)
    empty = await becomes(DEPLOYMENTS, lambda found: complete(found) and "replicas" not in found["status"])
    await becomes(ENDPOINT_SLICES, lambda found: not addresses(found))
    pods = (await client.list(PODS, namespace))["items"]
    assert all(map(deleting, pods))
    assert empty["status"]["observedGeneration"] == empty["metadata"]["generation"]


async def test_a_pod_that_is_deleted_is_replaced(
    client: ClusterClient, namespace: str, deploy: Make, becomes: Becomes
) -> None:
    await deploy(replicas=1)
    await becomes(DEPLOYMENTS, complete)
    before = await becomes(ENDPOINT_SLICES, lambda found: len(addresses(found)) == 1)
    (pod,) = (await client.list(PODS, namespace))["items"]
    await client.delete(PODS, pod)
    await becomes(ENDPOINT_SLICES, lambda found: len(addresses(found) - addresses(before)) == 1)


async def test_endpoints_follow_readiness(
    client: ClusterClient, deploy: Make, becomes: Becomes, template: Template
) -> None:
    probe = {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
    await deploy(replicas=1, template=template(probe=probe))
    found = await becomes(ENDPOINT_SLICES, lambda found: len(addresses(found)) == 1)
    async with aiohttp.ClientSession() as http:
        await http.post(f"http://{loopback_address(addresses(found).pop())}:9898/readyz/disable")
    await becomes(ENDPOINT_SLICES, lambda found: not addresses(found))
    await becomes(DEPLOYMENTS, reason("Available", "MinimumReplicasUnavailable"))


@pytest.mark.parametrize(("before", "after"), [(1, 3), (6, 4)])
async def test_an_autoscaler_keeps_its_target_within_bounds(
    client: ClusterClient, namespace: str, deploy: Make, becomes: Becomes, before: int, after: int
) -> None:
    await deploy(replicas=before)
    await client.create(AUTOSCALERS, autoscaler(namespace))
    await becomes(DEPLOYMENTS, lambda found: found["spec"]["replicas"] == after and complete(found))
    scaled = await becomes(AUTOSCALERS, lambda found: found["status"].get("currentReplicas") == after)
    assert scaled["status"]["desiredReplicas"] == after
    assert "lastScaleTime" in scaled["status"]
    assert reason("ScalingActive", "ValidMetricFound")(scaled)


async def test_an_autoscaler_leaves_a_target_at_zero_alone(
    client: ClusterClient, namespace: str, deploy: Make, becomes: Becomes
) -> None:
    await deploy(replicas=0)
    await client.create(AUTOSCALERS, autoscaler(namespace))
    found = await becomes(AUTOSCALERS, reason("ScalingActive", "ScalingDisabled"))
    assert condition(found, "AbleToScale")["status"] == "True"  # type: ignore[index]
    assert (await client.get(DEPLOYMENTS, namespace, "podinfo"))["spec"]["replicas"] == 0


def autoscaler(namespace: str) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"}
    spec = {"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 4}
    return {"metadata": {"name": "podinfo", "namespace": namespace}, "spec": spec}

"""What becomes of a ScaledObject's target while no trigger fires, and of its HPA."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tidegate.sandbox.client import (
    AUTOSCALERS,
    DEPLOYMENTS,
    SCALED_OBJECTS,
    ClusterClient,
    NotFoundError,
    Object,
    Resource,
)
from tidegate.sandbox.controllers import Keda
from tidegate.sandbox.controllers.scaled_object import PAUSED, quiet_replicas
from tidegate.sandbox.inventory import definitions

DEFINITIONS = Resource(
    "apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
HPA = "keda-hpa-podinfo"


@pytest.fixture(scope="module")
async def keda(client: ClusterClient) -> AsyncIterator[ClusterClient]:
    """The cluster with KEDA."""
    for definition in definitions():
        if definition["spec"]["group"] == "keda.sh":
            await client.create(DEFINITIONS, definition)
    async with Keda(client):
        yield client


def scaled_object(namespace: str = "test", paused: str | None = None, **spec: Any) -> Object:
    metadata = {"name": "podinfo", "namespace": namespace, "annotations": {PAUSED: paused} if paused else {}}
    return {
        "metadata": metadata,
        "spec": {"scaleTargetRef": {"name": "podinfo"}, "pollingInterval": 1, "triggers": [], **spec},
    }


@pytest.mark.parametrize(
    ("fewest", "paused", "replicas", "after"),
    [(2, None, 0, 2), (2, None, 3, 3), (0, None, 3, 0), (None, None, 3, 0), (2, "0", 3, 0), (2, "4", 1, 4)],
)
def test_the_targets_size_without_a_trigger(
    fewest: int | None, paused: str | None, replicas: int, after: int
) -> None:
    spec: dict[str, Any] = {} if fewest is None else {"minReplicaCount": fewest}
    assert quiet_replicas(scaled_object(paused=paused, **spec), replicas) == after


async def test_a_target_is_kept_at_its_minimum_and_paused_at_what_its_pause_says(
    keda: ClusterClient, namespace: str, deploy: Callable[..., Awaitable[Object]], becomes: Any
) -> None:
    await deploy(replicas=0)
    made = await keda.create(SCALED_OBJECTS, scaled_object(namespace, minReplicaCount=2, maxReplicaCount=3))
    await becomes(DEPLOYMENTS, lambda deployment: deployment["spec"]["replicas"] == 2)

    await keda.patch(SCALED_OBJECTS, made, {"metadata": {"annotations": {PAUSED: "0"}}})
    await becomes(DEPLOYMENTS, lambda deployment: deployment["spec"]["replicas"] == 0)
    await becomes(SCALED_OBJECTS, lambda found: (found.get("status") or {}).get("pausedReplicaCount") == 0)
    with pytest.raises(NotFoundError):
        await keda.get(AUTOSCALERS, namespace, HPA)

    target = {"metadata": {"name": "podinfo", "namespace": namespace}}
    await keda.patch(DEPLOYMENTS, target, {"spec": {"replicas": 1}})
    await becomes(DEPLOYMENTS, lambda deployment: deployment["spec"]["replicas"] == 0)


async def test_a_target_that_comes_later_is_lifted(
    keda: ClusterClient, namespace: str, deploy: Callable[..., Awaitable[Object]], becomes: Any
) -> None:
    await keda.create(SCALED_OBJECTS, scaled_object(namespace, minReplicaCount=2))
    await deploy(replicas=0)
    await becomes(DEPLOYMENTS, lambda deployment: deployment["spec"]["replicas"] == 2)


async def test_its_hpa_has_its_bounds_and_its_annotations_whoever_wrote_them(
    keda: ClusterClient, namespace: str, deploy: Callable[..., Awaitable[Object]], becomes: Any
) -> None:
    await deploy(replicas=1)
    wanted = scaled_object(namespace, minReplicaCount=1, maxReplicaCount=3)
    wanted["metadata"]["annotations"] = {"tidegate.dev/fence": "1.1"}
    made = await keda.create(SCALED_OBJECTS, wanted)
    await becomes(SCALED_OBJECTS, lambda found: (found.get("status") or {}).get("hpaName") == HPA)
    hpa = await keda.get(AUTOSCALERS, namespace, HPA)
    assert hpa["metadata"]["annotations"] == {"tidegate.dev/fence": "1.1"}
    assert hpa["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    assert (hpa["spec"]["minReplicas"], hpa["spec"]["maxReplicas"]) == (1, 3)

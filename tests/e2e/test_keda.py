"""A canary that KEDA scales: its ScaledObject is paused but while it is judged; the primary has its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import yaml

from tests.e2e import manifests
from tests.e2e.user import Application, serves
from tidegate.sandbox.client import AUTOSCALERS, DEPLOYMENTS, SCALED_OBJECTS, Object, Resource
from tidegate.sandbox.informer import Informer

PAUSED = "autoscaling.keda.sh/paused-replicas"


def files(name: str, version: str, *flags: str, **analysis: Any) -> dict[str, str]:
    """The tests' podinfo, never below two pods while KEDA scales it; KEDA looks at it every second."""
    query = 'sum(rate(istio_requests_total{destination_workload="podinfo"}[1m]))'
    metadata = {"serverAddress": "http://prometheus.istio-system:9090", "threshold": "100", "query": query}
    scaled_object = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "podinfo"},
        "spec": {
            "scaleTargetRef": {"name": "podinfo"},
            "pollingInterval": 1,
            "minReplicaCount": 2,
            "maxReplicaCount": 3,
            "triggers": [
                {"type": "prometheus", "name": "requests", "metadata": metadata},
                {"type": "prometheus", "name": "errors", "metadata": metadata},
            ],
        },
    }
    canary = manifests.canary(name, **analysis)
    canary["spec"]["autoscalerRef"] = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "name": "podinfo",
        "primaryScalerReplicas": {"minReplicas": 1},
        "primaryScalerQueries": {"errors": "vector(0)"},
    }
    documents = [manifests.deployment(name, version, *flags), scaled_object, canary]
    return {"podinfo.yaml": yaml.safe_dump_all(documents)}


class Seen:
    """What one field of the target and of its ScaledObject was, in the order of the changes."""

    def __init__(self) -> None:
        self.paused: list[str | None] = []
        self.replicas: list[int] = []

    def scaled_object(self, found: Object, _: Object | None) -> None:
        if found["metadata"]["name"] == "podinfo":
            _add(self.paused, (found["metadata"].get("annotations") or {}).get(PAUSED))

    def deployment(self, found: Object, _: Object | None) -> None:
        if found["metadata"]["name"] == "podinfo":
            _add(self.replicas, found["spec"]["replicas"])


def _add(values: list[Any], value: Any) -> None:
    if values[-1:] != [value]:
        values.append(value)


@asynccontextmanager
async def watched(application: Application) -> AsyncIterator[Seen]:
    """Every change of the target's size and of its pause, whoever writes it."""
    client, seen = application.world.clients["mesh02"], Seen()
    informers = [Informer(client, each, application.namespace) for each in (SCALED_OBJECTS, DEPLOYMENTS)]
    for informer, handler in zip(informers, (seen.scaled_object, seen.deployment), strict=True):
        informer.on_change(handler)
        await informer.start()
    try:
        yield seen
    finally:
        for informer in informers:
            await informer.stop()


async def found(application: Application, resource: Resource, name: str) -> Object:
    """A live object of the workload cluster."""
    return await application.world.clients["mesh02"].get(resource, application.namespace, name)


async def primary_scaler(application: Application) -> tuple[str, list[str], int]:
    """The primary's ScaledObject: whom it scales, its queries, its minimum."""
    spec = (await found(application, SCALED_OBJECTS, "podinfo-primary"))["spec"]
    queries = [trigger["metadata"]["query"] for trigger in spec["triggers"]]
    return spec["scaleTargetRef"]["name"], queries, spec["minReplicaCount"]


async def test_keda_scales_the_target_while_it_is_judged_and_the_primary_all_along(
    application: Application,
) -> None:
    await application.commit_files(files(application.name, "3.1.0"))
    ended = await application.start()
    assert ended.outcome["outcome"] == "initialised", ended
    rewritten = 'sum(rate(istio_requests_total{destination_workload="podinfo-primary"}[1m]))'
    assert await primary_scaler(application) == ("podinfo-primary", [rewritten, "vector(0)"], 1)
    kedas = await found(application, AUTOSCALERS, "keda-hpa-podinfo-primary")

    async with watched(application) as seen:
        await application.commit_files(files(application.name, "3.1.1"))
        ended = await application.start()
        assert ended.outcome["outcome"] == "promoted", ended
        assert (seen.paused, seen.replicas) == (["0", None, "0"], [0, 2, 0]), ended
        assert not [note for note in ended.notes if "no longer asked for" in note]

        bad = {"threshold": 1, "webhooks": [manifests.load_test(application.name, rate=60)]}
        await application.commit_files(files(application.name, "3.1.2", "--random-error=true", **bad))
        ended = await application.start()
        assert ended.outcome["outcome"] == "rolled back", ended
        assert (seen.paused, seen.replicas) == (["0", None] * 2 + ["0"], [0, 2] * 2 + [0]), ended

    assert await application.end_state() == serves("3.1.1")
    live = await found(application, AUTOSCALERS, "keda-hpa-podinfo-primary")
    assert live["metadata"]["uid"] == kedas["metadata"]["uid"], "it is KEDA's, and no release's to delete"
    await application.remove()

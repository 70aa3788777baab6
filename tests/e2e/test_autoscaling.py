"""An autoscaler that is edited together with a new version: the primary gets it with the promotion."""

import json
from typing import Any

import yaml

from tests.e2e import manifests
from tests.e2e.user import Application, serves


def files(name: str, version: str, highest: int, *flags: str, **analysis: Any) -> dict[str, str]:
    """The tests' podinfo, scaled up to so many replicas; its primary never below 2."""
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "podinfo"},
        "spec": {"scaleTargetRef": scaled, "minReplicas": 1, "maxReplicas": highest},
    }
    canary = manifests.canary(name, **analysis)
    canary["spec"]["autoscalerRef"] = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "name": "podinfo",
        "primaryScalerReplicas": {"minReplicas": 2},
    }
    documents = [manifests.deployment(name, version, *flags), autoscaler, canary]
    return {"podinfo.yaml": yaml.safe_dump_all(documents)}


async def bounds(application: Application) -> tuple[int, int]:
    get = ("-n", application.namespace, "get", "hpa", "podinfo-primary", "-o", "json")
    spec = json.loads(await application.user.kubectl("mesh02", *get))["spec"]
    return spec["minReplicas"], spec["maxReplicas"]


async def test_an_edited_autoscaler_comes_with_the_promotion_and_not_before(application: Application) -> None:
    await application.commit_files(files(application.name, "3.1.0", 3))
    assert (await application.start()).outcome["outcome"] == "initialised"
    assert await bounds(application) == (2, 3)

    # One request in nine is a server error: of so many, no bake can see none.
    bad = {"threshold": 1, "webhooks": [manifests.load_test(application.name, rate=60)]}
    await application.commit_files(files(application.name, "3.1.1", 5, "--random-error=true", **bad))
    ended = await application.start()
    assert ended.outcome["outcome"] == "rolled back", ended
    assert await bounds(application) == (2, 3)

    await application.commit_files(files(application.name, "3.1.2", 4))
    ended = await application.start()
    assert ended.outcome["outcome"] == "promoted", ended
    assert "HorizontalPodAutoscaler podinfo-primary is as in Git now" in ended.notes
    assert await bounds(application) == (2, 4)
    assert await application.end_state() == serves("3.1.2")
    await application.remove()

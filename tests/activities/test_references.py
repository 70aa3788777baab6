"""The cluster's MetricTemplates: found where the application brings none, and read once by each step."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from activities.references import templates_of
from tidegate.domain.canary import Canary
from tidegate.domain.manifest import Manifest
from tidegate.manifests.bundle import Bundle

TEMPLATE = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "MetricTemplate",
    "metadata": {"name": "latency", "namespace": "monitoring"},
    "spec": {"provider": {"type": "prometheus", "address": "http://prometheus:9090"}, "query": "up"},
}


class Objects:
    """A cluster with one template, which counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        self.asked.append(f"{namespace}/{name}")
        return TEMPLATE if (namespace, name) == ("monitoring", "latency") else None


def metric(name: str, template: str) -> dict[str, Any]:
    ref = {"name": template, "namespace": "monitoring"}
    return {"name": name, "templateRef": ref, "thresholdRange": {"max": 1}}


def test_each_template_is_read_once_whoever_asks() -> None:
    metrics = [metric("fast", "latency"), metric("slow", "latency"), metric("none", "missing")]
    spec = {
        "targetRef": {"kind": "Deployment", "name": "podinfo"},
        "service": {"port": 80},
        "analysis": {"stepWeight": 10, "metrics": metrics},
    }
    canary = Canary.parse({"metadata": {"name": "podinfo", "namespace": "test"}, "spec": spec})
    cluster = Objects()
    find = templates_of(Bundle(canary=canary, manifest={}, target={}), lambda: cluster)
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(find, canary.spec.analysis.metrics * 5))
    assert [each.metadata.name if each else None for each in found] == ["latency", "latency", None] * 5
    assert sorted(cluster.asked) == ["monitoring/latency", "monitoring/missing"]

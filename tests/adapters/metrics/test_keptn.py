"""KeptnMetrics and Analyses of a cluster's API, where the test plays Keptn."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.adapters.metrics.keptn import Keptn, Selector, selector
from tidegate.domain.errors import InvalidInput, Unreachable
from tidegate.sandbox.cluster_api import ClusterApi, write_kubeconfig
from tidegate.settings.model import ClusterSettings, Settings

Run = Callable[[Coroutine[Any, Any, Any]], Any]
VERSION = "metrics.keptn.sh/v1beta1"


def definition(kind: str, plural: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.metrics.keptn.sh"},
        "spec": {
            "group": "metrics.keptn.sh",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


@pytest.fixture
def cluster(servers: Run, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with Keptn's kinds."""
    api = ClusterApi(name="mesh02", token="s3cret")
    servers(api.start())
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", [api])
    known = {"mesh02": ClusterSettings(kubeconfig=str(kubeconfig), context="mesh02")}
    clusters = Clusters(Settings(clusters=known))
    cluster = clusters.cluster("mesh02")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}
    for each in (namespace, definition("KeptnMetric", "keptnmetrics"), definition("Analysis", "analyses")):
        cluster.apply(each, manager="test")
    yield cluster
    clusters.close()
    servers(api.stop())


def metric(cluster: Cluster, **status: str) -> None:
    metadata = {"name": "latency", "namespace": "test"}
    manifest = {"apiVersion": VERSION, "kind": "KeptnMetric", "metadata": metadata, "status": status}
    cluster.apply(manifest, manager="keptn")


@pytest.mark.parametrize(("value", "expected"), [("12.5", (12.5, 1)), ("NaN", (None, 1)), ("", (None, 0))])
async def test_a_metric_is_the_value_that_keptn_last_wrote(
    cluster: Cluster, value: str, expected: tuple[float | None, int]
) -> None:
    metric(cluster, value=value)
    sample = await Keptn(cluster, "key").query("keptnmetric/test/latency\n")
    assert (sample.value, sample.series) == expected


async def test_a_metric_that_is_not_there_or_no_number_is_told(cluster: Cluster) -> None:
    with pytest.raises(InvalidInput, match="there is no KeptnMetric test/latency"):
        await Keptn(cluster, "key").query("KeptnMetric/test/latency")
    metric(cluster, value="high")
    with pytest.raises(Unreachable, match="is no number"):
        await Keptn(cluster, "key").query("keptnmetrics/test/latency")


async def _analyses(cluster: Cluster) -> list[dict[str, Any]]:
    return await asyncio.to_thread(cluster.list, VERSION, "Analysis", "test")


@pytest.mark.parametrize(("passed", "value"), [(True, 1), (False, 0)])
async def test_an_analysis_is_made_waited_for_and_removed(
    cluster: Cluster, passed: bool, value: float
) -> None:
    asked = asyncio.create_task(Keptn(cluster, "key").query("analysis/test/slo/2m/project=a;stage=b"))
    while not (found := await _analyses(cluster)):
        assert not asked.done()
        await asyncio.sleep(0.02)
    assert found[0]["spec"] == {
        "analysisDefinition": {"name": "slo"},
        "timeframe": {"recent": "2m"},
        "args": {"project": "a", "stage": "b"},
    }
    status = {"state": "Completed", "pass": passed}
    name = {"name": found[0]["metadata"]["name"], "namespace": "test"}
    manifest = {"apiVersion": VERSION, "kind": "Analysis", "metadata": name, "status": status}
    await asyncio.to_thread(lambda: cluster.apply(manifest, manager="keptn"))
    assert (await asked).value == value
    assert await _analyses(cluster) == []


async def test_an_analysis_that_takes_too_long_is_removed_and_told(cluster: Cluster) -> None:
    with pytest.raises(Unreachable, match=r"the Analysis test/slo-\w{10} was not completed in 0.1s"):
        await Keptn(cluster, "key", patience_seconds=0.1).query("analysis/test/slo")
    assert await _analyses(cluster) == []


def test_a_query_has_defaults() -> None:
    assert selector("analyses/Test/SLO") == Selector("Analysis", "test", "slo", "1m", {})


@pytest.mark.parametrize("query", ["up", "keptnmetric/test", "metric/test/a", "keptnmetric//a", ""])
def test_a_query_that_names_nothing_is_refused(query: str) -> None:
    with pytest.raises(InvalidInput, match="names no KeptnMetric and no Analysis"):
        selector(query)

"""What the cluster's client makes of an ill API server, behind the fault proxy."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from benchmarks.faults.proxy import Fault, FaultProxy, Mode
from tidegate.adapters import patience
from tidegate.adapters.kubernetes import Cluster, Clusters, watch
from tidegate.contracts import Fence
from tidegate.domain.errors import Unreachable
from tidegate.domain.manifest import Manifest, dig
from tidegate.sandbox.cluster_api import ClusterApi
from tidegate.settings.model import ClusterSettings, Settings

REF = ("v1", "ConfigMap", "test", "colours")
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}
MANIFEST: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "colours", "namespace": "test"},
    "data": {"sky": "blue"},
}
WRITES = frozenset({"POST", "PUT", "PATCH"})


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    api = ClusterApi(name="mesh02")
    await api.start()
    async with FaultProxy(api.url) as proxy:
        yield proxy
    await api.stop()


@pytest.fixture
async def cluster(proxy: FaultProxy, tmp_path: Path) -> AsyncIterator[Cluster]:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "c", "cluster": {"server": proxy.url}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "c",
            }
        )
    )
    clusters = Clusters(Settings(clusters={"mesh02": ClusterSettings(kubeconfig=str(kubeconfig))}))
    cluster = clusters.cluster("mesh02")
    await asyncio.to_thread(cluster.apply, NAMESPACE, manager="test")
    yield cluster
    await asyncio.to_thread(clusters.close)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(Mode.REFUSED), "Connection refused|reset by peer"),
        (Fault(Mode.HANGING), "no answer in time"),
        (Fault(Mode.BROKEN), "HTTP 500: ConfigMap test/colours: Internal error occurred: it is broken"),
        (
            Fault(Mode.THROTTLED),
            "HTTP 429: ConfigMap test/colours: too many requests, please try again later",
        ),
        (Fault(Mode.RESET), "Connection broken|reset by peer"),
        (Fault(Mode.UNTOLD), "reset by peer|without response"),
    ],
    ids=lambda value: value.mode.value if isinstance(value, Fault) else "",
)
async def test_every_outage_is_unreachable_in_words_and_over_with_its_cause(
    proxy: FaultProxy,
    cluster: Cluster,
    fault: Fault,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "SHORT_SECONDS", 0.3)
    async with proxy.failing(fault):
        with (
            pytest.raises(Unreachable, match=rf"^cluster mesh02 is out of reach: .*({reason})"),
            patience.attempt(1),
        ):
            await asyncio.to_thread(cluster.get, *REF)
    assert await asyncio.to_thread(cluster.get, *REF) is None


async def test_retry_after_comes_with_the_error(proxy: FaultProxy, cluster: Cluster) -> None:
    async with proxy.failing(Fault(Mode.THROTTLED, seconds=3)):
        with pytest.raises(Unreachable) as caught:
            await asyncio.to_thread(cluster.get, *REF)
    assert caught.value.retry_after == 3


async def test_a_write_whose_answer_was_lost_is_done_once_by_the_next_attempt(
    proxy: FaultProxy, cluster: Cluster
) -> None:
    fence = Fence(epoch=1, sequence=1)
    await proxy.inject(Fault(Mode.UNTOLD, methods=WRITES, times=1))
    with pytest.raises(Unreachable):
        await asyncio.to_thread(cluster.fenced_apply, MANIFEST, fence, manager="tidegate")
    change = await asyncio.to_thread(cluster.fenced_apply, MANIFEST, fence, manager="tidegate")

    assert change.before is not None
    assert dig(change.after, "data", "sky") == "blue"


async def test_a_write_waits_for_a_slow_admission_webhook_where_a_read_would_not(
    proxy: FaultProxy, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "SHORT_SECONDS", 0.3)
    await asyncio.to_thread(cluster.get, *REF)
    await proxy.inject(Fault(Mode.SLOW, methods=WRITES, seconds=0.9))

    def write() -> None:
        with patience.attempt(1):
            cluster.fenced_apply(MANIFEST, Fence(epoch=1, sequence=1), manager="tidegate")

    await asyncio.to_thread(write)
    assert await asyncio.to_thread(cluster.get, *REF) is not None


async def test_a_watch_that_fell_silent_is_taken_up_again(
    proxy: FaultProxy, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "STREAM_SECONDS", 1)
    monkeypatch.setattr(watch, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(watch, "PAUSE_SECONDS", 0)
    watching, ended = threading.Event(), time.monotonic() + 10

    def wait() -> Manifest:
        return cluster.wait(*REF, lambda found: found, deadline_seconds=10, beat=watching.set)

    waiting = asyncio.create_task(asyncio.to_thread(wait))
    await asyncio.to_thread(watching.wait)
    await proxy.inject(Fault(Mode.HANGING, path="watch=true"))
    await asyncio.to_thread(cluster.apply, MANIFEST, manager="test")
    assert await proxy.until_struck(5)
    await proxy.heal()

    assert dig(await waiting, "data", "sky") == "blue"
    assert time.monotonic() < ended

"""Cluster APIs over HTTP for the blocking client: each lives in an event loop of a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.sandbox.cluster_api import ClusterApi, write_kubeconfig
from tidegate.settings.model import ClusterSettings, Settings

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]


@pytest.fixture(scope="session")
def run() -> Iterator[Run[Any]]:
    """Runs a coroutine in the servers' event loop, and waits for it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cluster APIs")
    thread.start()
    yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def api(run: Run[None]) -> Iterator[ClusterApi]:
    """The API of a cluster mesh02."""
    served = ClusterApi(name="mesh02", token="s3cret")
    run(served.start())
    yield served
    run(served.stop())


@pytest.fixture
def clusters(api: ClusterApi, tmp_path: Path) -> Iterator[Clusters]:
    """The settings' clusters: mesh02 alone."""
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", [api])
    known = {"mesh02": ClusterSettings(kubeconfig=str(kubeconfig), context="mesh02")}
    clusters = Clusters(Settings(clusters=known))
    yield clusters
    clusters.close()


@pytest.fixture
def cluster(clusters: Clusters) -> Cluster:
    """The client of mesh02, in which the namespace test exists."""
    cluster = clusters.cluster("mesh02")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}
    cluster.apply(namespace, manager="test")
    return cluster

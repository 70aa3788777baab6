"""A cluster API over HTTP, and the client under test."""

from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.sandbox.cluster_api import ClusterApi, write_kubeconfig
from tidegate.settings.model import ClusterSettings, Settings

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def api(servers: Run) -> Iterator[ClusterApi]:
    """The API of a cluster mesh02."""
    served = ClusterApi(name="mesh02", token="s3cret")
    servers(served.start())
    yield served
    servers(served.stop())


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

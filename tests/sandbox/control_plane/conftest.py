"""One real cluster without a node for all tests of this folder, and somebody there who may do nothing yet."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tidegate.sandbox.client import ClusterClient
from tidegate.sandbox.control_plane import Cluster, RealControlPlane, User, find_assets


class Served(NamedTuple):
    """The cluster as the administrator sees it, and what the user has."""

    cluster: Cluster
    admin: ClusterClient
    user: User
    audit_log: Path


@pytest.fixture(scope="package")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    assets = find_assets(os.environ)
    if assets is None:
        pytest.skip("needs KUBEBUILDER_ASSETS (see make assets)")
    folder = tmp_path_factory.mktemp("control-plane")
    user = User("worker", groups=("releasers",))
    control_plane = RealControlPlane(assets, users=[user])
    try:
        (cluster,) = await control_plane.start(["mesh02"], folder / "state", folder / "logs")
        async with cluster.client() as admin, control_plane.controllers(cluster, admin):
            yield Served(cluster, admin, user, control_plane.audit_log("mesh02"))
    finally:
        await control_plane.stop()

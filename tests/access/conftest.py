"""A real control plane where the worker is the ServiceAccount of deploy/kubernetes, and may do no more."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.e2e.user import Application, User
from tidegate.domain.errors import AccessDenied
from tidegate.sandbox.cluster_api import write_kubeconfig
from tidegate.sandbox.control_plane.assets import VARIABLE, find_assets
from tidegate.sandbox.control_plane.real import RealControlPlane
from tidegate.sandbox.control_plane.users import User as Account
from tidegate.sandbox.world import World
from tidegate.settings import ClusterSettings, Settings

ACCESS = Path(__file__).parents[2] / "deploy/kubernetes/access"
WORKER = Account(
    "system:serviceaccount:tidegate:tidegate", ("system:serviceaccounts", "system:serviceaccounts:tidegate")
)
GRANTED = {
    "asm": ["identity", "mesh-control-plane", "flagger", "uninstall"],
    "mesh01": ["identity", "load"],
    "mesh02": [
        "identity",
        "destination",
        "configuration",
        "keda",
        "prometheus",
        "canaries",
        "flagger",
        "uninstall",
    ],
}
BOUND = {"asm": "tidegate-mesh", "mesh02": "tidegate-destination"}


class Use(NamedTuple):
    """One use of a right. `subresource` is part of the resource, as in services/proxy."""

    group: str
    resource: str
    verb: str


class Installation:
    """The sandbox whose worker has deploy/kubernetes' access, and what it did with it."""

    def __init__(self, world: World, control_plane: RealControlPlane) -> None:
        self.world = world
        self._control_plane = control_plane
        self.admin = User(world)

    async def grant(self, folder: str, cluster: str) -> None:
        """Apply a folder of the access to a cluster."""
        await self.admin.kubectl(cluster, "apply", "-k", str(ACCESS / folder))

    async def revoke(self, folder: str, cluster: str) -> None:
        """Take back a folder of the access."""
        await self.admin.kubectl(cluster, "delete", "-k", str(ACCESS / folder))

    async def bind(self, namespace: str) -> None:
        """Make an application's namespace, and bind the roles in it."""
        for cluster, role in BOUND.items():
            await self.admin.kubectl(cluster, "create", "namespace", namespace)
            who = ("--clusterrole", role, "--serviceaccount", "tidegate:tidegate")
            await self.admin.kubectl(cluster, "-n", namespace, "create", "rolebinding", "tidegate", *who)

    async def worker(self, folder: Path) -> None:
        """Start a worker that is this ServiceAccount everywhere."""
        seen = [cluster.seen_with(WORKER.token) for cluster in self.world.clusters.values()]
        kubeconfig = write_kubeconfig(folder / "kubeconfig", seen)
        names = (cluster.name for cluster in seen)
        settings = {f"TIDEGATE_CLUSTERS__{name.upper()}__KUBECONFIG": str(kubeconfig) for name in names}
        await self.world.start_worker({**settings, "TIDEGATE_LOAD__MODE": "webhook"})

    def uses(self, cluster: str) -> set[Use]:
        """The rights that the worker has used in a cluster."""
        return {_use(event) for event in self._events(cluster) if "objectRef" in event}

    def refusals(self) -> list[str]:
        """What the worker was not allowed to do, in the servers' words."""
        return [
            f"{cluster}: {event['responseStatus'].get('message')}"
            for cluster in self.world.clusters
            for event in self._events(cluster)
            if event.get("responseStatus", {}).get("code") in (401, 403)
        ]

    def _events(self, cluster: str) -> Iterator[dict[str, Any]]:
        for line in self._control_plane.audit_log(cluster).read_text().splitlines():
            yield json.loads(line)


def _use(event: dict[str, Any]) -> Use:
    wanted = event["objectRef"]
    resource = wanted["resource"] + (f"/{wanted['subresource']}" if "subresource" in wanted else "")
    return Use(wanted.get("apiGroup", ""), resource, event["verb"])


def rights(folder: str) -> set[Use]:
    """What a folder of the access grants."""
    text = (ACCESS / folder / "role.yaml").read_text()
    rules = [rule for each in yaml.safe_load_all(text) for rule in each.get("rules") or []]
    return {
        Use(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def granted(call: Callable[[], object]) -> Callable[[], Awaitable[bool]]:
    """Whether the cluster's authorizer knows of a grant by now, as a call shows."""

    async def known() -> bool:
        try:
            call()
        except AccessDenied:
            return False
        return True

    return known


@pytest.fixture(scope="package")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    assets = find_assets(os.environ)
    if assets is None:
        pytest.skip(f"needs a real control plane: export {VARIABLE}=$(make assets)")
    control_plane = RealControlPlane(assets, users=[WORKER])
    async with World(tmp_path_factory.mktemp("access"), control_plane=control_plane) as world:
        installation = Installation(world, control_plane)
        for cluster, folders in GRANTED.items():
            for folder in folders:
                await installation.grant(folder, cluster)
        await installation.worker(tmp_path_factory.mktemp("kube"))
        yield installation
        await installation.admin.leave()


@pytest.fixture
async def application(installation: Installation, tmp_path: Path) -> Application:
    """An application in a namespace where the worker's roles are bound."""
    application = Application(installation.admin, "podinfo", tmp_path / "podinfo")
    await application.create()
    await installation.bind(application.namespace)
    return application


@pytest.fixture
def worker(installation: Installation, tmp_path: Path) -> Settings:
    """The settings of a worker that is this ServiceAccount."""
    seen = installation.world.clusters["mesh02"].seen_with(WORKER.token)
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", [seen])
    return Settings(clusters={"mesh02": ClusterSettings(kubeconfig=str(kubeconfig), context="mesh02")})

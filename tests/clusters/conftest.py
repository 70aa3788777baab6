"""A world with a second workload cluster, and an application that goes to both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.user import Application, User
from tests.tiers import TIERS, create_world
from tidegate.domain.application import FURTHER_CLUSTERS

CLUSTERS = ("mesh02", "mesh03")


class Wide(Application):
    """An application in mesh02 and mesh03."""

    async def create(self) -> None:
        """With the annotation that names the second."""
        await super().create()
        manifest = yaml.safe_load(self.file.read_text())
        manifest["metadata"]["annotations"] = {FURTHER_CLUSTERS: "mesh03"}
        self.file.write_text(yaml.safe_dump(manifest))

    async def in_both(self, *arguments: str) -> list[str]:
        """What kubectl prints in each of the clusters."""
        return [await self.user.kubectl(each, "-n", self.namespace, *arguments) for each in CLUSTERS]

    async def commands(self, deployment: str) -> list[str]:
        """What a Deployment's pods run in each."""
        path = "jsonpath={.spec.template.spec.containers[0].image} {.spec.replicas}"
        return await self.in_both("get", "deploy", deployment, "-o", path)


@pytest.fixture(scope="package", params=TIERS)
async def user(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[User]:
    """Somebody at a shell in a world with a worker."""
    folder = tmp_path_factory.mktemp(f"clusters-{request.param}")
    async with create_world(str(request.param), folder, further=True) as world:
        await world.start_worker()
        user = User(world)
        yield user
        await user.leave()


@pytest.fixture
async def wide(user: User, tmp_path: Path, request: pytest.FixtureRequest) -> Wide:
    """Version 3.1.0 serves in both clusters."""
    name = f"wide-{abs(hash(request.node.name)) % 10000}"
    application = Wide(user, name, tmp_path / name)
    await application.create()
    await application.initialise()
    return application

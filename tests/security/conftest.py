"""One world for all tests of this folder; workers of different settings have task queues of their own."""

import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest

from tests.e2e.user import Application, User
from tidegate.sandbox.control_plane.emulator import Emulator
from tidegate.sandbox.processes import Process
from tidegate.sandbox.world import World

KEYS = {f"SECURITY_TEST_KEY_{n}": base64.b64encode(bytes([n] * 32)).decode() for n in (1, 2)}
KEY_SETTINGS = '{"one": {"env": "SECURITY_TEST_KEY_1"}, "two": {"env": "SECURITY_TEST_KEY_2"}}'

Site = Callable[..., Awaitable["Installation"]]


class Installation:
    """A worker and its users, who share settings and a task queue of their own."""

    def __init__(self, world: World, settings: Mapping[str, str]) -> None:
        self.world = world
        self.settings = dict(settings)
        self.user = User(world, self.settings)
        self.worker: Process | None = None

    async def restart(self, **settings: str) -> None:
        """Let the worker be followed by one with changed settings; the user has them too."""
        self.settings |= settings
        self.user.environment = dict(self.settings)
        if self.worker is not None:
            await self.worker.stop()
        self.worker = await self.world.start_worker(self.settings)


@pytest.fixture(scope="package")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Its cluster APIs take any token: the tests plant theirs."""
    async with World(tmp_path_factory.mktemp("world"), control_plane=Emulator()) as world:
        yield world


@pytest.fixture(scope="package")
async def install(world: World) -> AsyncIterator[Site]:
    """Start a worker with settings; `name` is its task queue's."""
    installations: list[Installation] = []

    async def start(name: str, **settings: str) -> Installation:
        site = Installation(world, {"TIDEGATE_WORKER__TASK_QUEUE": name, **settings})
        installations.append(site)
        await site.restart()
        return site

    yield start
    for site in installations:
        await site.user.leave()


@pytest.fixture(scope="package")
def new_application(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Awaitable[Application]]:
    """Make an application with an empty repository."""

    async def make(site: Installation, name: str) -> Application:
        application = Application(site.user, name, tmp_path_factory.mktemp("applications") / name)
        await application.create()
        return application

    return make


def own_files(folder: os.PathLike[str]) -> list[str]:
    """Every file below a folder."""
    return [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]

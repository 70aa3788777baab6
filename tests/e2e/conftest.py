"""One world with a worker for all tests of this folder; every test has an application of its own in it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest

from tests.e2e.user import Application, User
from tidegate.sandbox.processes import Process
from tidegate.sandbox.world import World

READY_AHEAD = 2
"""How many applications are initialised ahead of the tests that need one."""

NewApplication = Callable[..., Awaitable[Application]]


@pytest.fixture(scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with World(tmp_path_factory.mktemp("world")) as world:
        yield world


class Worker:
    """The worker of all tests, which may be killed and followed by another."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.process: Process | None = None

    async def start(self) -> None:
        """Start a worker and wait until it is up."""
        self.process = await self._world.start_worker()

    async def kill(self) -> None:
        """End it with SIGKILL."""
        assert self.process is not None
        await self.process.kill()


@pytest.fixture(scope="session")
async def worker(world: World) -> Worker:
    worker = Worker(world)
    await worker.start()
    return worker


@pytest.fixture(scope="session")
def user(world: World) -> User:
    return User(world)


@pytest.fixture(scope="session")
def new_application(user: User, tmp_path_factory: pytest.TempPathFactory) -> NewApplication:
    """Make an application with an empty repository."""
    numbers = count(1)

    async def make(user: User = user) -> Application:
        name = f"app-{next(numbers)}"
        application = Application(user, name, tmp_path_factory.mktemp("applications") / name)
        await application.create()
        return application

    return make


@pytest.fixture
async def application(new_application: NewApplication, worker: Worker) -> Application:
    """An application that was never released."""
    return await new_application()


@pytest.fixture(scope="session")
async def take_initialised(new_application: NewApplication, worker: Worker) -> AsyncIterator[NewApplication]:
    """Take an application whose first version, 3.1.0, serves; the next ones are made ready meanwhile."""
    ahead: deque[asyncio.Task[Application]] = deque()

    async def make() -> Application:
        application = await new_application()
        await application.initialise()
        return application

    async def take() -> Application:
        while len(ahead) <= READY_AHEAD:
            ahead.append(asyncio.create_task(make()))
        return await ahead.popleft()

    yield take
    for task in ahead:
        task.cancel()
    await asyncio.gather(*ahead, return_exceptions=True)


@pytest.fixture
async def podinfo(take_initialised: NewApplication) -> Application:
    """An application whose first version, 3.1.0, serves."""
    return await take_initialised()

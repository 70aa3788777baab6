"""One world with a worker for all tests of this folder; every test has an application of its own in it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import TypeVar

import pytest

from tests.e2e.stock import Stock
from tests.e2e.user import Application, Baking, User
from tidegate.sandbox.processes import Process
from tidegate.sandbox.world import World

T = TypeVar("T")
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
async def _initialised(
    new_application: NewApplication, worker: Worker, request: pytest.FixtureRequest
) -> AsyncIterator[Stock[Application]]:
    async def make() -> Application:
        application = await new_application()
        await application.initialise()
        return application

    async with _stock(make, request, "podinfo") as stock:
        yield stock


@pytest.fixture
async def podinfo(_initialised: Stock[Application]) -> Application:
    """An application whose first version, 3.1.0, serves."""
    return await _initialised.take()


@pytest.fixture(scope="session")
async def _baking(
    new_application: NewApplication, worker: Worker, request: pytest.FixtureRequest
) -> AsyncIterator[Stock[Baking]]:
    async def make() -> Baking:
        application = await new_application()
        await application.initialise()
        return await application.begin_long_bake()

    async with _stock(make, request, "baking") as stock:
        yield stock


@pytest.fixture
async def baking(_baking: Stock[Baking]) -> Baking:
    """An application whose version 3.1.1 has 25 % of the traffic, in a bake that would last for minutes."""
    return await _baking.take()


@asynccontextmanager
async def _stock(
    make: Callable[[], Awaitable[T]], request: pytest.FixtureRequest, fixture: str
) -> AsyncIterator[Stock[T]]:
    """As many as the session's tests ask for by the fixture's name."""
    users = [item for item in request.session.items if fixture in getattr(item, "fixturenames", ())]
    stock = Stock(make, wanted=len(users))
    stock.begin()
    yield stock
    await stock.close()

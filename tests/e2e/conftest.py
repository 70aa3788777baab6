"""One world with a worker for all tests of this folder; every test has an application of its own in it.

Where KUBEBUILDER_ASSETS names the programs, there are two worlds, and every test runs in each: one on the
emulator, one on a real control plane with the kinds as Istio, Flagger and Argo CD publish them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import TypeVar

import pytest

from tests.e2e.article import Article, release_article
from tests.e2e.stock import Stock
from tests.e2e.user import Application, Baking, User
from tests.tiers import TIERS, create_world
from tidegate.sandbox.processes import Process
from tidegate.sandbox.world import World

T = TypeVar("T")
NewApplication = Callable[..., Awaitable[Application]]
Users = Callable[[str], int]


@pytest.fixture(scope="package", params=TIERS)
def tier(request: pytest.FixtureRequest) -> str:
    """What serves the world's clusters."""
    return str(request.param)


@pytest.fixture(scope="package")
async def world(tier: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with create_world(tier, tmp_path_factory.mktemp(f"world-{tier}")) as world:
        yield world


@pytest.fixture(scope="package")
def users(tier: str, request: pytest.FixtureRequest) -> Users:
    """How many of this world's tests ask for a fixture."""

    def count_users(fixture: str) -> int:
        return sum(fixture in names and params.get("tier") == tier for names, params in asked_for)

    asked_for = [
        (getattr(item, "fixturenames", ()), item.callspec.params if hasattr(item, "callspec") else {})
        for item in request.session.items
    ]
    return count_users


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


@pytest.fixture(scope="package")
async def worker(world: World) -> Worker:
    worker = Worker(world)
    await worker.start()
    return worker


@pytest.fixture(scope="package")
async def user(world: World) -> AsyncIterator[User]:
    user = User(world)
    yield user
    await user.leave()


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
async def _initialised(
    new_application: NewApplication, worker: Worker, users: Users
) -> AsyncIterator[Stock[Application]]:
    async def make() -> Application:
        application = await new_application()
        await application.initialise()
        return application

    async with _stock(make, users("podinfo")) as stock:
        yield stock


@pytest.fixture
async def podinfo(_initialised: Stock[Application]) -> AsyncIterator[Application]:
    """An application whose first version, 3.1.0, serves."""
    application = await _initialised.take()
    yield application
    await application.remove()


@pytest.fixture(scope="package")
async def _baking(
    new_application: NewApplication, worker: Worker, users: Users
) -> AsyncIterator[Stock[Baking]]:
    async def make() -> Baking:
        application = await new_application()
        await application.initialise()
        return await application.begin_long_bake()

    async with _stock(make, users("baking")) as stock:
        yield stock


@pytest.fixture
async def baking(_baking: Stock[Baking]) -> AsyncIterator[Baking]:
    """An application whose version 3.1.1 has 25 % of the traffic, in a bake that would last for minutes."""
    baking = await _baking.take()
    yield baking
    await baking.application.remove()


@pytest.fixture(scope="package")
async def _article(
    user: User, worker: Worker, tmp_path_factory: pytest.TempPathFactory, users: Users
) -> AsyncIterator[Stock[Article]]:
    async def make() -> Article:
        return await release_article(user, tmp_path_factory.mktemp("article"))

    async with _stock(make, min(1, users("article"))) as stock:
        yield stock


@pytest.fixture(scope="package")
async def article(_article: Stock[Article]) -> Article:
    """The article's manifests, released from the first commit to the last; it takes most of a minute."""
    return await _article.take()


@pytest.fixture(scope="package", autouse=True)
def _everything_ahead(
    _article: Stock[Article], _initialised: Stock[Application], _baking: Stock[Baking]
) -> None:
    """Whatever takes its time is begun before the first test, and goes on beside the others."""


@asynccontextmanager
async def _stock(make: Callable[[], Awaitable[T]], wanted: int) -> AsyncIterator[Stock[T]]:
    stock = Stock(make, wanted=wanted)
    stock.begin()
    try:
        yield stock
    finally:
        await stock.close()

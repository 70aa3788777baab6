"""One scene for all tests of this folder; each injects one fault into a release in it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from itertools import chain

import pytest

from benchmarks.faults import (
    clock_faults,
    gated,
    operator_faults,
    pods,
    server_faults,
    worker_faults,
    writers,
)
from benchmarks.faults.case import Case
from benchmarks.faults.runner import Result, run
from benchmarks.faults.scene import Scene

Survive = Callable[[str], Awaitable[Result]]
MODULES = (worker_faults, server_faults, operator_faults, clock_faults, writers, pods, gated)


@pytest.fixture(scope="package")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with Scene(tmp_path_factory.mktemp("scene")) as scene:
        yield scene


@pytest.fixture(scope="package")
def every_case() -> dict[str, Case]:
    """By group and name, as `python -m benchmarks.chaos --list` prints them."""
    cases: Iterable[Case] = chain.from_iterable(module.cases() for module in MODULES)
    return {f"{case.group}: {case.name}": case for case in cases}


@pytest.fixture
def suffer(scene: Scene, every_case: dict[str, Case]) -> Survive:
    """Run the case of this name."""

    async def suffer(name: str) -> Result:
        return await run(scene, every_case[name])

    return suffer

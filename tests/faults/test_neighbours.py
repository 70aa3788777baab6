"""A neighbour is ill in mid-release: one case for each mechanism that gets a release past it."""

from collections.abc import AsyncIterator

import pytest

from benchmarks.faults.neighbours import NEIGHBOURS, cases, wire
from benchmarks.faults.runner import run
from benchmarks.faults.scene import Scene

CASES = {case.name: case for case in cases()}
CHOSEN = (
    "the answer to the first write of every object is lost in a good release",
    "mesh control plane hanging for 5 s in route-back of a bad release",
    "Prometheus 500 for 5 s in bake-25 of a good release",
    "Git refused for 5 s in resolve of a good release",
)


@pytest.fixture(scope="module")
async def wired(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A scene whose worker reaches every neighbour through a proxy that may fail."""
    async with Scene(tmp_path_factory.mktemp("wired"), wire) as scene:
        yield scene


@pytest.mark.parametrize("name", CHOSEN)
async def test_a_release_survives(name: str, wired: Scene) -> None:
    result = await run(wired, CASES[name])
    assert result.violations == ()


def test_every_neighbour_meets_every_fault_in_some_case() -> None:
    for neighbour in NEIGHBOURS:
        modes = {
            mode for name in CASES if name.startswith(neighbour.name) for mode in (name.split(" for ")[0],)
        }
        assert len(modes) == 7

"""Which tests run on one process, in which order, and which are left out where time is short.

A world is busy enough for one at a time. What is tested in another way as well comes last: the end-to-end
tests on the emulator where they run on a real control plane too, and the faults that `make chaos` tries.
"""

import time
from collections.abc import Iterable
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.tiers import EMULATOR, REAL, TIERS

_WORLDS = ("access", "clusters", "e2e", "faults")
_SPARE = ("tests/faults/test_survived.py", "tests/faults/test_layouts.py")
_BEGAN = time.monotonic()


def lane(nodeid: str) -> str:
    """What has to run on one process."""
    file = nodeid.partition("::")[0].removeprefix("tests/")
    package, folder = file.partition("/")[0], file.rpartition("/")[0]
    if is_spare(nodeid):
        return f"spare {package}"
    if package in _WORLDS:
        return "worlds"
    return f"{folder} {_tier(nodeid)}" if package == "sandbox" else file


def is_spare(nodeid: str) -> bool:
    """Whether what it shows is tested in another way as well."""
    doubled = REAL in TIERS and nodeid.startswith("tests/e2e/") and _tier(nodeid) == EMULATOR
    return doubled or nodeid.startswith(_SPARE)


def in_order(lanes: Iterable[str]) -> list[str]:
    """The worlds first, which take longest, and what can be spared last."""
    return sorted(lanes, key=lambda name: (name.startswith("spare"), name != "worlds", name))


def _tier(nodeid: str) -> str:
    test = nodeid.partition("::")[2]
    return REAL if f"[{REAL}" in test or f"-{REAL}]" in test else EMULATOR


class Lanes(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process one lane after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The time that tests may take."""
    parser.addoption(
        "--spare-after",
        type=float,
        metavar="SECONDS",
        help="once so many seconds have passed, leave out what is tested in another way as well",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By lanes: the order in which they are given to processes is the order in which they are found."""
    places = {name: place for place, name in enumerate(in_order({lane(item.nodeid) for item in items}))}
    items.sort(key=lambda item: places[lane(item.nodeid)])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    """By what tests share, in the order of `in_order` and not by how many tests a lane has."""
    config.option.loadscopereorder = False
    return Lanes(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before a world is begun for it."""
    seconds = item.config.getoption("--spare-after")
    if seconds is not None and time.monotonic() - _BEGAN > seconds and is_spare(item.nodeid):
        pytest.skip(f"left out after {seconds:.0f} s: it is tested in another way as well")

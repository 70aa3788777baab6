"""Faults of clocks: a worker's jumps by an hour in mid-release, the server's went back since the last one.

A worker's clock is moved by Debian's libfaketime, which its C library calls go through; without that library
these cases are left out. The server is a program that no library reaches: its clock having gone back is seen
in what the objects remember, which is an epoch an hour ahead, and that is what is made here.
"""

import os
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.faults.application import PRIMARY
from benchmarks.faults.canary import VIRTUAL_SERVICES
from benchmarks.faults.case import RELEASES, Case, Inject, Kind
from benchmarks.faults.follower import Point
from benchmarks.faults.release import FIRST_BAKE, PREPARE, PROMOTE, ROUTE_BACK, SCALE_UP, SYNC, Release
from benchmarks.faults.scene import Scene
from benchmarks.installation import CLUSTER, NAME
from tidegate.contracts import FENCE_ANNOTATION, Fence
from tidegate.sandbox.client import DEPLOYMENTS, SERVICES, Resource

WORKER, SERVER = "worker's clock jumps", "server's clock goes back"
HOUR_SECONDS = 3600
VARIABLE = "LIBFAKETIME"
"""Environment variable with the library's path, where it is not in Debian's place."""

PLACES = ("/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime")
POINTS = {
    "sync": (Kind.GOOD, SYNC),
    "prepare": (Kind.GOOD, PREPARE),
    "scale-up": (Kind.GOOD, SCALE_UP),
    "bake-25": (Kind.GOOD, FIRST_BAKE),
    "promote": (Kind.GOOD, PROMOTE),
    "route-back": (Kind.BAD, ROUTE_BACK),
    "bake-25, then an abort": (Kind.ABORTED, FIRST_BAKE),
}


def library() -> Path | None:
    """libfaketime, where it is installed."""
    places = [Path(os.environ.get(VARIABLE, "")), *(Path(place, "libfaketime.so.1") for place in PLACES)]
    return next((place for place in places if place.is_file()), None)


def cases() -> Iterator[Case]:
    """All of them; those of a worker where libfaketime is there."""
    for name, (kind, point) in POINTS.items() if library() else ():
        for way, seconds in (("ahead", HOUR_SECONDS), ("back", -HOUR_SECONDS)):
            bounded = name in ("scale-up", "promote", "route-back") or way == "ahead"
            yield Case(f"{kind}: {way}, in {name}", WORKER, kind, _jump(point, seconds), bounded=bounded)
    for kind in RELEASES:
        yield Case(f"{kind}: an hour", SERVER, kind, _nothing, prepare=_remember_later_epochs)


async def wire(scene: Scene, stack: AsyncExitStack) -> None:
    """Let the scene's workers read their clock through the library, from a file with its offset."""
    found = library()
    if found is None:
        return
    _offset(scene).write_text("+0s")
    scene.environment |= {
        "LD_PRELOAD": str(found),
        "FAKETIME_TIMESTAMP_FILE": str(_offset(scene)),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    stack.callback(_offset(scene).unlink)


def _offset(scene: Scene) -> Path:
    return scene.directory / "clock"


def _jump(point: Point, seconds: int) -> Inject:
    async def inject(scene: Scene, release: Release) -> None:
        await release.until(point)
        try:
            with release.fault():
                _offset(scene).write_text(f"{seconds:+d}s")
            await release.ended(within=90)
        finally:
            _offset(scene).write_text("+0s")

    return inject


async def _nothing(scene: Scene, release: Release) -> None:
    """The fault was there before the release began."""


async def _remember_later_epochs(scene: Scene) -> None:
    """What the last release touched has obeyed commands an hour ahead of the server's clock."""
    fence = str(Fence(epoch=int((time.time() + HOUR_SECONDS) * 1000), sequence=1))
    patch = {"metadata": {"annotations": {FENCE_ANNOTATION: fence}}}
    touched: list[tuple[str, Resource, str]] = [
        ("asm", VIRTUAL_SERVICES, NAME),
        (CLUSTER, DEPLOYMENTS, NAME),
        (CLUSTER, DEPLOYMENTS, PRIMARY),
        *((CLUSTER, SERVICES, name) for name in (NAME, f"{NAME}-canary", PRIMARY)),
    ]
    for cluster, resource, name in touched:
        meta = {"metadata": {"name": name, "namespace": scene.application.namespace}}
        await scene.world.clients[cluster].patch(resource, meta, patch)

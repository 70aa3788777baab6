"""Faults of the Temporal server: killed and started again on its database, or frozen, in each stage."""

import asyncio
from collections.abc import Iterator

from benchmarks.faults.case import Case, Inject, Kind
from benchmarks.faults.follower import Point
from benchmarks.faults.release import STAGES, STAGES_BACK, Release
from benchmarks.faults.scene import Scene

KILLED = "Temporal killed"
AWAY_SECONDS = (0.0, 12.0)
"""Started again at once, and after every heartbeat and workflow task has timed out."""

BOUNDED = {"sync", "route-25", "bake-50", "promote", "scale-down"}


def cases() -> Iterator[Case]:
    """All of them."""
    for seconds in AWAY_SECONDS:
        for name, point in STAGES.items():
            yield _case(Kind.GOOD, name, point, seconds, bounded=name in BOUNDED and not seconds)
        for kind in (Kind.BAD, Kind.ABORTED):
            for name, point in STAGES_BACK.items():
                bounded = name == "route-back" and bool(seconds) == (kind is Kind.BAD)
                yield _case(kind, name, point, seconds, bounded=bounded)


def _case(kind: Kind, stage: str, point: Point, seconds: float, *, bounded: bool) -> Case:
    name = f"{kind}: in {stage}, back {f'after {seconds:g} s' if seconds else 'at once'}"
    return Case(name=name, group=KILLED, kind=kind, inject=_killed(point, seconds), bounded=bounded)


def _killed(point: Point, seconds: float) -> Inject:
    async def inject(scene: Scene, release: Release) -> None:
        await release.until(point)
        with release.fault():
            await scene.world.kill_temporal()
            await asyncio.sleep(seconds)
            await scene.world.start_temporal()

    return inject

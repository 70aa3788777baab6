"""Faults of workers: killed at every event of a history; frozen until others have taken over, and thawed."""

import asyncio
import os
import signal
from collections.abc import Iterator

from benchmarks.faults.case import COMPARED, UNTESTED, Case, Inject, Kind
from benchmarks.faults.follower import CANARY, RELEASE, Point
from benchmarks.faults.release import (
    BESIDE_ROUTE,
    FIRST_BAKE,
    FIRST_ROUTE,
    PREPARE,
    PROMOTE,
    RESTORE,
    ROUTE_BACK,
    SCALE_DOWN,
    SCALE_UP,
    SECOND_ROUTE,
    SYNC,
    Release,
)
from benchmarks.faults.scene import Scene
from benchmarks.faults.strikes import at, replace_worker
from benchmarks.gateway import Answer
from tidegate.domain.release import Outcome

KILLED, FROZEN = "worker killed", "worker frozen"
LATE_SECONDS = 30.0
EVENTS = {
    Kind.GOOD: {RELEASE: 55, CANARY: 133},
    Kind.BAD: {RELEASE: 55, CANARY: 149},
    Kind.ABORTED: {RELEASE: 64, CANARY: 91},
}
"""How many events the histories of a release of each kind have when nothing goes wrong, or a few less."""

ZOMBIES = {
    "sync": (Kind.GOOD, SYNC),
    "prepare": (Kind.GOOD, PREPARE),
    "scale-up": (Kind.GOOD, SCALE_UP),
    "route-25": (Kind.GOOD, FIRST_ROUTE),
    "route-50": (Kind.GOOD, SECOND_ROUTE),
    "promote": (Kind.GOOD, PROMOTE),
    "scale-down": (Kind.GOOD, SCALE_DOWN),
    "bake-25": (Kind.BAD, FIRST_BAKE),
    "route-back": (Kind.BAD, ROUTE_BACK),
    "restore": (Kind.BAD, RESTORE),
    "route-25, then an abort": (Kind.ABORTED, FIRST_ROUTE),
}
"""The step in which a worker is frozen, by name."""

BESIDE = {
    "scale-up": SCALE_UP,
    "route-25": BESIDE_ROUTE,
    "bake-25": FIRST_BAKE,
    "promote": PROMOTE,
    "scale-down": SCALE_DOWN,
}
"""Where a baseline stands, or is made, or removed."""


def cases() -> Iterator[Case]:
    """All of them."""
    for kind, lengths in EVENTS.items():
        for workflow, length in lengths.items():
            for number in range(1, length):
                yield _killed(kind, workflow, number, late=False, bounded=number % 16 == 5)
            for number in range(7, length, 30):
                yield _killed(kind, workflow, number, late=True, bounded=workflow == CANARY and number == 67)
    for name, (kind, point) in ZOMBIES.items():
        # Tasks that the frozen worker swallows hold an abort up: the bake has to outlast them.
        analysis = {"interval": "60s"} if kind is Kind.ABORTED else None
        yield Case(f"{kind}: in {name}", FROZEN, kind, _frozen(point), analysis=analysis)
    for name, point in BESIDE.items():
        yield _beside(
            f"good: in {name} beside a baseline", KILLED, at(point, replace_worker), name == "bake-25"
        )
    yield _beside("good: in scale-up beside a baseline", FROZEN, _frozen(SCALE_UP), bounded=False)
    yield Case(
        "first release: in prepare",
        FROZEN,
        Kind.GOOD,
        _frozen(PREPARE),
        outcomes=frozenset({Outcome.INITIALISED}),
        allowed=_unrouted,
        fresh=True,
    )


def _beside(name: str, group: str, inject: Inject, bounded: bool) -> Case:
    return Case(name, group, Kind.GOOD, inject, analysis=UNTESTED, policy=COMPARED, bounded=bounded)


def _unrouted(answer: Answer) -> bool:
    """The gateway does not know an application before its first release."""
    return answer.failure == "404" and not answer.by_pod


def _killed(kind: Kind, workflow: str, number: int, *, late: bool, bounded: bool) -> Case:
    async def inject(scene: Scene, release: Release) -> None:
        await release.until_event(workflow, number)
        with release.fault():
            await scene.kill_worker()
            if late:
                await asyncio.sleep(LATE_SECONDS)
            await scene.start_worker()

    name = f"{kind}: after event {number} of the {workflow}{', replaced after 30 s' if late else ''}"
    return Case(name=name, group=KILLED, kind=kind, inject=inject, bounded=bounded)


def _frozen(point: Point) -> Inject:
    """The worker stops as the step begins; another one takes over, and ends the release; then it thaws.

    So its late writes, results and decisions come when the release is over: nothing may change any more.
    """

    async def inject(scene: Scene, release: Release) -> None:
        await release.until(point)
        zombie = scene.workers.pop(0)
        with release.fault():
            os.killpg(zombie.pid, signal.SIGSTOP)
            try:
                await scene.start_worker()
            except BaseException:
                os.killpg(zombie.pid, signal.SIGCONT)
                raise
        scene.workers.append(zombie)
        try:
            await release.ended(within=90)
        finally:
            os.killpg(zombie.pid, signal.SIGCONT)
        await asyncio.sleep(THAWED_SECONDS)

    return inject


THAWED_SECONDS = 3.0
"""Enough for a thawed worker to do what it was about to do."""

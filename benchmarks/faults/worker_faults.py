"""Faults of workers: killed at every event of a history, frozen and thawed."""

from collections.abc import Iterator

from benchmarks.faults.case import Case, Kind
from benchmarks.faults.follower import CANARY, RELEASE
from benchmarks.faults.release import Release
from benchmarks.faults.scene import Scene

KILLED = "worker killed"
EVENTS = {
    Kind.GOOD: {RELEASE: 49, CANARY: 92},
    Kind.BAD: {RELEASE: 49, CANARY: 105},
    Kind.ABORTED: {RELEASE: 58, CANARY: 62},
}
"""How many events the histories of a release of each kind have when nothing goes wrong."""


def cases() -> Iterator[Case]:
    """All of them."""
    for kind, lengths in EVENTS.items():
        for workflow, length in lengths.items():
            for number in range(1, length):
                yield _killed(kind, workflow, number)


def _killed(kind: Kind, workflow: str, number: int) -> Case:
    async def inject(scene: Scene, release: Release) -> None:
        await release.until_event(workflow, number)
        with release.fault():
            await scene.kill_worker()
            await scene.start_worker()

    name = f"{kind}: after event {number} of the {workflow}"
    return Case(name=name, group=KILLED, kind=kind, inject=inject, bounded=number % 9 == 4)

"""Faults of two canaries that go together: at their meeting, in their promotions, to one of them or to both.

Whatever happens, both primaries run the old version in the end, or both the new one.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

from temporalio.service import RPCError

from benchmarks.faults.application import OTHER, PAIR
from benchmarks.faults.case import Case, Inject, Kind
from benchmarks.faults.ends import (
    ABORTED,
    CANCELLED,
    EITHER_END,
    PROMOTED,
    RECOVERED,
    ROLLED_BACK,
    STARTED_AGAIN,
    TERMINATED,
    Expected,
)
from benchmarks.faults.follower import CANARY, Point
from benchmarks.faults.pods import DEPENDENT, while_broken
from benchmarks.faults.proxy import Fault, Mode
from benchmarks.faults.release import FIRST_BAKE, PROMOTE, SCALE_DOWN, Release
from benchmarks.faults.scene import Scene
from benchmarks.faults.strikes import (
    Strike,
    ail,
    at,
    cancel_release,
    event,
    recover,
    replace_worker,
    reset,
    restart_temporal,
    start_again,
    tell,
    terminate_release,
    unless_ended,
)
from benchmarks.faults.wiring import BUDGET_SECONDS, CLUSTERS, OUTAGES, wire
from benchmarks.installation import CLUSTER, NAME
from tidegate.contracts import ABORT, PAUSE, RESUME, STATUS, AbortRequest, CanaryStatus
from tidegate.domain.release import Outcome

__all__ = ["LAYOUT", "cases", "wire"]

LAYOUT = PAIR
GROUP = "a pair"
EVENTS = {CANARY: 170, OTHER: 170}
"""How many events the history of each has when nothing goes wrong, or a few less."""

BACK = ROLLED_BACK | ABORTED
BOUNDED = {
    f"worker killed after event 90 of {OTHER}",
    "worker killed at the meeting",
    "one is terminated at the meeting",
    "workload cluster refused for 15 s at the meeting",
    f"{OTHER} is terminated in its drain",
    f"the primary of {OTHER} fails in its promotion",
    "all are terminated in promote, then recover",
}


def cases() -> Iterator[Case]:
    """All of them."""
    for workflow, length in EVENTS.items():
        for number in range(5, length, 5):
            yield _case(
                f"worker killed after event {number} of {workflow}",
                at(event(workflow, number), replace_worker),
            )
    yield from _at_the_meeting()
    yield from _in_the_drain()
    for step, point in POINTS.items():
        yield from _in_step(step, point)
    broken = _case("both are killed as one of them is broken", at(FIRST_BAKE, replace_worker), ROLLED_BACK)
    yield broken._replace(kind=Kind.BAD)
    yield _case(
        f"the primary of {OTHER} fails in its promotion",
        while_broken(PROMOTE, CLUSTER),
        ROLLED_BACK,
        named=f"{OTHER}-primary (does not become ready|is not ready)",
        container=DEPENDENT,
    )


def _case(name: str, inject: Inject, outcomes: frozenset[Outcome] = frozenset(), **expected: object) -> Case:
    case = Case(
        name=name,
        group=GROUP,
        kind=Kind.GOOD,
        inject=inject,
        outcomes=outcomes,
        may_be_missed=True,
        bounded=name in BOUNDED,
    )
    return case._replace(**expected)  # type: ignore[arg-type]


def _at_the_meeting() -> Iterator[Case]:
    def case(what: str, *strikes: Strike, **expected: Any) -> Case:
        return _case(f"{what} at the meeting", at(_meeting, *strikes, _let_go), **expected)

    yield case("worker killed", replace_worker)
    yield case("Temporal killed", restart_temporal(0.0))
    yield case("Temporal killed for 12 s", restart_temporal(12.0))
    yield case("one is terminated", _terminate(NAME), outcomes=BACK, named="terminated in Temporal")
    yield case(
        "the awaited one is terminated", _terminate(OTHER), outcomes=BACK, named="terminated in Temporal"
    )
    yield case("one is reset", reset(CANARY, FIRST_BAKE), outcomes=EITHER_END)
    yield case("the release is aborted", _abort, outcomes=ABORTED, named="enough")
    yield case("the release is cancelled", cancel_release, side="old", **CANCELLED)
    yield case("the release is terminated", terminate_release, side="old", **TERMINATED)
    for name, outage, expected in _outages(EITHER_END):
        yield case(name, outage, **expected)


def _in_the_drain() -> Iterator[Case]:
    """Both primaries run the new version, and none has ended yet: nobody goes back alone."""
    struck: dict[str, Strike] = {
        "terminated": _terminate(OTHER),
        "cancelled": _cancel,
        "aborted": _abort_one,
        "aborted with its release": _abort,
    }
    for what, strike in struck.items():
        yield _case(
            f"{OTHER} is {what} in its drain",
            at(Point(OTHER, "Drain", "TIMER_STARTED"), strike),
            PROMOTED,
            side="new",
        )


POINTS = {"promote": PROMOTE, "scale-down": SCALE_DOWN}


def _in_step(step: str, point: Point) -> Iterator[Case]:
    """The first one is there; the other may be, or is about to be. By the scale-down nobody goes back."""
    stands = point is SCALE_DOWN
    for name in (NAME, OTHER):
        yield _case(
            f"{name} is terminated in {step}",
            at(point, _terminate(name)),
            PROMOTED if stands else BACK | PROMOTED,
            named="terminated in Temporal",
        )
    yield _case(f"Temporal killed in {step}", at(point, restart_temporal(12.0)))
    yield _case(
        f"all are terminated in {step}, then recover",
        at(point, _terminate_all, recover),
        side="new" if stands else "",
        **RECOVERED,
    )
    yield _case(
        f"all are terminated in {step}, then the next start",
        at(point, _terminate_all, start_again),
        **STARTED_AGAIN,
    )
    for name, outage, expected in _outages(PROMOTED if stands else EITHER_END):
        yield _case(f"{name} in {step}", at(point, outage), **expected)


def _outages(given_up: frozenset[Outcome]) -> Iterator[tuple[str, Strike, Expected]]:
    """With what may come of each; `given_up` where the retries do not outlast it."""
    for (name, (proxy, said)), mode, seconds in product(
        CLUSTERS.items(), (Mode.REFUSED, Mode.HANGING), OUTAGES
    ):
        long: Expected = {"outcomes": given_up, "named": said}
        expected = long if seconds > BUDGET_SECONDS else {"outcomes": PROMOTED}
        yield f"{name} {mode} for {seconds:g} s", ail(proxy, Fault(mode), seconds), expected


async def _meeting(release: Release) -> None:
    """The first one has passed, and waits for the other, which somebody has paused in its first bake."""
    await release.until(Point(OTHER, FIRST_BAKE.label, FIRST_BAKE.type))
    await release.handle_of(OTHER).signal(PAUSE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status: CanaryStatus = await release.canary_handle.query(STATUS, result_type=CanaryStatus)
        if OTHER in status.waiting_for:
            return
        await asyncio.sleep(0.2)
    raise TimeoutError(f"the first one does not wait for the other, but for {status.waiting_for!r}")


async def _let_go(scene: Scene, release: Release) -> None:
    with contextlib.suppress(RPCError):  # it may have gone back by then
        await release.handle_of(OTHER).signal(RESUME)


def _terminate(canary: str) -> Strike:
    async def strike(scene: Scene, release: Release) -> None:
        with unless_ended():
            await release.handle_of(canary).terminate("an operator")

    return strike


async def _cancel(scene: Scene, release: Release) -> None:
    await release.handle_of(OTHER).cancel()


async def _abort_one(scene: Scene, release: Release) -> None:
    await release.handle_of(OTHER).signal(ABORT, AbortRequest(reason="enough"))


async def _terminate_all(scene: Scene, release: Release) -> None:
    for canary in (NAME, OTHER):
        await _terminate(canary)(scene, release)
    with unless_ended():
        await release.handle.terminate("an operator")


async def _abort(scene: Scene, release: Release) -> None:
    await tell(release, ABORT, AbortRequest(reason="enough"))

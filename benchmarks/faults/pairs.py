"""Faults of two canaries that go together: at their meeting, in their promotions, to one of them or to both.

Whatever happens, both primaries run the old version in the end, or both the new one.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from itertools import product

from temporalio.service import RPCError

from benchmarks.faults.application import OTHER, PAIR
from benchmarks.faults.case import Case, Inject, Kind
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
)
from benchmarks.faults.wiring import BUDGET_SECONDS, MESH, WORKLOADS, wire
from benchmarks.installation import CLUSTER, NAME
from tidegate.contracts import ABORT, PAUSE, RESUME, STATUS, AbortRequest, CanaryStatus
from tidegate.domain.release import Outcome

__all__ = ["LAYOUT", "cases", "wire"]

LAYOUT = PAIR
GROUP = "a pair"
EVENTS = {CANARY: 170, OTHER: 170}
"""How many events the history of each has when nothing goes wrong, or a few less."""

OUTAGES = (5.0, BUDGET_SECONDS + 5.0)
NEIGHBOURS = {"mesh control plane": (MESH, "cluster asm"), "workload cluster": (WORKLOADS, "cluster mesh02")}
EITHER_END = frozenset({Outcome.PROMOTED, Outcome.ROLLED_BACK})
BACK = frozenset({Outcome.ROLLED_BACK, Outcome.ABORTED})
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
    yield _case("both are killed as one of them is broken", at(FIRST_BAKE, replace_worker))._replace(
        kind=Kind.BAD, outcomes=frozenset({Outcome.ROLLED_BACK})
    )
    yield _case(
        f"the primary of {OTHER} fails in its promotion",
        while_broken(PROMOTE, CLUSTER),
        frozenset({Outcome.ROLLED_BACK}),
        f"{OTHER}-primary (does not become ready|is not ready)",
    )._replace(container=DEPENDENT)


def _case(
    name: str, inject: Inject, outcomes: frozenset[Outcome] = frozenset(), named: str = "", side: str = ""
) -> Case:
    return Case(
        name=name,
        group=GROUP,
        kind=Kind.GOOD,
        inject=inject,
        outcomes=outcomes,
        named=named,
        side=side,
        may_be_missed=True,
        bounded=name in BOUNDED,
    )


def _at_the_meeting() -> Iterator[Case]:
    def case(
        what: str, *strikes: Strike, outcomes: frozenset[Outcome] = frozenset(), named: str = ""
    ) -> Case:
        return _case(f"{what} at the meeting", at(_meeting, *strikes, _let_go), outcomes, named)

    yield case("worker killed", replace_worker)
    yield case("Temporal killed", restart_temporal(0.0))
    yield case("Temporal killed for 12 s", restart_temporal(12.0))
    yield case("one is terminated", _terminate(NAME), outcomes=BACK, named="terminated in Temporal")
    yield case(
        "the awaited one is terminated", _terminate(OTHER), outcomes=BACK, named="terminated in Temporal"
    )
    yield case("one is reset", reset(CANARY, FIRST_BAKE), outcomes=EITHER_END)
    yield case("the release is aborted", _abort, outcomes=frozenset({Outcome.ABORTED}), named="enough")
    cancelled = case("the release is cancelled", cancel_release, named="cancel")
    yield cancelled._replace(failures=frozenset({"CancelledError"}), side="old")
    terminated = case("the release is terminated", terminate_release, named="terminated")
    yield terminated._replace(failures=frozenset({"TerminatedError"}), side="old")
    for (name, (proxy, said)), mode, seconds in product(
        NEIGHBOURS.items(), (Mode.REFUSED, Mode.HANGING), OUTAGES
    ):
        yield case(
            f"{name} {mode} for {seconds:g} s",
            ail(proxy, Fault(mode), seconds),
            outcomes=EITHER_END,
            named=said if seconds > BUDGET_SECONDS else "",
        )


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
            frozenset({Outcome.PROMOTED}),
            side="new",
        )


POINTS = {"promote": PROMOTE, "scale-down": SCALE_DOWN}


def _in_step(step: str, point: Point) -> Iterator[Case]:
    """The first one is there; the other may be, or is about to be."""
    late = frozenset({Outcome.PROMOTED})
    for name in (NAME, OTHER):
        yield _case(f"{name} is terminated in {step}", at(point, _terminate(name)), BACK | late)
    yield _case(f"Temporal killed in {step}", at(point, restart_temporal(12.0)))
    yield _case(
        f"all are terminated in {step}, then recover",
        at(point, _terminate_all, recover),
        frozenset({Outcome.RECOVERED, Outcome.UNCHANGED}),
    )
    yield _case(
        f"all are terminated in {step}, then the next start",
        at(point, _terminate_all, start_again),
        frozenset({Outcome.PROMOTED, Outcome.UNCHANGED}),
        side="new",
    )
    for (name, (proxy, _)), mode, seconds in product(
        NEIGHBOURS.items(), (Mode.REFUSED, Mode.HANGING), OUTAGES
    ):
        yield _case(
            f"{name} {mode} for {seconds:g} s in {step}",
            at(point, ail(proxy, Fault(mode), seconds)),
            EITHER_END,
        )


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
        await release.handle_of(canary).terminate("an operator")

    return strike


async def _cancel(scene: Scene, release: Release) -> None:
    await release.handle_of(OTHER).cancel()


async def _abort_one(scene: Scene, release: Release) -> None:
    await release.handle_of(OTHER).signal(ABORT, AbortRequest(reason="enough"))


async def _terminate_all(scene: Scene, release: Release) -> None:
    for canary in (NAME, OTHER):
        await release.handle_of(canary).terminate("an operator")
    await release.handle.terminate("an operator")


async def _abort(scene: Scene, release: Release) -> None:
    await tell(release, ABORT, AbortRequest(reason="enough"))

"""Faults of a canary in two workload clusters: of the further one, of what runs there, of worker and server.

Whatever happens, both clusters' primaries run the same version in the end.
"""

from collections.abc import Iterator
from itertools import product

from benchmarks.faults.application import WIDE
from benchmarks.faults.case import USUAL, Case, Inject, Kind
from benchmarks.faults.ends import ABORTED, EITHER_END, PROMOTED, RECOVERED, ROLLED_BACK, STARTED_AGAIN
from benchmarks.faults.follower import CANARY, Point
from benchmarks.faults.pods import (
    DEPENDENT,
    LONG_BAKE,
    NOT_READY,
    canarys_share,
    crash_on,
    while_broken,
    while_harmed,
)
from benchmarks.faults.proxy import Fault, Mode
from benchmarks.faults.release import (
    PLAN,
    PREPARE,
    PROMOTE,
    RESTORE,
    ROUTE_BACK,
    SCALE_DOWN,
    SCALE_UP,
    SECOND_BAKE,
)
from benchmarks.faults.strikes import (
    ail,
    at,
    event,
    recover,
    replace_worker,
    restart_temporal,
    start_again,
    terminate_both,
    terminate_canary,
)
from benchmarks.faults.wiring import BUDGET_SECONDS, OUTAGES, WORKLOADS, wire
from tidegate.domain.release import Outcome
from tidegate.sandbox.inventory import FURTHER

__all__ = ["LAYOUT", "cases", "wire"]

LAYOUT = WIDE
GROUP = "two clusters"
EVENTS = 146
"""How many the history of the canary has when nothing goes wrong, or a few less."""

MODES = (Mode.REFUSED, Mode.HANGING, Mode.BROKEN)
STEPS = {
    "plan": PLAN,
    "prepare": PREPARE,
    "scale-up": SCALE_UP,
    "bake-50": SECOND_BAKE,
    "promote": PROMOTE,
    "route-back": ROUTE_BACK,
    "scale-down": SCALE_DOWN,
}
STEPS_BACK = {"route-back": ROUTE_BACK, "restore": RESTORE}
GIVEN_UP = {
    "plan": EITHER_END | {Outcome.FAILED},
    "prepare": EITHER_END,
    "scale-up": EITHER_END,
    "bake-50": EITHER_END,
    "promote": EITHER_END,
}
"""The ends that are right where an outage outlasts the retries; elsewhere the steps outlast it."""

BOUNDED = {
    "further cluster refused for 5 s in promote of a good release",
    "further cluster hanging for 15 s in route-back of a bad release",
    "pods of the further cluster crash in mid-bake",
    "the primary of the further cluster fails in its promotion",
    "worker killed after event 125",
    "both are terminated in promote, then recover",
}


def cases() -> Iterator[Case]:
    """All of them."""
    for number in range(5, EVENTS, 5):
        yield _case(f"worker killed after event {number}", at(event(CANARY, number), replace_worker))
    for mode, seconds in product(MODES, OUTAGES):
        for step, point in STEPS.items():
            yield _outage(mode, seconds, step, point, Kind.GOOD)
        for (step, point), kind in product(STEPS_BACK.items(), (Kind.BAD, Kind.ABORTED)):
            yield _outage(mode, seconds, step, point, kind)
    for step in ("promote", "scale-down"):
        yield from _operated(step, STEPS[step])
    yield _case(
        "destination refused for 15 s in promote",
        at(PROMOTE, ail(WORKLOADS, Fault(Mode.REFUSED), OUTAGES[-1])),
        outcomes=EITHER_END,
        named="cluster mesh02",
        may_be_missed=True,
    )
    yield _case(
        "pods of the further cluster crash in mid-bake",
        while_harmed(lambda application: crash_on(application, FURTHER)),
        outcomes=ROLLED_BACK,
        named=rf"{FURTHER}: .*({NOT_READY}|success rate \S+ <)",
        allowed=canarys_share,
        analysis=LONG_BAKE,
    )
    yield _case(
        "the primary of the further cluster fails in its promotion",
        while_broken(PROMOTE, FURTHER),
        outcomes=ROLLED_BACK,
        named=f"{FURTHER}.*podinfo-primary (does not become ready|is not ready)",
        container=DEPENDENT,
    )


def _case(name: str, inject: Inject, kind: Kind = Kind.GOOD, **expected: object) -> Case:
    case = Case(name=name, group=GROUP, kind=kind, inject=inject, bounded=name in BOUNDED)
    return case._replace(**expected)  # type: ignore[arg-type]


def _outage(mode: Mode, seconds: float, step: str, point: Point, kind: Kind) -> Case:
    usual, too_long = frozenset({USUAL[kind]}), seconds > BUDGET_SECONDS
    return _case(
        f"further cluster {mode} for {seconds:g} s in {step} of a {kind} release",
        at(point, ail(FURTHER, Fault(mode), seconds)),
        kind=kind,
        outcomes=GIVEN_UP.get(step, usual) if too_long and kind is Kind.GOOD else usual,
        named=f"cluster {FURTHER}",
        may_be_missed=True,
    )


def _operated(step: str, point: Point) -> Iterator[Case]:
    yield _case(f"Temporal killed in {step}", at(point, restart_temporal(12.0)))
    yield _case(
        f"canary is terminated in {step}",
        at(point, terminate_canary),
        outcomes=ABORTED | PROMOTED,
        named="terminated in Temporal",
        may_be_missed=True,
    )
    yield _case(
        f"both are terminated in {step}, then recover",
        at(point, terminate_both, recover),
        side="new" if point is SCALE_DOWN else "",
        **RECOVERED,
    )
    yield _case(
        f"both are terminated in {step}, then the next start",
        at(point, terminate_both, start_again),
        **STARTED_AGAIN,
    )

"""Faults of neighbours: each of them ill in each way, for a moment or for longer than the retries."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

from benchmarks.faults.case import RELEASES, USUAL, Case, Kind
from benchmarks.faults.ends import EITHER_END, PROMOTED, ROLLED_BACK
from benchmarks.faults.follower import Point
from benchmarks.faults.proxy import Fault, FaultProxy, Mode
from benchmarks.faults.release import STAGES, STAGES_BACK, Release
from benchmarks.faults.scene import Scene
from benchmarks.faults.strikes import ail, at
from benchmarks.faults.wiring import GIT, LOAD, MESH, OUTAGES, PROMETHEUS, WORKLOADS, proxies_of, wire
from tidegate.domain.release import Outcome

__all__ = ["cases", "wire"]

MOMENT_SECONDS, TOO_LONG_SECONDS = OUTAGES
DELAY_SECONDS = 2.0
"""Of each answer of a slow neighbour."""

FIRST = "resolve"
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MODES = (Mode.REFUSED, Mode.HANGING, Mode.RESET, Mode.BROKEN, Mode.THROTTLED, Mode.SLOW, Mode.UNTOLD)
LOAD_HOOK = {
    "name": "load-test",
    "url": "http://loadtester.test/",
    "timeout": "3s",
    "metadata": {"type": "bash", "cmd": "true"},
}


class Neighbour(NamedTuple):
    """A neighbour: its name in cases and how errors call it, its proxy, and the stages in which it is asked.

    `given_up` are the ends that are right when it is ill for too long, by the stage where that began; where a
    stage is not named, the step outlasts it. `modes`: the illnesses that it can have.
    """

    name: str
    said: str
    proxy: str
    stages: tuple[str, ...]
    stages_back: tuple[str, ...] = ()
    given_up: dict[str, frozenset[Outcome]] = {}
    momentary: frozenset[Outcome] = frozenset()
    analysis: dict[str, Any] | None = None


_NOTHING_DONE = frozenset({Outcome.FAILED})
_MISSED = PROMOTED
"""A step of a few milliseconds may be over before its neighbour is ill; those after it are more patient."""

NEIGHBOURS = (
    Neighbour(
        name="mesh control plane",
        said="cluster asm",
        proxy=MESH,
        stages=("survey", "prepare", "route-25", "bake-25", "route-50", "promote", "route-back"),
        stages_back=("route-back",),
        given_up={"survey": _NOTHING_DONE}
        | dict.fromkeys(("route-25", "bake-25", "route-50"), ROLLED_BACK)
        | {"prepare": EITHER_END, "promote": EITHER_END},
    ),
    Neighbour(
        name="workload cluster",
        said="cluster mesh02",
        proxy=WORKLOADS,
        stages=(
            "survey",
            "sync",
            "health",
            "plan",
            "prepare",
            "scale-up",
            "bake-50",
            "promote",
            "scale-down",
        ),
        stages_back=("route-back", "restore", "scale-down"),
        given_up={"survey": _NOTHING_DONE, "bake-50": EITHER_END}
        | dict.fromkeys(("health", "plan"), _NOTHING_DONE | _MISSED),
    ),
    Neighbour(
        name="Prometheus",
        said="Prometheus http://127.0.0.1",
        proxy=PROMETHEUS,
        stages=("bake-25", "bake-50"),
        given_up={"bake-25": ROLLED_BACK, "bake-50": EITHER_END},
    ),
    Neighbour(
        name="load tester",
        said="loadtester.test",
        proxy=LOAD,
        stages=("bake-25", "bake-50"),
        given_up=dict.fromkeys(("bake-25", "bake-50"), ROLLED_BACK),
        momentary=EITHER_END,
        analysis={"webhooks": [LOAD_HOOK]},
    ),
    Neighbour(name="Git", said="Git repository https://127.0.0.1", proxy=GIT, stages=("resolve",)),
)

BOUNDED = {
    ("mesh control plane", Mode.REFUSED, "route-50", Kind.GOOD, False),
    ("mesh control plane", Mode.THROTTLED, "route-25", Kind.GOOD, False),
    ("mesh control plane", Mode.HANGING, "route-back", Kind.GOOD, True),
    ("mesh control plane", Mode.HANGING, "route-25", Kind.GOOD, True),
    ("mesh control plane", Mode.REFUSED, "route-back", Kind.ABORTED, True),
    ("mesh control plane", Mode.HANGING, "route-back", Kind.BAD, True),
    ("mesh control plane", Mode.SLOW, "route-back", Kind.BAD, False),
    ("workload cluster", Mode.REFUSED, "promote", Kind.GOOD, False),
    ("workload cluster", Mode.HANGING, "scale-up", Kind.GOOD, False),
    ("workload cluster", Mode.BROKEN, "restore", Kind.ABORTED, True),
    ("workload cluster", Mode.RESET, "sync", Kind.GOOD, False),
    ("workload cluster", Mode.THROTTLED, "plan", Kind.GOOD, True),
    ("Prometheus", Mode.BROKEN, "bake-25", Kind.GOOD, False),
    ("Prometheus", Mode.HANGING, "bake-25", Kind.GOOD, True),
    ("load tester", Mode.HANGING, "bake-25", Kind.GOOD, True),
    ("load tester", Mode.UNTOLD, "bake-50", Kind.GOOD, False),
    ("Git", Mode.REFUSED, "resolve", Kind.GOOD, False),
    ("Git", Mode.HANGING, "resolve", Kind.GOOD, False),
}
"""What is run without --all."""


def cases() -> Iterator[Case]:
    """All of them."""
    for kind in RELEASES:
        yield from _untold(kind)
    for neighbour, mode, too_long in product(NEIGHBOURS, MODES, (False, True)):
        for kind in RELEASES:
            names = neighbour.stages if kind is Kind.GOOD else neighbour.stages_back
            points = STAGES if kind is Kind.GOOD else STAGES_BACK
            for stage in names:
                yield _outage(neighbour, mode, kind, stage, points[stage], too_long)


def _outage(neighbour: Neighbour, mode: Mode, kind: Kind, stage: str, point: Point, too_long: bool) -> Case:
    seconds = TOO_LONG_SECONDS if too_long else MOMENT_SECONDS
    usual, fault = frozenset({USUAL[kind]}), Fault(mode, seconds=DELAY_SECONDS)
    outcomes = neighbour.given_up.get(stage, usual) if too_long else neighbour.momentary or usual
    if mode is Mode.SLOW or kind is not Kind.GOOD:
        outcomes = usual
    bounded = (neighbour.name, mode, stage, kind, too_long) in BOUNDED
    return Case(
        name=f"{neighbour.name} {mode} for {seconds:g} s in {stage} of a {kind} release",
        group="neighbours",
        kind=kind,
        inject=at(point, ail(neighbour.proxy, fault, seconds)),
        # Where a fault strikes to the millisecond is certain in the bounded choice alone.
        outcomes=outcomes | usual if mode in (Mode.RESET, Mode.UNTOLD) or not bounded else outcomes,
        named="" if mode is Mode.SLOW else neighbour.said,
        analysis=neighbour.analysis,
        prepare=_beforehand(neighbour.proxy, fault) if stage == FIRST else None,
        may_be_missed=not bounded,
        bounded=bounded,
    )


def _beforehand(proxy: str, fault: Fault) -> Callable[[Scene], Awaitable[None]]:
    """The first stage may be over before its event is seen."""

    async def prepare(scene: Scene) -> None:
        await proxies_of(scene)[proxy].inject(fault)

    return prepare


def _untold(kind: Kind) -> Iterator[Case]:
    """Every first write of a release is done, and nobody is told."""
    fault = Fault(Mode.UNTOLD, methods=WRITES, once_each=True)

    async def inject(scene: Scene, release: Release) -> None:
        asked: list[FaultProxy] = [proxies_of(scene)[name] for name in (MESH, WORKLOADS)]
        with release.fault():
            for proxy in asked:
                await proxy.inject(fault)
            await release.ended(within=90)
            for proxy in asked:
                await proxy.heal()
        if not all(proxy.struck for proxy in asked):
            raise RuntimeError("no write went through the proxies")

    yield Case(
        name=f"the answer to the first write of every object is lost in a {kind} release",
        group="neighbours",
        kind=kind,
        inject=inject,
        named="reset by peer|without response|out of reach",
    )

"""Faults of the Temporal server: killed and started again on its database, or frozen, in each stage."""

from collections.abc import Iterator

from benchmarks.faults.case import Case, Kind
from benchmarks.faults.follower import Point
from benchmarks.faults.release import STAGES, STAGES_BACK
from benchmarks.faults.strikes import at, restart_temporal

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
    return Case(
        name=name, group=KILLED, kind=kind, inject=at(point, restart_temporal(seconds)), bounded=bounded
    )

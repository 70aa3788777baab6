"""Faults of an uninstallation: its worker, Temporal, the clusters, other writers, operators.

Whatever became of a run that was cut off, it is run again, and then the owner has everything back. No
request fails at any time.
"""

from collections.abc import Iterator
from itertools import product

from benchmarks.faults.application import Layout
from benchmarks.faults.case import Case, Inject, Kind
from benchmarks.faults.follower import RELEASE, Point
from benchmarks.faults.proxy import Fault, Mode
from benchmarks.faults.release import Release
from benchmarks.faults.scene import Scene
from benchmarks.faults.strikes import (
    ail,
    at,
    cancel_release,
    event,
    replace_worker,
    restart_temporal,
    terminate_release,
    uninstall_again,
)
from benchmarks.faults.wiring import CLUSTERS, OUTAGES, wire
from benchmarks.faults.writers import own_routes
from benchmarks.installation import CLUSTER, NotMeasured
from tidegate.domain.release import Outcome
from tidegate.sandbox.client import SERVICES

__all__ = ["LAYOUT", "cases", "wire"]

LAYOUT = Layout(adopted=True)
GROUP = "uninstallation"
STEPS = {
    "find": Point(RELEASE, "Find canaries"),
    "raise": Point(RELEASE, "Raise target"),
    "hand-over": Point(RELEASE, "Hand "),
    "drain": Point(RELEASE, "Drain", "TIMER_STARTED"),
    "remove": Point(RELEASE, "Remove what"),
}
"""Where a fault strikes, in order."""

EVENTS = range(3, 43, 3)
"""A spread of those of its history."""

BOUNDED = {
    "worker killed after event 33",
    "Temporal killed in raise, back after 12 s",
    "mesh control plane refused for 15 s in hand-over",
    "cancelled in raise",
    "terminated in drain",
    "another writer leads the Service to the primary in drain",
    "worker killed in raise after a release that failed",
}


def cases() -> Iterator[Case]:
    """All of them."""
    for number in EVENTS:
        yield _case(f"worker killed after event {number}", at(event(RELEASE, number), replace_worker))
    for step, point in STEPS.items():
        yield _case(f"worker killed in {step}", at(point, replace_worker))
        for seconds, back in ((0.0, "at once"), (12.0, "after 12 s")):
            yield _case(f"Temporal killed in {step}, back {back}", at(point, restart_temporal(seconds)))
        yield _case(f"cancelled in {step}", at(point, cancel_release, uninstall_again))
        yield _case(f"terminated in {step}", at(point, terminate_release, uninstall_again))
        yield _case(
            f"another writer replaces the routes by their own in {step}", at(point, _reroute, uninstall_again)
        )
        if step != "remove":  # by then nobody looks any more
            yield _case(
                f"another writer leads the Service to the primary in {step}",
                at(point, _reselect, uninstall_again),
            )
    for name, step, mode, seconds in product(
        CLUSTERS, STEPS, (Mode.REFUSED, Mode.HANGING, Mode.BROKEN), OUTAGES
    ):
        if step != "drain":
            yield _outage(name, step, mode, seconds)
    for step in ("raise", "hand-over", "remove"):
        name = f"worker killed in {step} after a release that failed"
        yield _case(name, at(STEPS[step], replace_worker))._replace(prepare=_fail)


def _case(name: str, inject: Inject, named: str = "", may_be_missed: bool = False) -> Case:
    return Case(
        name=name,
        group=GROUP,
        kind=Kind.UNINSTALLED,
        inject=inject,
        # The run that was cut off may have been done with all but its end.
        outcomes=frozenset({Outcome.UNINSTALLED, Outcome.UNCHANGED}),
        named=named,
        may_be_missed=may_be_missed,
        bounded=name in BOUNDED,
    )


def _outage(name: str, step: str, mode: Mode, seconds: float) -> Case:
    proxy, said = CLUSTERS[name]
    return _case(
        f"{name} {mode} for {seconds:g} s in {step}",
        at(STEPS[step], ail(proxy, Fault(mode), seconds), uninstall_again),
        named=said,
        may_be_missed=True,
    )


async def _fail(scene: Scene) -> None:
    """Release a version that does not pass, so that the target is not what serves."""
    release = await scene.begin(Kind.BAD)
    await release.ended(within=60)
    await release.follower.stop()
    if release.outcome is None or release.outcome.outcome is not Outcome.ROLLED_BACK:
        raise NotMeasured(f"the release was not rolled back: {release.said()}")


async def _reselect(scene: Scene, release: Release) -> None:
    canary = release.application.canary
    metadata = {"name": canary.name, "namespace": canary.namespace}
    patch = {"spec": {"selector": {"app": canary.primary}}}
    await scene.world.clients[CLUSTER].patch(SERVICES, {"metadata": metadata}, patch)


async def _reroute(scene: Scene, release: Release) -> None:
    await own_routes(release.application)

"""Faults while a release waits in a gate: for the load tester's consent, or for people's."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import product

from benchmarks.faults.case import Case, Kind, all_allowed, none_allowed
from benchmarks.faults.ends import ABORTED, CANCELLED, PROMOTED, RECOVERED, ROLLED_BACK, TERMINATED
from benchmarks.faults.follower import CANARY, Seen
from benchmarks.faults.gate import APPROVAL, BOTH, GATES, INCREASE, PROMOTION, ROLLOUT, Gate, heard_during
from benchmarks.faults.pods import canarys_share
from benchmarks.faults.proxy import Fault, Mode
from benchmarks.faults.release import FIRST_BAKE, LAST, PLAN, Release
from benchmarks.faults.scene import Scene
from benchmarks.faults.strikes import (
    SIGNALS,
    Strike,
    ail,
    at,
    cancel_canary,
    cancel_release,
    event,
    recover,
    replace_worker,
    reset,
    restart_temporal,
    start_again,
    tell,
    terminate_both,
    terminate_canary,
    terminate_release,
)
from benchmarks.faults.wiring import LOAD, OUTAGES, wire
from benchmarks.faults.writers import WRITERS, Writer, even_weights
from benchmarks.gateway import Answer
from tidegate.contracts import APPROVE, PAUSE, RESUME, ApprovedGate, ApproveRequest
from tidegate.domain.release import Outcome

__all__ = ["cases", "wire"]

GROUP = "gates"
ILL = r"loadtester\.test\S* (is out of reach|answered 50\d)|cluster mesh01 is out of reach"
"""What a gate says of a load tester that is ill; one that is well and closed has answered 403."""

EVENTS = range(14, 64, 7)
"""Of the canary that waits in its first gate, which is asked again and again."""

BOUNDED = {
    "worker killed as confirm-promotion opens",
    "Temporal killed in confirm-rollout, back after 12 s",
    "load tester hanging for 15 s in confirm-rollout",
    "release cancelled in confirm-promotion",
    "both terminated in approvals before promotion, then recover",
    "storm of approve, pause and resume in the first of two gates",
    "another writer edits the target's template in confirm-rollout",
}


def cases() -> Iterator[Case]:
    """All of them."""
    for gate in GATES:
        yield from _killed(gate)
        yield from _operated(gate)
    for number in EVENTS:
        yield _case(
            f"worker killed after event {number} of the canary in {ROLLOUT.name}",
            ROLLOUT,
            at(event(CANARY, number), replace_worker, ROLLOUT.open_in_the_end),
        )
    for gate, mode, seconds in product(GATES, (Mode.REFUSED, Mode.HANGING, Mode.BROKEN), OUTAGES):
        if gate is not APPROVAL:
            yield _outage(gate, mode, seconds)
    yield _case("storm of approve, pause and resume in the first of two gates", BOTH, _storm)
    for writer in WRITERS:
        for gate in WRITTEN_IN.get(writer.name, ()):
            yield _written(writer, gate)


def _case(
    name: str,
    gate: Gate,
    inject: Callable[[Scene, Release], Awaitable[None]],
    outcomes: frozenset[Outcome] = PROMOTED,
    **expected: object,
) -> Case:
    case = Case(
        name=name,
        group=GROUP,
        kind=Kind.GOOD,
        inject=inject,
        outcomes=outcomes,
        analysis=gate.analysis,
        policy=gate.policy,
        prepare=gate.close,
        bounded=name in BOUNDED,
    )
    return case._replace(**expected)  # type: ignore[arg-type]


def _killed(gate: Gate) -> Iterator[Case]:
    def in_gate(name: str, strike: Strike) -> Case:
        return _case(f"{name} in {gate.name}", gate, at(gate.waits, strike, gate.open_in_the_end))

    yield in_gate("worker killed", replace_worker)
    yield _case(f"worker killed as {gate.name} opens", gate, at(gate.waits, _as_it_opens(gate)))
    yield _case(f"Temporal killed as {gate.name} opens", gate, at(gate.waits, _opened_before(gate)))
    for seconds in (0.0, 12.0):
        back = f"back {f'after {seconds:g} s' if seconds else 'at once'}"
        case = in_gate("Temporal killed", restart_temporal(seconds))
        yield case._replace(name=f"{case.name}, {back}", bounded=f"{case.name}, {back}" in BOUNDED)


def _as_it_opens(gate: Gate) -> Strike:
    async def strike(scene: Scene, release: Release) -> None:
        await asyncio.gather(gate.open(scene, release), scene.kill_worker())
        await scene.start_worker()

    return strike


def _opened_before(gate: Gate) -> Strike:
    async def strike(scene: Scene, release: Release) -> None:
        await gate.open(scene, release)
        await restart_temporal(0.0)(scene, release)

    return strike


def _operated(gate: Gate) -> Iterator[Case]:
    def operated(what: str, *strikes: Strike, then: str = "", **expected: object) -> Case:
        name = f"{what} in {gate.name}{then}"
        return _case(name, gate, at(gate.waits, *strikes), **expected)  # type: ignore[arg-type]

    yield operated("release cancelled", cancel_release, side="old", **CANCELLED)
    yield operated("canary cancelled", cancel_canary, outcomes=ABORTED, named="cancelled in Temporal")
    yield operated("canary terminated", terminate_canary, outcomes=ABORTED, named="terminated in Temporal")
    yield operated("release terminated", terminate_release, side="old", **TERMINATED)
    yield operated(
        "both terminated",
        terminate_both,
        start_again,
        gate.open_in_the_end,
        then=", then the next start",
        side="new",
    )
    yield operated("both terminated", terminate_both, recover, then=", then recover", side="old", **RECOVERED)
    yield operated("canary reset", reset(CANARY, PLAN), gate.open_in_the_end, then=" to its start")
    if gate.mid_analysis:
        yield operated(
            "canary reset", reset(CANARY, FIRST_BAKE), gate.open_in_the_end, then=" to its first bake"
        )


def _outage(gate: Gate, mode: Mode, seconds: float) -> Case:
    return _case(
        f"load tester {mode} for {seconds:g} s in {gate.name}",
        gate,
        at(gate.waits, heard_during(ail(LOAD, Fault(mode), seconds)), gate.open_in_the_end),
        named=ILL,
    )


async def _storm(scene: Scene, release: Release) -> None:
    """Whoever approves of the first gate, however often, has not approved of the second."""
    first = await BOTH.waits(release)
    approval = ApproveRequest(gates=(ApprovedGate(gate=first),), by="everybody")
    with release.fault():
        await asyncio.gather(*(tell(release, PAUSE) for _ in range(SIGNALS // 3)))
        await asyncio.gather(*(tell(release, APPROVE, approval) for _ in range(SIGNALS // 3)))
        await asyncio.gather(*(tell(release, RESUME) for _ in range(SIGNALS // 3)))
    await PROMOTION.waits(release)
    await asyncio.gather(*(tell(release, APPROVE, approval) for _ in range(SIGNALS // 3)))
    await PROMOTION.open_in_the_end(scene, release)


WRITTEN_IN = {
    "sets the weights to 50/50": (ROLLOUT, INCREASE),
    "deletes the VirtualService": (ROLLOUT, PROMOTION),
    "scales the target up": (ROLLOUT, PROMOTION),
    "edits the target's template": (ROLLOUT, INCREASE, PROMOTION, APPROVAL),
    "deletes the target": (ROLLOUT, PROMOTION),
    "edits the primary's template": (ROLLOUT, PROMOTION),
    "deletes the primary": (PROMOTION,),
}
"""By another writer: the gates in which they do it."""


def _written(writer: Writer, gate: Gate) -> Case:
    async def harm(scene: Scene, release: Release) -> None:
        await writer.harm(release.application)

    async def opened(scene: Scene, release: Release) -> None:
        await _stood(release)
        if not gate.approvers:
            await gate.open(scene, release)
        for who in gate.approvers:
            await tell(release, APPROVE, ApproveRequest(by=who))

    noticed = gate.mid_analysis or writer.target_lost
    return _case(
        f"another writer {writer.name} in {gate.name}",
        gate,
        at(gate.waits, harm, opened),
        outcomes=ROLLED_BACK if writer.target_lost else writer.ends,
        named=f"{writer.said}|does not exist" if writer.said and noticed else "",
        allowed=_unavoidable(writer, gate),
        target_lost=writer.target_lost,
    )


def _unavoidable(writer: Writer, gate: Gate) -> Callable[[Answer], bool]:
    """Before the scale-up nothing is the canary's, until somebody gives it half of the traffic."""
    if gate is ROLLOUT and writer.harm is even_weights:
        return canarys_share
    spared = gate is ROLLOUT and writer.target_lost
    return all_allowed if writer.unavoidable and not spared else none_allowed


async def _stood(release: Release) -> None:
    """Wait until two bakes or questions that began after the harm are over, or the canary is."""
    last = release.follower.of(CANARY)[-1].number

    def over(event: Seen) -> bool:
        since = [each for each in release.follower.of(CANARY) if last < each.number <= event.number]
        begun = sum(each.type == "TIMER_STARTED" for each in since)
        return event.workflow == CANARY and (begun > 2 or any(each.type in LAST for each in since))

    await release.follower.until(over)

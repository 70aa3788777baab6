"""Faults by operators: cancel, terminate, reset, a storm of signals, two starts at once, in each stage."""

import asyncio
from collections.abc import Iterator

from benchmarks.faults.case import COMPARED, UNTESTED, Case, Kind
from benchmarks.faults.ends import ABORTED, CANCELLED, PROMOTED, RECOVERED, STARTED_AGAIN, TERMINATED
from benchmarks.faults.follower import CANARY, RELEASE
from benchmarks.faults.release import FIRST_BAKE, PREPARE, STAGES, Release
from benchmarks.faults.scene import TASK_QUEUE, Scene
from benchmarks.faults.strikes import (
    at,
    cancel_canary,
    cancel_release,
    pause_and_resume,
    recover,
    reset,
    start_again,
    storm_with_abort,
    terminate_both,
    terminate_canary,
    terminate_release,
)
from tidegate.cli.submission import submit
from tidegate.domain.release import Outcome

CANCELS, TERMINATES, RESETS = "cancelled in Temporal", "terminated in Temporal", "reset in Temporal"
STORM, STARTS = "storm of signals", "starts at once"
STARTERS = 5

LAST = "scale-down"
"""By then the promotion is final. A canary that is cancelled there ends as ever, and does not say so."""

OF_CANARY = [name for name, point in STAGES.items() if point.workflow == CANARY]
BOUNDED = {"sync", "bake-25", "promote", "scale-down"}


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _cancellations()
    yield from _terminations()
    yield from _terminations_beside()
    yield from _resets()
    yield from _storms()
    yield from _starts()


def _cancellations() -> Iterator[Case]:
    for name, point in STAGES.items():
        yield Case(
            f"release, in {name}",
            CANCELS,
            Kind.GOOD,
            at(point, cancel_release),
            side="new" if name == LAST else "old",
            bounded=name in BOUNDED,
            **CANCELLED,
        )
    for name in OF_CANARY:
        yield Case(
            f"canary, in {name}",
            CANCELS,
            Kind.GOOD,
            at(STAGES[name], cancel_canary),
            outcomes=PROMOTED if name == LAST else ABORTED,
            named="" if name == LAST else "cancelled in Temporal",
            bounded=name in BOUNDED,
        )


def _terminations() -> Iterator[Case]:
    for name in OF_CANARY:
        point, bounded = STAGES[name], name in BOUNDED
        yield Case(
            f"canary, in {name}",
            TERMINATES,
            Kind.GOOD,
            at(point, terminate_canary),
            outcomes=ABORTED | PROMOTED if name == LAST else ABORTED,
            named="terminated in Temporal",
            bounded=bounded,
        )
        yield Case(
            f"release, in {name}",
            TERMINATES,
            Kind.GOOD,
            at(point, terminate_release),
            bounded=bounded,
            **(TERMINATED | ({"side": "new", "named": ""} if name == LAST else {"side": "old"})),
        )
        yield Case(
            f"both, in {name}, then the next start",
            TERMINATES,
            Kind.GOOD,
            at(point, terminate_both, start_again),
            bounded=bounded,
            **STARTED_AGAIN,
        )
        yield Case(
            f"both, in {name}, then recover",
            TERMINATES,
            Kind.GOOD,
            at(point, terminate_both, recover),
            side="new" if name == LAST else "",
            bounded=bounded,
            **RECOVERED,
        )


def _terminations_beside() -> Iterator[Case]:
    """Nobody is left who knows of the baseline but what stands on the clusters."""
    ends = {
        "the next start": (start_again, PROMOTED, "new", ""),
        "recover": (recover, frozenset({Outcome.RECOVERED}), "old", "put right"),
    }
    for name, (then, outcomes, side, named) in ends.items():
        yield Case(
            f"both, in bake-25 beside a baseline, then {name}",
            TERMINATES,
            Kind.GOOD,
            at(STAGES["bake-25"], terminate_both, then),
            outcomes=outcomes,
            side=side,
            named=named,
            analysis=UNTESTED,
            policy=COMPARED,
            bounded=name == "recover",
        )


def _resets() -> Iterator[Case]:
    after = ("bake-25", "bake-50", "promote", "route-back", "scale-down")
    ends = frozenset({Outcome.PROMOTED, Outcome.ABORTED, Outcome.ROLLED_BACK, Outcome.FAILED})
    for name in after:
        # The promotion may be final by then, and a run that begins again has nothing left to do.
        final = frozenset({Outcome.UNCHANGED} if name in ("route-back", "scale-down") else ())
        for workflow, to in ((CANARY, PREPARE), (CANARY, FIRST_BAKE), (RELEASE, STAGES["survey"])):
            yield Case(
                f"{workflow}, in {name}, to {to.label or 'its start'}",
                RESETS,
                Kind.GOOD,
                at(STAGES[name], reset(workflow, to)),
                outcomes=ends | final,
                bounded=name in ("bake-50", "promote"),
            )


def _storms() -> Iterator[Case]:
    for name in ("resolve", "sync", "scale-up", "bake-25", "promote", "scale-down"):
        yield Case(f"pause and resume, in {name}", STORM, Kind.GOOD, at(STAGES[name], pause_and_resume))
    yield Case(
        "pause and resume, with an abort among them",
        STORM,
        Kind.GOOD,
        at(FIRST_BAKE, storm_with_abort),
        outcomes=ABORTED,
        named="enough",
        analysis={"interval": "60s"},
    )


def _starts() -> Iterator[Case]:
    for name in ("resolve", "bake-25", "promote"):
        yield Case(f"same revision, in {name}", STARTS, Kind.GOOD, at(STAGES[name], _start_same))
        yield Case(f"other revisions, in {name}", STARTS, Kind.GOOD, at(STAGES[name], _start_others))


async def _start_same(scene: Scene, release: Release) -> None:
    request = scene.application.request(release.sha)
    answers = await asyncio.gather(
        *(submit(scene.client, request, TASK_QUEUE, lambda: None) for _ in range(STARTERS))
    )
    strangers = {answer.run_id for answer in answers} - {release.run_id}
    if strangers:
        raise AssertionError(f"the same revision started other runs: {strangers}")


async def _start_others(scene: Scene, release: Release) -> None:
    """Several pipelines start at once, and each supersedes: one of them is the last, and is released."""
    requests = []
    for _ in range(STARTERS):
        sha, _version = await scene.commit(Kind.GOOD)
        requests.append(scene.application.request(sha))
    await asyncio.gather(*(submit(scene.client, each, TASK_QUEUE, lambda: None) for each in requests))

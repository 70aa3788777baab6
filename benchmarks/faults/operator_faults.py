"""Faults by operators: cancel, terminate, reset, a storm of signals, two starts at once, in each stage."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.service import RPCError, RPCStatusCode

from benchmarks.faults.case import COMPARED, UNTESTED, Case, Inject, Kind
from benchmarks.faults.follower import CANARY, RELEASE, Point
from benchmarks.faults.release import FIRST_BAKE, PREPARE, STAGES, Release
from benchmarks.faults.scene import TASK_QUEUE, Scene
from tidegate.cli.submission import submit
from tidegate.contracts import ABORT, PAUSE, RESUME, AbortRequest, Mode, OnConflict
from tidegate.domain.release import Outcome

CANCELLED, TERMINATED, RESET = "cancelled in Temporal", "terminated in Temporal", "reset in Temporal"
STORM, STARTS = "storm of signals", "starts at once"
SIGNALS = 300
STARTERS = 5

Strike = Callable[[Scene, Release], Awaitable[None]]
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
    promoted = frozenset({Outcome.PROMOTED})
    for name, point in STAGES.items():
        last = name == "scale-down"
        yield Case(
            f"release, in {name}",
            CANCELLED,
            Kind.GOOD,
            _at(point, _cancel_release),
            failures=frozenset({"CancelledError"}),
            side="new" if last else "old",
            named="cancel",
            bounded=name in BOUNDED,
        )
    for name in OF_CANARY:
        last = name == "scale-down"
        yield Case(
            f"canary, in {name}",
            CANCELLED,
            Kind.GOOD,
            _at(STAGES[name], _cancel_canary),
            outcomes=frozenset({Outcome.ABORTED}) | (promoted if last else frozenset()),
            named="cancel",
            bounded=name in BOUNDED,
        )


def _terminations() -> Iterator[Case]:
    for name in OF_CANARY:
        point, bounded = STAGES[name], name in BOUNDED
        late = frozenset({Outcome.PROMOTED}) if name == "scale-down" else frozenset()
        yield Case(
            f"canary, in {name}",
            TERMINATED,
            Kind.GOOD,
            _at(point, _terminate_canary),
            outcomes=frozenset({Outcome.ABORTED}) | late,
            named="terminated in Temporal",
            bounded=bounded,
        )
        yield Case(
            f"release, in {name}",
            TERMINATED,
            Kind.GOOD,
            _at(point, _terminate_release),
            failures=frozenset({"TerminatedError"}),
            side="new" if name == "scale-down" else "old",
            named="terminated",
            bounded=bounded,
        )
        yield Case(
            f"both, in {name}, then the next start",
            TERMINATED,
            Kind.GOOD,
            _at(point, _terminate_both, _start_again),
            outcomes=frozenset({Outcome.PROMOTED, Outcome.UNCHANGED}),
            side="new",
            bounded=bounded,
        )
        yield Case(
            f"both, in {name}, then recover",
            TERMINATED,
            Kind.GOOD,
            _at(point, _terminate_both, _recover),
            outcomes=frozenset({Outcome.RECOVERED, Outcome.UNCHANGED}),
            named="put right|nothing was wrong",
            bounded=bounded,
        )


def _terminations_beside() -> Iterator[Case]:
    """Nobody is left who knows of the baseline but what stands on the clusters."""
    ends = {
        "the next start": (_start_again, frozenset({Outcome.PROMOTED}), "new", ""),
        "recover": (_recover, frozenset({Outcome.RECOVERED}), "old", "put right"),
    }
    for name, (then, outcomes, side, named) in ends.items():
        yield Case(
            f"both, in bake-25 beside a baseline, then {name}",
            TERMINATED,
            Kind.GOOD,
            _at(STAGES["bake-25"], _terminate_both, then),
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
                RESET,
                Kind.GOOD,
                _at(STAGES[name], _reset(workflow, to)),
                outcomes=ends | final,
                bounded=name in ("bake-50", "promote"),
            )


def _storms() -> Iterator[Case]:
    for name in ("resolve", "sync", "scale-up", "bake-25", "promote", "scale-down"):
        yield Case(f"pause and resume, in {name}", STORM, Kind.GOOD, _at(STAGES[name], _pause_and_resume))
    yield Case(
        "pause and resume, with an abort among them",
        STORM,
        Kind.GOOD,
        _at(FIRST_BAKE, _storm_with_abort),
        outcomes=frozenset({Outcome.ABORTED}),
        named="enough",
        analysis={"interval": "60s"},
    )


def _starts() -> Iterator[Case]:
    for name in ("resolve", "bake-25", "promote"):
        yield Case(f"same revision, in {name}", STARTS, Kind.GOOD, _at(STAGES[name], _start_same))
        yield Case(f"other revisions, in {name}", STARTS, Kind.GOOD, _at(STAGES[name], _start_others))


def _at(point: Point, *strikes: Strike) -> Inject:
    """At the point, the first strike is the fault; those after it are what an operator does about it."""

    async def inject(scene: Scene, release: Release) -> None:
        await release.until(point)
        with release.fault():
            await strikes[0](scene, release)
        for strike in strikes[1:]:
            await strike(scene, release)

    return inject


async def _cancel_release(scene: Scene, release: Release) -> None:
    await release.handle.cancel()


async def _cancel_canary(scene: Scene, release: Release) -> None:
    await release.canary_handle.cancel()


async def _terminate_release(scene: Scene, release: Release) -> None:
    await release.handle.terminate("an operator")


async def _terminate_canary(scene: Scene, release: Release) -> None:
    await release.canary_handle.terminate("an operator")


async def _terminate_both(scene: Scene, release: Release) -> None:
    """The canary first: it would go back by itself otherwise."""
    await release.canary_handle.terminate("an operator")
    await release.handle.terminate("an operator")


async def _start_again(scene: Scene, release: Release) -> None:
    with release.fault():
        await scene.again(release)


async def _recover(scene: Scene, release: Release) -> None:
    with release.fault():
        await scene.again(release, mode=Mode.RECOVER, on_conflict=OnConflict.REJECT)


def _reset(workflow: str, to: Point) -> Strike:
    """As `temporal workflow reset` does, to the end of the workflow task before the point's step."""

    async def strike(scene: Scene, release: Release) -> None:
        handle = release.handle if workflow == RELEASE else release.canary_handle
        aim = await release.until(to)
        task = max(
            event.number
            for event in release.follower.of(workflow)
            if event.type == "WORKFLOW_TASK_COMPLETED" and event.number < aim.number
        )
        answer = await scene.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=scene.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.run_id or ""),
                reason="an operator",
                workflow_task_finish_event_id=task,
                request_id=f"{release.new}-{workflow}-{task}",
            )
        )
        if workflow == RELEASE:
            await release.follow(answer.run_id)
        else:
            release.follower.follow_canary(handle.id, answer.run_id)
            release.runs += 1

    return strike


async def _pause_and_resume(scene: Scene, release: Release) -> None:
    for signal in (PAUSE, RESUME):
        await asyncio.gather(*(_signal(release, signal) for _ in range(SIGNALS // 2)))


async def _storm_with_abort(scene: Scene, release: Release) -> None:
    storm = [_signal(release, (PAUSE, RESUME)[number % 2]) for number in range(SIGNALS)]
    abort = _signal(release, ABORT, AbortRequest(reason="enough"))
    await asyncio.gather(*storm[: SIGNALS // 2], abort, *storm[SIGNALS // 2 :])


async def _signal(release: Release, name: str, *arguments: AbortRequest) -> None:
    """A release that has ended meanwhile takes no signal."""
    try:
        await release.handle.signal(name, args=arguments)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


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

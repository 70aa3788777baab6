"""What operators and accidents do to a release at a place of it: cancel, terminate, reset, kill, signal."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.service import RPCError, RPCStatusCode

from benchmarks.faults.case import Inject
from benchmarks.faults.follower import RELEASE, Point
from benchmarks.faults.proxy import Fault
from benchmarks.faults.release import Release
from benchmarks.faults.scene import Scene
from benchmarks.faults.wiring import proxies_of
from tidegate.contracts import ABORT, PAUSE, RESUME, AbortRequest, Mode, OnConflict
from tidegate.domain.base import Model
from tidegate.domain.release import Outcome

SIGNALS = 300

Strike = Callable[[Scene, Release], Awaitable[None]]
Place = Callable[[Release], Awaitable[object]]
"""Waits until a release has come there."""


def at(place: Point | Place, *strikes: Strike) -> Inject:
    """At the place, the first strike is the fault; those after it are what an operator does about it."""

    async def inject(scene: Scene, release: Release) -> None:
        await (release.until(place) if isinstance(place, Point) else place(release))
        with release.fault():
            await strikes[0](scene, release)
        for strike in strikes[1:]:
            await strike(scene, release)

    return inject


def event(workflow: str, number: int) -> Place:
    """Where a history has its event of that number, or its last one."""

    async def there(release: Release) -> None:
        await release.until_event(workflow, number)

    return there


async def replace_worker(scene: Scene, release: Release) -> None:
    """The worker dies, and another one starts."""
    await scene.kill_worker()
    await scene.start_worker()


def restart_temporal(seconds: float) -> Strike:
    """The server dies, and is back on its database after so long."""

    async def strike(scene: Scene, release: Release) -> None:
        await scene.world.kill_temporal()
        await asyncio.sleep(seconds)
        await scene.world.start_temporal()

    return strike


def ail(proxy: str, fault: Fault, seconds: float) -> Strike:
    """A neighbour is ill for so long; the scene has to be wired."""

    async def strike(scene: Scene, release: Release) -> None:
        async with proxies_of(scene)[proxy].failing(fault):
            await asyncio.sleep(seconds)

    return strike


async def cancel_release(scene: Scene, release: Release) -> None:
    """As `temporal workflow cancel` does."""
    await release.handle.cancel()


async def cancel_canary(scene: Scene, release: Release) -> None:
    """Its canary alone."""
    await release.canary_handle.cancel()


async def terminate_release(scene: Scene, release: Release) -> None:
    """Its canary is asked to cancel by Temporal."""
    await release.handle.terminate("an operator")


async def terminate_canary(scene: Scene, release: Release) -> None:
    """Its release sees it."""
    with unless_ended():
        await release.canary_handle.terminate("an operator")


async def terminate_both(scene: Scene, release: Release) -> None:
    """The canary first: it would go back by itself otherwise."""
    await terminate_canary(scene, release)
    await release.handle.terminate("an operator")


async def start_again(scene: Scene, release: Release) -> None:
    """The same revision; the new run takes the release's place."""
    with release.fault():
        await scene.again(release)


async def recover(scene: Scene, release: Release) -> None:
    """As `starter.py recover` does."""
    with release.fault():
        await scene.again(release, mode=Mode.RECOVER, on_conflict=OnConflict.REJECT)


async def uninstall_again(scene: Scene, release: Release) -> None:
    """What an operator does when an uninstallation ended before it was done."""
    await release.ended(within=120)
    outcome = release.outcome
    if outcome and outcome.outcome is not Outcome.FAILED:
        return
    release.heard += [canary.reason for canary in outcome.canaries] if outcome else []
    release.outcome, release.failure = None, ""
    await scene.again(release, mode=Mode.UNINSTALL, on_conflict=OnConflict.REJECT)


def reset(workflow: str, to: Point) -> Strike:
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


async def pause_and_resume(scene: Scene, release: Release) -> None:
    """Each by the hundred; the release goes on in the end."""
    for signal in (PAUSE, RESUME):
        await asyncio.gather(*(tell(release, signal) for _ in range(SIGNALS // 2)))


async def storm_with_abort(scene: Scene, release: Release) -> None:
    """It wins, whatever else is asked for."""
    storm = [tell(release, (PAUSE, RESUME)[number % 2]) for number in range(SIGNALS)]
    abort = tell(release, ABORT, AbortRequest(reason="enough"))
    await asyncio.gather(*storm[: SIGNALS // 2], abort, *storm[SIGNALS // 2 :])


async def tell(release: Release, name: str, *arguments: Model) -> None:
    """A release that has ended meanwhile takes no signal."""
    with unless_ended():
        await release.handle.signal(name, args=arguments)


@contextlib.contextmanager
def unless_ended() -> Iterator[None]:
    """What is asked of a run comes to nothing when it has ended meanwhile."""
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise

"""One release of each kind, as it goes on a real Temporal server among faked neighbours.

Every step is waited for, and waits for what is done beside it, so that a kind's commands come in the same
order each time.
"""

import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from temporalio.client import WorkflowFailureError, WorkflowHistory
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner

from tests.workflows.neighbours import (
    BAD,
    CLOSED,
    Handle,
    Neighbours,
    Stage,
    bootstrap_plan,
    release_plan,
    release_request,
)
from tests.workflows.neighbours import gated as with_hooks
from tests.workflows.test_approvals import PROMOTION, guarded
from tests.workflows.test_freezes import frozen_plan
from tests.workflows.test_publication import published
from tidegate.cli.punctual_worker import PunctualWorker
from tidegate.contracts import (
    ABORT,
    APPROVE,
    PAUSE,
    PROMOTE,
    RESUME,
    SEARCH_ATTRIBUTES,
    ApproveRequest,
    AskReport,
    Consent,
    Limits,
    Mode,
    OnConflict,
)
from tidegate.domain.alert_provider import Severity
from tidegate.domain.hook import HookType
from tidegate.domain.plan import Alerts, Bake, Plan, Purpose
from tidegate.domain.release import Phase
from workflows.canary import Canary
from workflows.release import Release

NEW = "b" * 40
CANARY_ID = "canary/mesh02/test/podinfo"
LIMITS = Limits(drain_seconds=0.1, outage_budget_seconds=60, search_attributes=True, signals_per_run=4)

Kind = Callable[[Stage], Awaitable[Handle]]
KINDS: dict[str, Kind] = {}
ORDERED: list[str] = []
"""Kinds whose commands come in the same order each time."""


def kind(play: Kind) -> Kind:
    """Take a kind into the catalogue, named as its function."""
    ORDERED.append(_named(play))
    return unordered(play)


def unordered(play: Kind) -> Kind:
    """The same for one that repeats its bakes until somebody comes: it is replayed, and that is all."""
    KINDS[_named(play)] = play
    return play


def _named(play: Kind) -> str:
    return play.__name__.replace("_", "-")


@kind
async def promoted(stage: Stage) -> Handle:
    """Every check passes."""
    return await _ended(await _begun(stage))


@kind
async def initialised(stage: Stage) -> Handle:
    """There is no primary yet."""
    stage.neighbours.plan = bootstrap_plan()
    return await _ended(await _begun(stage))


@kind
async def unchanged(stage: Stage) -> Handle:
    """Nothing to release."""
    stage.neighbours.plan = bootstrap_plan(Purpose.UPKEEP)
    return await _ended(await _begun(stage))


@kind
async def rolled_back(stage: Stage) -> Handle:
    """Too many checks fail."""
    stage.neighbours.verdicts = lambda _: BAD
    return await _ended(await _begun(stage))


@kind
async def in_two_clusters(stage: Stage) -> Handle:
    """Every check passes, in two workload clusters."""
    stage.neighbours.further = ("mesh03",)
    return await promoted(stage)


@kind
async def rolled_back_in_two_clusters(stage: Stage) -> Handle:
    """Too many checks fail there."""
    stage.neighbours.further = ("mesh03",)
    return await rolled_back(stage)


@kind
async def alerted(stage: Stage) -> Handle:
    """It rolls back, and its chats hear of it; its plan, of an older worker, knows of no alarm."""
    return await rolled_back(_with_chats(stage))


@kind
async def alarmed(stage: Stage) -> Handle:
    """It rolls back, and its chats would hear of a traffic that does not come back."""
    return await rolled_back(_with_chats(stage, alarm=True))


@kind
async def aborted(stage: Stage) -> Handle:
    """Somebody aborts in a bake."""
    release = await _busy(stage, "load")
    await release.signal(ABORT, "pager")
    return await _turned_back(stage, release)


@kind
async def cancelled(stage: Stage) -> Handle:
    """Somebody requests the cancellation of the release in a bake."""
    release = await _busy(stage, "load")
    await release.cancel()
    return await _turned_back(stage, release)


@kind
async def child_terminated(stage: Stage) -> Handle:
    """Somebody terminates the canary in a bake."""
    release = await _busy(stage, "load")
    await (await stage.canary()).terminate()
    return await _turned_back(stage, release)


@kind
async def superseded(stage: Stage) -> Handle:
    """Another revision is started in a bake."""
    release = await _busy(stage, "load")
    await stage.submit(release_request(NEW))
    stage.neighbours.plan = release_plan(weights=(10,), seconds=0.2, drain=0.1)
    return await _turned_back(stage, release)


@kind
async def queued(stage: Stage) -> Handle:
    """Another revision waits for the end of this one."""
    release = await _busy(stage, "route 10")
    await stage.submit(release_request(NEW, on_conflict=OnConflict.QUEUE))
    stage.neighbours.hang.clear()
    return await _ended(release)


@kind
async def paused_and_resumed(stage: Stage) -> Handle:
    """Somebody holds it before its first bake."""
    release = await _held(stage)
    await release.signal(RESUME)
    return await _ended(release)


@kind
async def promoted_by_hand(stage: Stage) -> Handle:
    """Somebody has seen enough while it is held."""
    release = await _held(stage)
    await release.signal(PROMOTE)
    return await _ended(release)


@kind
async def continued_as_new(stage: Stage) -> Handle:
    """It is held until its run is worn, and resumed in the next one."""
    release = await _held(stage)
    canary = await stage.canary()
    for _ in range(LIMITS.signals_per_run):
        await canary.signal(PAUSE)
    await stage.until_runs(canary, 2)
    await stage.until_phase(canary, Phase.PAUSED)
    await release.signal(RESUME)
    return await _ended(release)


@kind
async def gated(stage: Stage) -> Handle:
    """It has every hook that its steps wait for, and its first gate is opened by hand."""
    kinds = [kind for kind in HookType if kind is not HookType.EVENT]
    stage.neighbours.plan = with_hooks(stage.neighbours.plan, *kinds, seconds=60)
    no_rollback = AskReport(consent=Consent.LATER)
    stage.neighbours.answers = {HookType.CONFIRM_ROLLOUT: [CLOSED], HookType.ROLLBACK: [no_rollback]}
    release = await _begun(stage)
    await stage.until_phase(await stage.canary(), Phase.WAITING)
    await release.signal(APPROVE)
    return await _ended(release)


@kind
async def shown(stage: Stage) -> Handle:
    """Its Canary is an object of its cluster; no step ends, and no time runs out, while that is written."""
    stage.neighbours.aside = frozenset({"publish"})
    stage.neighbours.plan = published(release_plan(weights=(10,), seconds=2, drain=2))
    return await _ended(await _begun(stage))


@kind
async def under_a_policy(stage: Stage) -> Handle:
    """A freeze holds it up for a moment, and two persons agree before its promotion."""
    approved, frozen = guarded(PROMOTION), frozen_plan()
    stage.neighbours.freeze = timedelta(seconds=1)
    stage.neighbours.plan = approved.model_copy(
        update={"stages": (frozen.stages[0], frozen.stages[1], *approved.stages[1:])}
    )
    release = await _begun(stage)
    await stage.until_phase(await stage.canary(), Phase.WAITING_PROMOTION)
    return await _agreed(release)


@unordered
async def hurried_to_an_approval(stage: Stage) -> Handle:
    """Somebody promotes it at 10 %, and two persons take their time before they agree to it."""
    release = await _hurried(stage)
    await stage.until(lambda: stage.neighbours.judged > 0)
    return await _agreed(release)


@unordered
async def hurried_at_an_approval(stage: Stage) -> Handle:
    """Somebody promotes it in a bake that is repeated while it waits for two persons."""
    bake = Bake(seconds=60, weight=10, checks=("request-success-rate",))
    stage.neighbours.plan = guarded(PROMOTION, bake=bake)
    release = await _begun(stage)
    canary = await stage.canary()
    await stage.until_phase(canary, Phase.WAITING_PROMOTION)
    await release.signal(PROMOTE)
    await stage.until_noted(canary, "Promotion")
    return await _agreed(release)


@kind
async def coordinated(stage: Stage) -> Handle:
    """It meets another canary, which has ended by then: there was nothing to release."""
    neighbours = stage.neighbours
    neighbours.canaries, neighbours.together = 2, True
    neighbours.other_plans = {"podinfo1": Plan(purpose=Purpose.UPKEEP, stages=())}
    neighbours.hang = {"scale_up"}
    release = await _begun(stage)
    await stage.until(lambda: "scale_up" in neighbours.calls)
    with contextlib.suppress(RPCError):
        await stage.client.get_workflow_handle(f"{CANARY_ID}1").result()
    neighbours.hang.clear()
    return await _ended(release)


@kind
async def recovered(stage: Stage) -> Handle:
    """Release and canary were terminated; a recovery finds the traffic at 10 %."""
    cut_off = await _busy(stage, "load")
    await (await stage.canary()).terminate()
    await cut_off.terminate()
    stage.neighbours.hang.clear()
    release, _ = await stage.submit(release_request(mode=Mode.RECOVER))
    return await _ended(release)


@kind
async def uninstalled(stage: Stage) -> Handle:
    """After a release that was promoted, its canary's objects are given back."""
    await _ended(await _begun(stage))
    release, _ = await stage.submit(release_request(mode=Mode.UNINSTALL))
    return await _ended(release)


@asynccontextmanager
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """A dev server that knows the search attributes."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        data_converter=pydantic_data_converter,
        dev_server_log_level="error",
        search_attributes=[SearchAttributeKey.for_keyword(name) for name in SEARCH_ATTRIBUTES],
        dev_server_extra_args=["--dynamic-config-value", 'history.timerProcessorMaxTimeShift="10ms"'],
    ) as environment:
        yield environment


async def play(
    name: str,
    environment: WorkflowEnvironment,
    workflows: Sequence[type] = (Release, Canary),
    *,
    sandboxed: bool = True,
) -> dict[str, WorkflowHistory]:
    """Run one kind; the histories of all its runs, such as "promoted.canary.1"."""
    neighbours = Neighbours(plan=release_plan(weights=(10,), seconds=0.2, drain=0.1), limits=LIMITS)
    task_queue = f"replay-{uuid4()}"
    runner = {} if sandboxed else {"workflow_runner": UnsandboxedWorkflowRunner()}
    async with PunctualWorker(
        environment.client,
        task_queue=task_queue,
        workflows=workflows,
        activities=neighbours.activities,
        **runner,  # type: ignore[arg-type]
    ):
        stage = Stage(environment, neighbours, task_queue)
        release = await KINDS[name](stage)
        histories = await _histories(stage, name, "release", release.id)
        if neighbours.canaries:
            histories |= await _histories(stage, name, "canary", CANARY_ID)
        return histories


async def _histories(stage: Stage, name: str, workflow: str, workflow_id: str) -> dict[str, WorkflowHistory]:
    handle = stage.client.get_workflow_handle(workflow_id)
    runs = [stage.client.get_workflow_handle(workflow_id, run_id=run) for run in await stage.runs(handle)]
    return {f"{name}.{workflow}.{n}": await run.fetch_history() for n, run in enumerate(runs, 1)}


def _with_chats(stage: Stage, *, alarm: bool = False) -> Stage:
    alerts = Alerts(names=("on-call",), severity=Severity.ERROR, alarm=alarm)
    stage.neighbours.plan = stage.neighbours.plan.model_copy(update={"alerts": alerts})
    return stage


async def _begun(stage: Stage) -> Handle:
    return (await stage.submit(release_request()))[0]


async def _busy(stage: Stage, step: str) -> Handle:
    """A release with its canary at 10 %, where a step hangs; a bake that would not end meanwhile."""
    stage.neighbours.hang = {step}
    if step == "load":
        stage.neighbours.plan = release_plan(weights=(10,), seconds=60, drain=0.1)
    release = await _begun(stage)
    await stage.until(lambda: any(step in (call, call.split()[0]) for call in stage.neighbours.calls))
    return release


async def _held(stage: Stage) -> Handle:
    """A release whose canary is held with 10 % of the traffic."""
    return await _told(stage, PAUSE, "Pause", Phase.PAUSED)


async def _hurried(stage: Stage) -> Handle:
    """A release that was promoted by hand at 10 %, and waits for approvals."""
    bake = Bake(seconds=0.2, weight=10, checks=("request-success-rate",))
    stage.neighbours.plan = guarded(PROMOTION, bake=bake)
    return await _told(stage, PROMOTE, "Promotion", Phase.WAITING_PROMOTION)


async def _told(stage: Stage, signal: str, note: str, phase: Phase) -> Handle:
    """A release that got a signal while it routed 10 %, and came to a phase by it."""
    release = await _busy(stage, "route 10")
    await release.signal(signal)
    canary = await stage.canary()
    await stage.until_noted(canary, note)
    stage.neighbours.hang.clear()
    await stage.until_phase(canary, phase)
    return release


async def _agreed(release: Handle) -> Handle:
    """Two persons approve, and it ends."""
    for name in ("ann", "bob"):
        await release.signal(APPROVE, ApproveRequest(by=name))
    return await _ended(release)


async def _turned_back(stage: Stage, release: Handle) -> Handle:
    await stage.until(lambda: "restore" in stage.neighbours.calls)
    stage.neighbours.hang.clear()
    return await _ended(release)


async def _ended(release: Handle) -> Handle:
    """Wait for the end of the last run; how it ended is in the history."""
    with contextlib.suppress(WorkflowFailureError, RPCError):
        await release.result()
    return release

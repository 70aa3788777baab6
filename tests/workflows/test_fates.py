"""Whatever happens to a canary, in whichever order: it ends on one side, and keeps its promises on the way.

`TIDEGATE_FATES=1500 pytest tests/workflows/test_fates.py` tries more scripts than the suite does.
"""

import asyncio
import contextlib
import os
from uuid import uuid4

from hypothesis import HealthCheck, Phase, given, settings
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner

from tests.workflows import scripts
from tests.workflows.neighbours import Handle, Neighbours, Stage
from tests.workflows.scripts import CANCEL, Actors, Script
from tidegate.cli.punctual_worker import PunctualWorker
from tidegate.contracts import ABORT, APPROVE, PROMOTE, RESUME, CanaryOutcome, Consent
from tidegate.domain import release as domain
from tidegate.domain.hook import HookType
from tidegate.domain.release import Outcome
from workflows.canary import Canary

EXAMPLES = int(os.environ.get("TIDEGATE_FATES", "40"))
ENDS = {Outcome.PROMOTED: "new", Outcome.ROLLED_BACK: "old", Outcome.ABORTED: "old", Outcome.FAILED: "old"}
FOR_GOOD = ["promote", "route 0", "scale_down"]


async def test_every_script_ends_on_one_side(environment: WorkflowEnvironment) -> None:
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=EXAMPLES <= 40,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(scripts.scripts)
    def every(script: Script) -> None:
        asyncio.run_coroutine_threadsafe(played(environment, script), loop).result(120)

    await asyncio.to_thread(every)


async def played(environment: WorkflowEnvironment, script: Script) -> None:
    """Play one script to its end, and look at what was done."""
    task_queue = str(uuid4())
    stage = Stage(environment, Neighbours(), task_queue)
    stage.neighbours = people = scripts.actors(script, stage)
    async with PunctualWorker(
        environment.client,
        task_queue=task_queue,
        workflows=[Canary],
        activities=people.activities,
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await stage.start_canary(script.signals_per_run)
        outcome = await _end(stage, people, handle)
    keeps_its_promises(people, outcome)


async def _end(stage: Stage, people: Actors, handle: Handle) -> Outcome:
    """The canary's end. Time is skipped while nothing is under way; a pause is ended once all is settled.

    Awaiting the result of a paused canary would skip years.
    """
    paused = False
    while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
        if people.busy:
            await asyncio.sleep(0.01)
            continue
        with contextlib.suppress(RPCError):
            if paused:
                await handle.signal(RESUME)
            paused = (await stage.status(handle)).phase is domain.Phase.PAUSED and not paused
        await stage.environment.sleep(5)
    try:
        outcome: CanaryOutcome = await handle.result()
    except WorkflowFailureError as failure:
        if not isinstance(failure.cause, CancelledError):
            raise
        return Outcome.ABORTED
    return outcome.outcome


def keeps_its_promises(people: Actors, outcome: Outcome) -> None:
    """The two ends, and what must not happen on the way to them."""
    story = f"{outcome}: {people.calls}"
    routes = [call for call in people.calls if call.startswith("route")]
    assert people.primary == ENDS[outcome], story
    assert (people.weight, people.replicas) == (0, 0) or not routes, story
    assert not routes or routes[-1] == "route 0", story
    assert all(weight == 0 for step, weight in people.seen_weights if step == "scale_down"), story
    assert (people.beside, people.baselines, people.lost) == (0, 0, []) or not routes, story
    assert people.calls.count("promote") <= 1, story
    assert (
        "promote" not in people.calls[people.calls.index("restore") :] if "restore" in people.calls else True
    )
    _rises_to_the_promotion(people.calls)
    tokens = [(fence.epoch, fence.sequence) for fence in people.fences]
    assert tokens == sorted(tokens), story
    _abort_wins(people, outcome, story)
    _has_consent(people, outcome, story)


def _rises_to_the_promotion(calls: list[str]) -> None:
    """Up to the promotion, or the way back without one, the canary's share only grows."""
    turn = next((at for at, call in enumerate(calls) if call in ("promote", "restore")), len(calls))
    shares = [float(call.split()[1]) for call in calls[:turn] if call.startswith("route ")]
    while shares and shares[-1] == 0:
        shares.pop()
    assert shares == sorted(shares), calls


def _last(calls: list[str], call: str) -> int:
    return len(calls) - calls[::-1].index(call) if call in calls else 0


def _abort_wins(people: Actors, outcome: Outcome, story: str) -> None:
    """Unless the promotion was being made final already, or it had turned back for another reason."""
    if people.aborted_before is None:
        return
    last = people.calls[people.aborted_before - 1]
    final = last in ("scale_down", "ask post-rollout") or outcome is Outcome.ROLLED_BACK
    assert final or outcome in (Outcome.ABORTED, Outcome.FAILED), f"{people.asked}: {story}"
    assert {ABORT, CANCEL} & set(people.asked)


def _has_consent(people: Actors, outcome: Outcome, story: str) -> None:
    """Nothing is promoted past a gate that is closed, unless somebody said so, nor after a never."""
    if outcome is not Outcome.PROMOTED:
        return
    by_hand = {APPROVE, PROMOTE} & set(people.asked)
    for gate in (HookType.CONFIRM_ROLLOUT, HookType.CONFIRM_PROMOTION):
        said = [consent for kind, consent in people.heard if kind is gate]
        assert by_hand or said[-1:] in ([], [Consent.AGREED]), f"{people.heard}: {story}"
    before = [
        consent for kind, consent in people.heard if kind not in (HookType.POST_ROLLOUT, HookType.ROLLBACK)
    ]
    assert by_hand or Consent.NEVER not in before, f"{people.heard}: {story}"

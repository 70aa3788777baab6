"""A bake whose checks could not say anything: it counts as failed, or is repeated for as long as it takes."""

import asyncio

from tests.workflows.neighbours import BAD, GOOD, Stage, release_plan
from tidegate.contracts import ABORT
from tidegate.domain.release import Outcome
from tidegate.domain.verdict import Missing, Result, Verdict

WANTS = Verdict(
    check="request-success-rate",
    result=Result.INCONCLUSIVE,
    reason="no values found for metric request-success-rate",
    missing=Missing.TRAFFIC,
)
WAITS = WANTS.model_copy(update={"waits": True, "reason": f"{WANTS.reason}; it waits, and is not counted"})
HALT = f"Halt podinfo.test advancement {WAITS.reason}"


async def test_without_a_word_it_counts_as_failed(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda _: WANTS
    outcome = await (await stage.start_canary()).result()
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.ROLLED_BACK, 2)


async def test_a_canary_that_waits_repeats_its_bake_and_counts_nothing(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda count: WAITS if count < 8 else GOOD
    outcome = await (await stage.start_canary()).result()
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.PROMOTED, 0)
    assert (stage.neighbours.judged, stage.neighbours.calls.count("route 10")) == (9, 1)
    assert stage.neighbours.calls.count("load 30") == 9
    assert [note.text for note in outcome.notes if note.warning] == [HALT]


async def test_what_fails_meanwhile_still_counts(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda count: WAITS if count % 2 else BAD
    outcome = await (await stage.start_canary()).result()
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.ROLLED_BACK, 2)
    assert stage.neighbours.judged == 4


async def test_a_wait_ends_by_an_abort(dev_stage: Stage) -> None:
    stage = dev_stage
    stage.neighbours.plan = release_plan(seconds=0.1, drain=0.1)
    stage.neighbours.verdicts = lambda _: WAITS
    handle = await stage.start_canary()
    await stage.until(lambda: stage.neighbours.judged > 5)
    await handle.signal(ABORT)
    assert (await handle.result()).outcome is Outcome.ABORTED


async def test_a_wait_outlasts_a_run(impatient_stage: Stage) -> None:
    stage = impatient_stage
    stage.neighbours.plan = release_plan(seconds=0.1, drain=0.1)
    data = asyncio.Event()
    stage.neighbours.verdicts = lambda _: GOOD if data.is_set() else WAITS
    handle = await stage.start_canary()
    await stage.until_runs(handle, 3)
    data.set()
    outcome = await handle.result()
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.PROMOTED, 0)

"""A release that is held before its sync may wait for weeks: it continues as new, and forgets nothing."""

import asyncio

from tests.workflows.neighbours import Handle, Stage, release_plan, release_request
from tidegate.contracts import (
    ABORT,
    PAUSE,
    PROMOTE,
    RESUME,
    Disposition,
    OnConflict,
    ReleaseOutcome,
    ReleaseStatus,
)
from tidegate.domain.release import Outcome
from workflows.release import Release

NEW = "b" * 40


async def held_before_the_sync(stage: Stage, *first: str) -> Handle:
    """A release that was paused while its manifests were rendered, and has continued as new since."""
    stage.neighbours.plan = release_plan(seconds=0.2, drain=0.1)
    stage.neighbours.hang = {"survey"}
    handle, _ = await stage.submit(release_request("latest"))
    await stage.until(lambda: "survey" in stage.neighbours.calls)
    queued = release_request(NEW, on_conflict=OnConflict.QUEUE)
    assert (await stage.submit(queued))[1].disposition is Disposition.QUEUED
    for signal in first:
        await handle.signal(signal)
    await asyncio.gather(*(handle.signal(PAUSE) for _ in range(260)))
    stage.neighbours.hang.clear()
    await stage.until_runs(handle, 2)
    return stage.client.get_workflow_handle(handle.id)


async def test_it_holds_at_the_same_place_with_what_waits_for_it(dev_stage: Stage) -> None:
    stage = dev_stage
    stage.neighbours.shas = {"latest": "a" * 40}
    stage.neighbours.weight = 10
    handle = await held_before_the_sync(stage)
    status: ReleaseStatus = await handle.query(Release.status)
    assert (status.paused, status.queued, status.revision) == (True, (NEW,), "a" * 40)
    assert status.warnings == ("podinfo.test was left with traffic 90/10; routing it back to 100/0",)
    assert not any(call.startswith("apply") for call in stage.neighbours.calls)
    await handle.signal(RESUME)
    outcome = ReleaseOutcome.model_validate(await handle.result())
    assert (outcome.outcome, outcome.sha) == (Outcome.PROMOTED, NEW)
    assert [call for call in stage.neighbours.calls if call.startswith("apply")] == [
        f"apply {'a' * 40}",
        f"apply {NEW}",
    ]


async def test_it_has_not_forgotten_that_the_analysis_is_to_be_skipped(dev_stage: Stage) -> None:
    handle = await held_before_the_sync(dev_stage, PROMOTE)
    await handle.signal(RESUME)
    await handle.result()
    calls = dev_stage.neighbours.calls
    first = calls[: calls.index(f"apply {NEW}")]
    assert "promote" in first
    assert "judge" not in first


async def test_an_abort_ends_it(dev_stage: Stage) -> None:
    handle = await held_before_the_sync(dev_stage)
    await handle.signal(ABORT)
    assert ReleaseOutcome.model_validate(await handle.result()).sha == NEW
    assert f"apply {'latest'}" not in dev_stage.neighbours.calls

"""Hooks that outlast their bake are waited for, as long as their manifest lets them take and no longer."""

from temporalio.api.enums.v1 import EventType

from tests.workflows.neighbours import Handle, Stage, release_plan
from tidegate.contracts import PROMOTE
from tidegate.domain.plan import Bake, Plan
from tidegate.domain.release import Outcome

HOOK_SECONDS = 600.0


def _with_slow_hooks(plan: Plan) -> Plan:
    stages = tuple(
        stage.model_copy(update={"hook_seconds": HOOK_SECONDS}) if isinstance(stage, Bake) else stage
        for stage in plan.stages
    )
    return plan.model_copy(update={"stages": stages})


async def _judged_while_hooks_hang(stage: Stage) -> Handle:
    """A canary whose checks were judged while its hooks have not answered yet."""
    stage.neighbours.plan = _with_slow_hooks(release_plan(seconds=0.2, drain=0.1))
    stage.neighbours.hang = {"load"}
    handle = await stage.start_canary()
    await stage.until(lambda: "judge" in stage.neighbours.calls)
    return handle


async def test_a_load_test_has_the_bakes_time_and_its_hooks(stage: Stage) -> None:
    stage.neighbours.plan = _with_slow_hooks(release_plan(seconds=0.2, drain=0.1))
    handle = await stage.start_canary()
    assert (await handle.result()).outcome is Outcome.PROMOTED
    scheduled = [
        event.activity_task_scheduled_event_attributes
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    loads = [each for each in scheduled if each.activity_type.name == "load_test_run"]
    limits = {(each.start_to_close_timeout.seconds, each.schedule_to_close_timeout.seconds) for each in loads}
    assert limits == {(630, 630)}


async def test_a_bake_waits_for_hooks_that_outlast_it(stage: Stage) -> None:
    handle = await _judged_while_hooks_hang(stage)
    while (status := await stage.status(handle)).waiting_for != "the hooks' answers":
        assert status.waiting_for == "the checks' numbers"
    assert (status.weight, stage.neighbours.calls[-1]) == (10, "judge")
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_a_promotion_by_hand_waits_for_no_hook(stage: Stage) -> None:
    handle = await _judged_while_hooks_hang(stage)
    await handle.signal(PROMOTE)
    assert (await handle.result()).outcome is Outcome.PROMOTED
    assert stage.neighbours.hang == {"load"}

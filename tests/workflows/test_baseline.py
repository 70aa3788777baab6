"""A baseline in a canary's run: its share beside the canary's, and none left however the run ends."""

from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import BAD, GOOD, Neighbours, Stage
from tests.workflows.scripts import compiled
from tests.workflows.test_publication import PUBLISHED, standings
from tidegate.contracts import ABORT, PROMOTE, CanaryStatus
from tidegate.decisions.details import canary_details
from tidegate.domain.plan import Plan
from tidegate.domain.release import Outcome, Phase

POLICY: dict[str, Any] = {
    "steps": [{"weight": 10}, {"weight": 50}, {"weight": 60}],
    "comparison": {"with": "baseline", "metrics": [{"name": "request-success-rate"}]},
}


def plan(seconds: float = 30) -> Plan:
    return compiled({"stepWeight": 10}, 2, seconds, (), POLICY)


@pytest.fixture
def beside(stage: Stage) -> Stage:
    stage.neighbours.plan = plan()
    return stage


def left(neighbours: Neighbours) -> tuple[float, float, int, int, list[str]]:
    """The canary's and the baseline's share and pods, and who had traffic without pods."""
    people = neighbours
    return people.weight, people.beside, people.replicas, people.baselines, people.lost


async def test_it_has_the_canary_s_weight_and_is_gone_after_the_promotion(beside: Stage) -> None:
    outcome = await (await beside.start_canary()).result()
    assert outcome.outcome is Outcome.PROMOTED
    told = [note.text for note in outcome.notes if note.text.startswith("Advance")]
    assert told == [
        "Advance podinfo.test canary weight 10, baseline weight 10",
        "Advance podinfo.test canary weight 50, baseline weight 50",
        "Advance podinfo.test canary weight 60",
    ]
    assert left(beside.neighbours) == (0, 0, 0, 0, [])


async def test_it_costs_no_command_more(beside: Stage) -> None:
    await (await beside.start_canary()).result()
    calls = list(beside.neighbours.calls)
    beside.neighbours.calls.clear()
    beside.neighbours.plan = compiled({"stepWeight": 10}, 2, 30, (), {"steps": POLICY["steps"]})
    await (await beside.start_canary()).result()
    assert beside.neighbours.calls == calls


async def test_a_failed_comparison_leaves_nothing_of_it(beside: Stage) -> None:
    beside.neighbours.verdicts = lambda count: GOOD if count == 1 else BAD
    outcome = await (await beside.start_canary()).result()
    assert outcome.outcome is Outcome.ROLLED_BACK
    assert left(beside.neighbours) == (0, 0, 0, 0, [])
    turn = beside.neighbours.calls.index("restore")
    assert beside.neighbours.calls[turn - 1 :] == ["route 0", "restore", "scale_down"]


async def test_one_that_does_not_come_up_gets_no_traffic(beside: Stage) -> None:
    beside.neighbours.fail["scale_up"] = [ApplicationError("x", type="NotReady", non_retryable=True)]
    outcome = await (await beside.start_canary()).result()
    assert outcome.outcome is Outcome.ROLLED_BACK
    assert "route 10" not in beside.neighbours.calls
    assert left(beside.neighbours) == (0, 0, 0, 0, [])


@pytest.mark.parametrize(
    ("signal", "end"), [(ABORT, Outcome.ABORTED), (PROMOTE, Outcome.PROMOTED)], ids=["abort", "promote"]
)
async def test_a_signal_in_the_middle_of_a_bake_leaves_nothing_of_it(
    impatient_stage: Stage, signal: str, end: Outcome
) -> None:
    stage = impatient_stage
    stage.neighbours.plan = plan(seconds=600)
    handle = await stage.start_canary()
    await stage.until_weight(handle, 10)
    assert (await stage.status(handle)).baseline == 10
    await handle.signal(signal)
    assert (await handle.result()).outcome is end
    assert left(stage.neighbours) == (0, 0, 0, 0, [])
    assert (await stage.status(handle)).baseline == 0


async def test_another_run_goes_on_with_it(impatient_stage: Stage) -> None:
    stage = impatient_stage
    stage.neighbours.plan = plan(seconds=0.2)
    handle = await stage.start_canary(signals_per_run=2)
    await stage.until(lambda: stage.neighbours.beside == 10)
    for _ in range(3):
        await handle.signal("pause")
        await handle.signal("resume")
    await stage.until_runs(handle, 2)
    assert (await handle.result()).outcome is Outcome.PROMOTED
    assert left(stage.neighbours) == (0, 0, 0, 0, [])


def test_the_details_tell_all_three_shares() -> None:
    status = CanaryStatus(
        canary="podinfo.test",
        cluster="mesh02",
        revision="a" * 40,
        phase=Phase.PROGRESSING,
        weight=10,
        baseline=10,
    )
    assert "traffic: primary 80 %, canary 10 %, baseline 10 %" in canary_details(status)


async def test_kubectl_is_shown_the_canary_s_weight_alone(beside: Stage) -> None:
    beside.neighbours.plan = plan(seconds=0.2).model_copy(update={"published": PUBLISHED})
    await (await beside.start_canary()).result()
    shown = {weight for phase, weight in standings(beside) if phase == "Progressing"}
    assert shown == {0, 10, 50, 60}


async def test_the_drain_of_one_that_was_left_is_part_of_the_step_s_limit(stage: Stage) -> None:
    stage.neighbours.limits = stage.neighbours.limits.model_copy(update={"drain_seconds": 500.0})
    handle = await stage.start_canary()
    await stage.until(lambda: "prepare" in stage.neighbours.calls)
    scheduled = [
        event.activity_task_scheduled_event_attributes
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    (limit,) = {
        each.start_to_close_timeout.seconds
        for each in scheduled
        if each.activity_type.name == "workload_prepare"
    }
    assert limit == 30 + 500 + stage.neighbours.plan.progress_deadline_seconds
    await handle.terminate("its way back would drain as long")

"""How far back a comparison may look: the steps that judge are told how long the analysis has lasted."""

import asyncio

import pytest

from tests.workflows.neighbours import GOOD, Stage, release_plan
from tests.workflows.test_no_data import WAITS
from tidegate.domain.plan import Bake
from tidegate.domain.release import Outcome


async def test_each_bake_looks_back_to_the_first_one_s_begin(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda count: WAITS if count < 3 else GOOD
    await (await stage.start_canary()).result()
    observed = [command.observed_seconds for command in stage.neighbours.judgements]
    assert observed == [pytest.approx(30 * count, abs=3) for count in (1, 2, 3, 4)]


async def test_what_a_delay_lets_pass_is_not_looked_at(stage: Stage) -> None:
    stages = list(stage.neighbours.plan.stages)
    first = next(at for at, each in enumerate(stages) if isinstance(each, Bake))
    delay = stages[first].model_copy(update={"seconds": 300.0, "checks": (), "narrowed": True})
    stages.insert(first, delay)
    stage.neighbours.plan = stage.neighbours.plan.model_copy(update={"stages": tuple(stages)})
    await (await stage.start_canary()).result()
    observed = [command.observed_seconds for command in stage.neighbours.judgements]
    assert observed == [0, *(pytest.approx(30 * count, abs=3) for count in (1, 2))]


async def test_the_analysis_goes_on_when_another_run_takes_over(impatient_stage: Stage) -> None:
    stage = impatient_stage
    stage.neighbours.plan = release_plan(seconds=0.1, drain=0.1)
    data = asyncio.Event()
    stage.neighbours.verdicts = lambda _: GOOD if data.is_set() else WAITS
    handle = await stage.start_canary()
    await stage.until_runs(handle, 3)
    data.set()
    assert (await handle.result()).outcome is Outcome.PROMOTED
    observed = [command.observed_seconds for command in stage.neighbours.judgements]
    assert observed == sorted(observed)
    assert observed[-1] > 0.1 * len(observed)


async def test_the_judge_is_told_what_the_canary_gets_and_for_how_long(stage: Stage) -> None:
    await (await stage.start_canary()).result()
    bakes = [each for each in stage.neighbours.plan.stages if isinstance(each, Bake)]
    assert [(told.weight, told.bake_seconds) for told in stage.neighbours.judgements] == [
        (bake.weight, bake.seconds) for bake in bakes
    ]


async def test_no_weight_says_how_many_requests_iterations_have(stage: Stage) -> None:
    stages = stage.neighbours.plan.stages
    update = {"iteration": 1, "iterations": 1}
    again = tuple(each.model_copy(update=update) if isinstance(each, Bake) else each for each in stages)
    stage.neighbours.plan = stage.neighbours.plan.model_copy(update={"stages": again})
    await (await stage.start_canary()).result()
    assert {told.weight for told in stage.neighbours.judgements} == {None}

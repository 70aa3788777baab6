"""A canary that would begin in a freeze begins at its end, unless somebody overrides it."""

from datetime import timedelta
from typing import Any

import pytest

from tests.workflows.neighbours import Handle, Stage, release_plan
from tidegate.contracts import ABORT, APPROVE, PAUSE, PROMOTE, RESUME, CanaryOutcome
from tidegate.domain.freeze_rule import FreezeRule
from tidegate.domain.plan import Freeze, Plan, ScaleUp
from tidegate.domain.release import Outcome, Phase


def frozen_plan() -> Plan:
    plan = release_plan(weights=(10,), hooks=(), seconds=0.2, drain=0.1)
    rule = FreezeRule.parse({"schedule": "0 0 * * *", "duration": "24h", "reason": "weekend"})
    stages: list[Any] = []
    for stage in plan.stages:
        stages += [Freeze(rules=(rule,)), stage] if isinstance(stage, ScaleUp) else [stage]
    return plan.model_copy(update={"stages": tuple(stages)})


async def held(stage: Stage, seconds: float = 3600.0) -> Handle:
    """A canary in a freeze that goes on for so long from its first look."""
    stage.neighbours.plan, stage.neighbours.freeze = frozen_plan(), timedelta(seconds=seconds)
    handle = await stage.start_canary()
    await stage.until_phase(handle, Phase.WAITING)
    return handle


async def test_a_frozen_canary_begins_when_the_freeze_ends(stage: Stage) -> None:
    handle = await held(stage)
    status = await stage.status(handle)
    assert status.gate == "freeze: weekend (stage 2)"
    assert status.waiting_for.startswith("the end of the freeze at ")
    assert "`tidegate approve podinfo@mesh02/test --gate freeze`" in status.waiting_for
    assert "scale_up" not in stage.neighbours.calls
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    (seconds,) = [timing.seconds for timing in outcome.stages if "freeze" in timing.stage]
    assert 3599 <= seconds < 3605
    assert stage.neighbours.calls.count("look") == 2


async def test_without_a_freeze_nothing_waits(stage: Stage) -> None:
    stage.neighbours.plan = frozen_plan()
    outcome: CanaryOutcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.PROMOTED
    assert not [note.text for note in outcome.notes if note.warning]
    assert not [timing.stage for timing in outcome.stages if "freeze" in timing.stage]
    assert "Scale up target" in [timing.stage for timing in outcome.stages]


async def test_an_approval_overrides_the_freeze(stage: Stage) -> None:
    handle = await held(stage)
    await handle.signal(PROMOTE)
    assert (await stage.status(handle)).phase is Phase.WAITING
    await handle.signal(APPROVE, {"by": "ann", "gates": [{"gate": "freeze: weekend (stage 2)"}]})
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    texts = [note.text for note in outcome.notes]
    assert "Halt podinfo.test advancement waiting for the end of the freeze: weekend" in texts
    assert "Approval by ann: gate freeze: weekend (stage 2) is open" in texts


async def test_a_start_that_overrides_freezes_begins_at_once_and_says_why(stage: Stage) -> None:
    stage.neighbours.plan, stage.neighbours.freeze = frozen_plan(), timedelta(hours=1)
    handle = await stage.start_canary(override_freeze="outage (by ann@laptop)")
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    (told,) = [note.text for note in outcome.notes if note.text.startswith("Freeze until")]
    assert told.endswith("(weekend) is overridden: outage (by ann@laptop)")


@pytest.mark.parametrize("signal", [ABORT, PAUSE])
async def test_a_frozen_canary_can_be_aborted_and_paused(stage: Stage, signal: str) -> None:
    handle = await held(stage)
    await handle.signal(signal)
    if signal == PAUSE:
        await stage.until_phase(handle, Phase.PAUSED)
        await stage.environment.sleep(7200)
        assert "scale_up" not in stage.neighbours.calls
        await handle.signal(RESUME)
    outcome: CanaryOutcome = await handle.result()
    assert outcome.outcome is (Outcome.ABORTED if signal == ABORT else Outcome.PROMOTED)

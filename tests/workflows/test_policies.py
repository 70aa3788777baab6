"""What a ReleasePolicy changes in a canary's run: whom a bake asks, and what its answers do."""

from tests.workflows.neighbours import BAD, GOOD, Stage, release_plan
from tidegate.domain.plan import Bake, Plan
from tidegate.domain.release import Outcome
from tidegate.domain.verdict import Missing, Result, Verdict

DRY = BAD.model_copy(update={"dry_run": True, "reason": f"{BAD.reason}; dry run, not counted"})
FEW = Verdict(
    check="request-success-rate",
    result=Result.INCONCLUSIVE,
    reason="12 of the 100 requests that request-success-rate needs; it waits, and is not counted",
    missing=Missing.TRAFFIC,
    waits=True,
)


def narrowed(plan: Plan) -> Plan:
    """Its first bake asks but one check."""
    first = next(at for at, stage in enumerate(plan.stages) if isinstance(stage, Bake))
    bake = plan.stages[first].model_copy(update={"checks": ("request-duration",), "narrowed": True})
    return plan.model_copy(update={"stages": (*plan.stages[:first], bake, *plan.stages[first + 1 :])})


async def test_a_dry_run_that_fails_is_told_and_halts_nothing(stage: Stage) -> None:
    stage.neighbours.verdicts = lambda _: DRY
    outcome = await (await stage.start_canary()).result()
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.PROMOTED, 0)
    assert stage.neighbours.judged == 2
    assert f"podinfo.test passed at 10 %: {DRY.reason}" in [note.text for note in outcome.notes]
    assert outcome.verdicts == (DRY,)


async def test_too_few_requests_repeat_the_bake_and_leave_the_failed_checks_as_they_are(stage: Stage) -> None:
    answers = {1: BAD, 2: FEW, 3: FEW}
    stage.neighbours.verdicts = lambda count: answers.get(count, GOOD)
    outcome = await (await stage.start_canary()).result()
    assert (outcome.outcome, outcome.failed_checks) == (Outcome.PROMOTED, 1)
    assert stage.neighbours.judged == 5
    assert stage.neighbours.calls.count("route 10") == 1


async def test_a_step_of_its_own_checks_asks_these_and_the_next_asks_all(stage: Stage) -> None:
    stage.neighbours.plan = narrowed(release_plan())
    outcome = await (await stage.start_canary()).result()
    assert outcome.outcome is Outcome.PROMOTED
    assert [command.checks for command in stage.neighbours.judgements] == [("request-duration",), None]

"""Several canaries of one application are promoted together, or not at all."""

from tests.workflows.neighbours import BAD, GOOD
from tests.workflows.pair import NEW_SIDE, OLD_SIDE, Pair, outcomes_of
from tidegate.domain.release import Outcome


async def test_both_are_promoted_when_both_have_passed(pair: Pair) -> None:
    canaries, outcome = await pair.outcomes(await pair.begin())
    assert (outcome.outcome, outcomes_of(canaries)) == (Outcome.PROMOTED, [Outcome.PROMOTED] * 2)
    assert (pair.first.side, pair.other.side) == (NEW_SIDE, NEW_SIDE)


async def test_none_is_promoted_before_the_other_has_passed(pair: Pair) -> None:
    pair.other.hang = {"judge"}
    release = await pair.begin()
    await pair.until_waiting("the other canaries: podinfo1 (at 10 %)")
    assert (pair.first.weight, "podinfo promote" in pair.company.calls) == (50, False)
    pair.other.hang.clear()
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == [Outcome.PROMOTED] * 2
    calls = pair.company.calls
    assert calls.index("podinfo promote") > calls.index("podinfo1 route 50")


async def test_one_that_fails_takes_the_other_back(pair: Pair) -> None:
    pair.other.verdicts = lambda _: BAD
    canaries, outcome = await pair.outcomes(await pair.begin())
    assert outcomes_of(canaries) == [Outcome.ROLLED_BACK] * 2
    assert canaries[0].reason == "rolled back with podinfo1: 2 of 2 failed checks: success rate 66% < 99%"
    assert outcome.reason == "2 of 2 failed checks: success rate 66% < 99%"
    assert (pair.first.side, pair.other.side) == (OLD_SIDE, OLD_SIDE)


async def test_one_that_waits_is_still_judged(pair: Pair) -> None:
    pair.other.hang = {"scale_up"}
    pair.first.verdicts = lambda count: GOOD if count <= 3 else BAD
    release = await pair.begin()
    await pair.until("podinfo restore")
    pair.other.hang.clear()
    canaries, _ = await pair.outcomes(release)
    assert outcomes_of(canaries) == [Outcome.ROLLED_BACK] * 2
    assert canaries[1].reason.startswith("rolled back with podinfo: 2 of 2 failed checks")

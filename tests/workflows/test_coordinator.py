"""What a release decides for its canaries, whatever order their reports come in."""

import asyncio

import pytest

from tidegate.contracts import AbortRequest, CanaryOutcome, Directive, Report
from tidegate.domain.release import Outcome
from workflows.control import Control
from workflows.coordination import Coordinator

GO = Directive(go=True)
STAY = Directive(go=True, stay=True)
BACK = Directive(turn_back="rolled back with web: its last bake failed")


class Desk:
    """A coordinator of web and db, and what it has told them."""

    def __init__(self, control: Control | None = None) -> None:
        self.told: list[tuple[str, Directive]] = []
        self.coordinator = Coordinator({"a": "web", "b": "db"}, 7, control or Control(), self._send)

    async def _send(self, key: str, directive: Directive) -> None:
        self.told.append((key, directive))

    async def hear(self, key: str, epoch: int = 7, **news: object) -> None:
        """A canary reports."""
        await self.coordinator.hear(Report.model_validate({"canary": key, "epoch": epoch} | news))


class SlowDesk(Desk):
    """The same, whose canaries take their time to be told while `free` is not set."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        self.free, self.begun = asyncio.Event(), asyncio.Event()
        self.free.set()

    async def _send(self, key: str, directive: Directive) -> None:
        await super()._send(key, directive)
        if not self.free.is_set():
            self.begun.set()
        await self.free.wait()


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await desk.coordinator.begun("a")
    await desk.coordinator.begun("b")
    return desk


async def test_both_go_at_the_same_time_and_are_told_once(desk: Desk) -> None:
    for _ in range(3):
        await desk.hear("a", passed=True)
        await desk.hear("b", passed=True)
    assert desk.told[-2:] == [("a", GO), ("b", GO)]
    assert [directive for _, directive in desk.told].count(GO) == 2


async def test_one_that_failed_before_it_heard_to_go_takes_the_other_back(desk: Desk) -> None:
    await desk.hear("a", passed=True)
    await desk.hear("b", passed=True)
    await desk.hear("a", turned_back="its last bake failed")
    assert desk.told[-1] == ("b", BACK)


async def test_both_stay_when_both_are_promoted(desk: Desk) -> None:
    await gone(desk)
    await desk.hear("a", passed=True, promoted=True)
    assert desk.told[-1] == ("a", Directive(go=True, waits_for="db"))
    await desk.hear("b", passed=True, promoted=True)
    assert desk.told[-2:] == [("a", STAY), ("b", STAY)]


async def test_one_that_fails_in_its_promotion_takes_the_other_back(desk: Desk) -> None:
    await gone(desk)
    await desk.hear("a", passed=True, promoted=True)
    await desk.coordinator.ended("b", CanaryOutcome(canary="db", outcome=Outcome.ROLLED_BACK, reason="pods"))
    assert desk.told[-1] == ("a", Directive(turn_back="rolled back with db: pods"))


async def test_one_that_ends_well_is_not_waited_for(desk: Desk) -> None:
    """A canary whose plan an older worker made goes to its end without another meeting."""
    await gone(desk)
    await desk.hear("a", passed=True, promoted=True)
    await desk.coordinator.ended("b", CanaryOutcome(canary="db", outcome=Outcome.PROMOTED, reason="passed"))
    assert desk.told[-1] == ("a", STAY)


async def test_one_that_fails_when_all_are_to_stay_leaves_the_other_alone(desk: Desk) -> None:
    await gone(desk)
    await desk.hear("a", passed=True, promoted=True)
    await desk.hear("b", passed=True, promoted=True)
    told = list(desk.told)
    await desk.coordinator.ended("a", CanaryOutcome(canary="web", outcome=Outcome.ROLLED_BACK, reason="pods"))
    await desk.coordinator.lost("b", "terminated")
    assert desk.told == told


async def test_one_that_was_reset_is_told_anew_what_it_has_to_know(desk: Desk) -> None:
    await gone(desk)
    await desk.hear("b", anew=True)
    assert desk.told[-1] == ("b", GO)
    told = list(desk.told)
    await desk.hear("b", passed=True)
    assert desk.told == told


async def test_one_that_was_reset_counts_as_passed_no_more(desk: Desk) -> None:
    await desk.hear("a", passed=True)
    await desk.hear("a", anew=True)
    await desk.hear("b", passed=True)
    assert desk.told[-1] == ("b", Directive(waits_for="web"))


async def test_one_that_was_reset_after_it_had_turned_back_turns_back_again(desk: Desk) -> None:
    await desk.hear("a", turned_back="its last bake failed")
    await desk.hear("a", anew=True)
    assert desk.told[-1] == ("a", BACK)


async def gone(desk: Desk) -> None:
    """All have passed, and are being promoted."""
    await desk.hear("a", passed=True)
    await desk.hear("b", passed=True)


async def test_one_that_takes_its_word_back_is_waited_for_again(desk: Desk) -> None:
    await desk.hear("a", passed=True)
    await desk.hear("a", passed=False)
    await desk.hear("b", passed=True)
    assert desk.told[-2:] == [("a", Directive(awaited=True)), ("b", Directive(waits_for="web"))]
    assert GO not in [directive for _, directive in desk.told]


async def test_reports_of_another_release_are_left_aside(desk: Desk) -> None:
    await desk.hear("a", passed=True, epoch=6)
    await desk.hear("c", passed=True)
    assert desk.told == []


async def test_a_canary_that_begins_late_is_told_to_turn_back() -> None:
    desk = Desk()
    await desk.coordinator.begun("a")
    await desk.hear("a", turned_back="its last bake failed")
    assert desk.told == []
    await desk.coordinator.begun("b")
    assert desk.told == [("b", BACK)]


async def test_nobody_goes_once_the_release_is_aborted() -> None:
    control = Control()
    desk = Desk(control)
    await desk.coordinator.begun("a")
    await desk.coordinator.begun("b")
    control.ask_abort(AbortRequest())
    await desk.hear("a", passed=True)
    await desk.hear("b", passed=True)
    assert desk.told == []


async def test_what_comes_in_the_same_moment_is_heard_before_all_are_to_stay(desk: Desk) -> None:
    await gone(desk)
    await desk.hear("a", passed=True, promoted=True)
    await asyncio.gather(
        desk.hear("b", passed=True, promoted=True), desk.hear("a", turned_back="its primary is not ready")
    )
    assert desk.told[-1] == ("b", Directive(turn_back="rolled back with web: its primary is not ready"))
    assert STAY not in [directive for _, directive in desk.told]
    assert not desk.coordinator.stayed


async def test_an_abort_while_others_are_being_told_leaves_it_undecided_that_all_stay() -> None:
    control = Control()
    desk = SlowDesk(control)
    for key in ("a", "b"):
        await desk.coordinator.begun(key)
        await desk.hear(key, passed=True)
    desk.free.clear()
    telling = asyncio.create_task(desk.hear("a", passed=True, promoted=True))
    await desk.begun.wait()
    await desk.hear("b", passed=True, promoted=True)
    control.ask_abort(AbortRequest())
    desk.free.set()
    await telling
    assert STAY not in [directive for _, directive in desk.told]
    assert not desk.coordinator.stayed


async def test_one_that_is_reset_after_an_abort_hears_that_all_stay() -> None:
    control = Control()
    desk = Desk(control)
    for key in ("a", "b"):
        await desk.coordinator.begun(key)
    await gone(desk)
    for key in ("a", "b"):
        await desk.hear(key, passed=True, promoted=True)
    control.ask_abort(AbortRequest())
    await desk.hear("b", anew=True)
    assert desk.told[-1] == ("b", STAY)

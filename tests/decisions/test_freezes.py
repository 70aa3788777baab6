"""When a freeze holds, and when it ends, on the days on which clocks change too."""

from datetime import UTC, datetime

import pytest

from tests.decisions.test_plan import canary
from tests.decisions.test_policy_plan import policy
from tidegate.decisions.freezes import frozen, frozen_now, standing
from tidegate.decisions.plan import compile_plan
from tidegate.domain.errors import InvalidInput
from tidegate.domain.freeze_rule import FreezeRule
from tidegate.domain.plan import Freeze, Purpose

BERLIN = "Europe/Berlin"


def rule(schedule: str, duration: str, zone: str = "UTC", reason: str = "weekend") -> FreezeRule:
    parts = {"schedule": schedule, "duration": duration, "timeZone": zone, "reason": reason}
    return FreezeRule.parse(parts)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def until(text: str, *rules: FreezeRule) -> str:
    held = frozen(rules, utc(text))
    return held.until.strftime("%m-%d %H:%M") if held else ""


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        ("2026-11-27 16:59:59", ""),
        ("2026-11-27 17:00:00", "11-30 07:00"),
        ("2026-11-28 12:00:00", "11-30 07:00"),
        ("2026-11-30 06:59:59", "11-30 07:00"),
        ("2026-11-30 07:00:00", ""),
    ],
)
def test_a_freeze_holds_from_its_first_moment_to_its_last(at: str, ends: str) -> None:
    assert until(at, rule("0 18 * * FRI", "62h", BERLIN)) == ends


@pytest.mark.parametrize(
    ("schedule", "duration", "at", "ends"),
    [
        # Spring, 2026-03-29: 02:00 is 03:00 in Berlin, 01:00 UTC.
        ("0 18 * * FRI", "62h", "2026-03-30 06:30", "03-30 07:00"),
        ("30 2 * * *", "1h", "2026-03-29 00:59", ""),
        ("30 2 * * *", "1h", "2026-03-29 01:00", "03-29 02:00"),
        ("30 2 * * *", "1h", "2026-03-29 01:59", "03-29 02:00"),
        ("30 2 * * *", "1h", "2026-03-29 02:00", ""),
        # Autumn, 2026-10-25: 03:00 is 02:00 again, 01:00 UTC.
        ("0 18 * * FRI", "62h", "2026-10-26 05:59", "10-26 06:00"),
        ("0 18 * * FRI", "62h", "2026-10-26 06:00", ""),
        ("30 2 * * *", "1h", "2026-10-25 00:29", ""),
        ("30 2 * * *", "1h", "2026-10-25 00:30", "10-25 01:30"),
        ("30 2 * * *", "1h", "2026-10-25 01:29", "10-25 01:30"),
        ("30 2 * * *", "1h", "2026-10-25 01:30", ""),
        ("15 2 * * *", "5h", "2026-10-25 01:10", "10-25 05:15"),
    ],
)
def test_clocks_that_change_move_a_freeze_and_not_its_length(
    schedule: str, duration: str, at: str, ends: str
) -> None:
    assert until(at, rule(schedule, duration, BERLIN)) == ends


def test_freezes_that_follow_each_other_are_one() -> None:
    friday, monday = rule("0 0 * * FRI", "72h"), rule("0 0 * * MON", "6h", reason="inventory")
    assert until("2026-11-27 12:00", friday, monday) == "11-30 06:00"
    assert until("2026-11-27 12:00", rule("0 * * * *", "1h")) == "12-01 16:00"


def test_all_that_hold_give_their_reasons() -> None:
    held = frozen([rule("0 0 * * *", "2h"), rule("0 1 * * *", "4h", reason="night")], utc("2026-11-27 01:30"))
    assert held is not None
    assert (held.reason, held.until) == ("weekend, night", utc("2026-11-27 05:00"))


@pytest.mark.parametrize(
    ("purpose", "before"), [(Purpose.RELEASE, "scale-up"), (Purpose.INITIALISATION, "prepare")]
)
def test_a_release_comes_to_its_freezes_right_before_it_begins(purpose: Purpose, before: str) -> None:
    freeze = {"schedule": "0 0 * * *", "duration": "24h", "reason": "always"}
    rules = policy(freezes=[freeze], approvals=[{"before": "rollout", "approvers": ["ann"]}])
    plan = compile_plan(canary(stepWeight=50), purpose, 5.0, rules)
    (at,) = [index for index, stage in enumerate(plan.stages) if isinstance(stage, Freeze)]
    assert plan.stages[at + 1].kind == before
    assert frozen_now(plan, utc("2026-11-27 12:00")) is not None


def test_upkeep_is_never_frozen() -> None:
    freeze = {"schedule": "0 0 * * *", "duration": "24h", "reason": "always"}
    plan = compile_plan(canary(stepWeight=50), Purpose.UPKEEP, 5.0, policy(freezes=[freeze]))
    assert frozen_now(plan, utc("2026-11-27 12:00")) is None


@pytest.mark.parametrize(
    ("schedule", "duration"), [("* * * * *", "2m"), ("*/5 * * * *", "8784h"), ("0 0 * * *", "24h1s")]
)
def test_a_freeze_that_always_begins_again_before_its_end_is_refused(schedule: str, duration: str) -> None:
    with pytest.raises(InvalidInput, match="begins again before it ends, time after time"):
        rule(schedule, duration)


@pytest.mark.parametrize("schedule", ["0 0 * * *", "0 0 1 1 *", "0 0 29 2 *", "* 9-17 * * MON-FRI"])
def test_a_freeze_that_may_end_is_accepted(schedule: str) -> None:
    assert rule(schedule, "24h").duration == 86400


def test_the_last_of_a_great_many_beginnings_counts() -> None:
    january = rule("* * 1 1 *", "1440h")
    assert until("2026-01-01 12:00:30", january) == "03-02 23:59"
    assert until("2026-03-02 23:58", january) == "03-02 23:59"
    assert until("2026-03-02 23:59", january) == ""


WEEKEND, HOLIDAYS = rule("0 18 * * FRI", "62h", BERLIN), rule("0 0 20 12 *", "336h", reason="holidays")


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-11-25 12:00", "open now, closes 2026-11-27 17:00:00 UTC"),
        ("2026-11-27 17:00", "closed now, opens 2026-11-30 07:00:00 UTC"),
        ("2026-11-30 07:00", "open now, closes 2026-12-04 17:00:00 UTC"),
        ("2026-12-18 16:59", "open now, closes 2026-12-18 17:00:00 UTC"),
        ("2026-12-25 12:00", "closed now, opens 2027-01-04 07:00:00 UTC"),
    ],
)
def test_a_gate_of_freezes_says_whether_it_is_open_and_until_when(at: str, said: str) -> None:
    assert standing((WEEKEND, HOLIDAYS), utc(at)) == said

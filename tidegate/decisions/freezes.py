"""Whether a moment lies in a freeze, and when that ends.

The schedule is read by the clocks of its time zone, as Debian's cron does: what falls into the hour that is
skipped begins right after it, and what falls into the hour that comes twice begins in the first one. The
duration is time that passes, whatever the clocks do.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from tidegate.contracts import Frozen
from tidegate.domain.freeze_rule import FreezeRule
from tidegate.domain.plan import Freeze, Plan

_REPEATED_HOUR = timedelta(hours=3)
"""More than clocks are ever put back: in the hour that comes twice their times do not only rise."""

_CHAIN = 100
"""Freezes that follow each other without a gap; at the end of so many it is looked again."""


def frozen(rules: Sequence[FreezeRule], at: datetime) -> Frozen | None:
    """The freeze that a moment lies in, to the end of all that follow without a gap; None without one."""
    reasons = [rule.reason for rule in rules if _end(rule, at)]
    if not reasons:
        return None
    until = at
    for _ in range(_CHAIN):
        ends = [end for rule in rules if (end := _end(rule, until))]
        if not ends:
            break
        until = max(ends)
    return Frozen(until=until, reason=", ".join(dict.fromkeys(reasons)))


def frozen_now(plan: Plan, at: datetime) -> Frozen | None:
    """The freeze that a plan would wait in, if it came to it at this moment."""
    return frozen([rule for stage in plan.stages if isinstance(stage, Freeze) for rule in stage.rules], at)


def closes(rules: Sequence[FreezeRule], at: datetime) -> datetime | None:
    """When the next of the freezes begins after this moment; None where none ever does. In UTC."""
    coming = (next((tick for tick in _beginnings(rule, at) if tick > at), None) for rule in rules)
    return min(filter(None, coming), default=None)


def standing(rules: Sequence[FreezeRule], at: datetime) -> str:
    """How a gate of freezes stands at a moment: "open now, closes 2026-12-20 00:00:00 UTC"."""
    if held := frozen(rules, at):
        return f"closed now, opens {held.until:%Y-%m-%d %H:%M:%S} UTC"
    closing = closes(rules, at)
    return f"open now, closes {closing:%Y-%m-%d %H:%M:%S} UTC" if closing else "open now"


def _end(rule: FreezeRule, at: datetime) -> datetime | None:
    """When the rule's freeze at this moment ends; None when there is none. In UTC."""
    length = timedelta(seconds=rule.duration)
    opened, latest = at - length, None
    for begins in _beginnings(rule, _shortly_before_last(rule, opened, at)):
        if begins > at:
            break
        if begins > opened:
            latest = begins
    return latest + length if latest else None


def _shortly_before_last(rule: FreezeRule, earliest: datetime, at: datetime) -> datetime:
    """A moment with few beginnings between it and the last one, however many there are since the earliest."""
    latest = at
    while latest - earliest > _REPEATED_HOUR:
        middle = earliest + (latest - earliest) / 2
        if next(_beginnings(rule, middle)) <= at:
            earliest = middle
        else:
            latest = middle
    return earliest


def _beginnings(rule: FreezeRule, since: datetime) -> Iterator[datetime]:
    """In UTC, from the repeated hour before that moment on."""
    ticks = CronSim(rule.schedule, (since - _REPEATED_HOUR).astimezone(ZoneInfo(rule.time_zone)))
    return (tick.astimezone(UTC) for tick in ticks)

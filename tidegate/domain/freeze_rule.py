"""When no release may begin: a part of a ReleasePolicy."""

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field

from tidegate.domain.base import Duration, ManifestModel

LONGEST = 366 * 86400.0
"""Seconds of one freeze."""


def _schedule(text: str) -> str:
    try:
        if len(text.split()) != 5:
            raise CronSimError
        next(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        raise ValueError(
            f"{text!r} is no schedule; write five fields as cron has them, as in 0 18 * * FRI"
        ) from None
    return text


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write one as in Europe/Berlin, or UTC") from None
    return name


def _length(seconds: Any) -> Any:
    if not 60 <= seconds <= LONGEST:
        raise ValueError("is not between a minute and 366 days; give a length such as 62h")
    return seconds


class FreezeRule(ManifestModel):
    """From each moment of the `schedule`, by the clocks of the time zone, for the whole duration."""

    schedule: Annotated[str, AfterValidator(_schedule)]
    duration: Annotated[Duration, AfterValidator(_length)]
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    reason: str = Field(min_length=1, max_length=200)

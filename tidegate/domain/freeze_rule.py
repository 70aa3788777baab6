"""When no release may begin: a part of a ReleasePolicy."""

from datetime import UTC, datetime
from itertools import islice, pairwise, takewhile
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, model_validator

from tidegate.domain.base import Duration, ManifestModel

LONGEST = 366 * 86400.0
"""Seconds of one freeze."""

_CHAIN = 1500
"""Beginnings in a row, each inside the freeze before it, that are as good as no end: a day of minutes."""


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

    @model_validator(mode="after")
    def _ends(self) -> Self:
        ticks = takewhile(
            lambda tick: tick.year < 2041, CronSim(self.schedule, datetime(2026, 1, 1, tzinfo=UTC))
        )
        some = pairwise(islice(ticks, _CHAIN))
        if all((after - before).total_seconds() < self.duration for before, after in some):
            raise ValueError("begins again before it ends, time after time; give a shorter duration")
        return self

"""A comparison of the canary's numbers with the current version's, and what of a difference counts."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from tidegate.domain.base import Duration, ManifestModel
from tidegate.domain.duration import format_duration

MOST_SAMPLES = 1000

HEAVIEST = 50
"""Percent of the requests: a canary with more is not compared, as nobody else can have as many."""


class Worse(StrEnum):
    """Which way a value gets worse."""

    INCREASE = "increase"
    DECREASE = "decrease"
    EITHER = "either"


class ComparedMetric(ManifestModel):
    """One of the Canary's metrics. Both sizes have to be reached; without `worse` the metric's range says it.

    `effect_size` is relative to the current version's mean, `minimum_difference` in the metric's unit.
    """

    name: str = Field(min_length=1)
    worse: Worse | None = None
    effect_size: float = Field(default=0.25, ge=0, allow_inf_nan=False)
    minimum_difference: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class Comparison(ManifestModel):
    """What is compared with what: one sample for each `step` of the analysis, back to `window`.

    The primary is what serves users anyway; a baseline is the same version deployed anew for the comparison,
    as young and as large as the canary, and with as much traffic.
    """

    with_: Literal["primary", "baseline"] = Field(alias="with")
    metrics: tuple[ComparedMetric, ...] = Field(min_length=1)
    minimum_samples: int = Field(default=20, ge=5)
    step: Duration = 30.0
    window: Duration = 3600.0
    confidence: float = Field(default=0.98, ge=0.5, lt=1)

    @model_validator(mode="after")
    def _each_metric_once(self) -> Self:
        names = [metric.name for metric in self.metrics]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"has the metric {twice[0]!r} twice; keep one of them")
        return self

    @property
    def with_baseline(self) -> bool:
        """Whether a baseline is to be deployed."""
        return self.with_ == "baseline"

    def baseline_share(self, weight: float) -> float:
        """What the baseline gets, in percent, where the canary gets `weight`: as much, as far as there is."""
        return weight if self.with_baseline and weight <= HEAVIEST else 0

    @property
    def shortest_seconds(self) -> float:
        """How long an analysis has to last until there can be enough samples."""
        return (self.minimum_samples + 1) * self.step

    @model_validator(mode="after")
    def _has_room_for_its_samples(self) -> Self:
        if self.step < 1:
            raise ValueError("has a step of less than a second; write 1s or more, as in 30s")
        if self.window / self.step > MOST_SAMPLES:
            window, step = format_duration(self.window), format_duration(self.step)
            raise ValueError(
                f"has a window of {window} with a step of {step}, and so more than {MOST_SAMPLES} samples; "
                "give a shorter window or a longer step"
            )
        if self.window < self.shortest_seconds:
            told = format_duration(self.shortest_seconds)
            raise ValueError(f"has a window too short for its samples; give a window of {told} or more")
        return self

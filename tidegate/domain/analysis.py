"""A Canary's analysis: how the traffic moves, what is asked on the way, and who is told."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tidegate.domain.alert_provider import Severity
from tidegate.domain.base import Duration, ManifestModel, Window
from tidegate.domain.complaints import WEB_ADDRESS
from tidegate.domain.duration import parse_window
from tidegate.domain.hook import HookType

_COOKIE_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
_ATTRIBUTE = r"^[^;,\s]*$"
BUILTIN_METRICS = ("request-success-rate", "request-duration")


class ThresholdRange(ManifestModel):
    """Inclusive bounds, in the metric's own unit."""

    min: float | None = None
    max: float | None = None


class TemplateRef(ManifestModel):
    """Another object among the manifests: a metric's MetricTemplate, an alert's AlertProvider."""

    name: str = Field(min_length=1)
    namespace: str = ""


class Metric(ManifestModel):
    """One check: a value, where it comes from, and its range. `interval` is the query's window."""

    name: str = Field(min_length=1)
    interval: Window = "1m"
    threshold: float | None = None
    threshold_range: ThresholdRange | None = None
    query: str = ""
    template_ref: TemplateRef | None = None
    template_variables: dict[str, str] = {}

    @model_validator(mode="after")
    def _has_source_and_range(self) -> Self:
        if self.template_ref is None and not self.query and self.name not in BUILTIN_METRICS:
            known = " or ".join(BUILTIN_METRICS)
            raise ValueError(
                f"the metric {self.name!r} has no template; give templateRef or query, or name it {known}"
            )
        if self.threshold is None and (
            self.threshold_range is None or self.threshold_range == ThresholdRange()
        ):
            raise ValueError(f"the metric {self.name!r} has no range; give thresholdRange with min or max")
        return self

    @property
    def window_seconds(self) -> float:
        """The interval as a number."""
        return parse_window(self.interval)

    @property
    def range(self) -> ThresholdRange:
        """The bounds in force; the deprecated `threshold` is a maximum, but for the success rate."""
        if self.threshold_range is not None and self.threshold_range != ThresholdRange():
            return self.threshold_range
        if self.name == "request-success-rate":
            return ThresholdRange(min=self.threshold)
        return ThresholdRange(max=self.threshold)


class Webhook(ManifestModel):
    """One HTTP hook; of type rollout and with `metadata.cmd`, the load test."""

    type: Annotated[HookType, BeforeValidator(lambda value: value or HookType.ROLLOUT)] = HookType.ROLLOUT
    name: str = Field(min_length=1)
    url: str = Field(min_length=1, pattern=WEB_ADDRESS)
    timeout: Duration = 10.0
    retries: int = Field(default=0, ge=0)
    metadata: dict[str, str] = {}
    mute_alert: bool = False
    disable_tls: bool = Field(default=False, alias="disableTLS")


class SessionAffinity(ManifestModel):
    """The cookie that keeps a visitor on the side that answered first. `max_age` is in seconds."""

    cookie_name: str = Field(pattern=_COOKIE_NAME)
    primary_cookie_name: str = Field(default="", pattern=rf"^$|{_COOKIE_NAME}")
    max_age: int = Field(default=86400, ge=1)
    domain: str = Field(default="", pattern=_ATTRIBUTE)
    path: str = Field(default="", pattern=_ATTRIBUTE)
    same_site: Literal["", "Strict", "Lax", "None"] = ""
    http_only: bool = False
    secure: bool = False
    partitioned: bool = False

    @model_validator(mode="after")
    def _two_cookies(self) -> Self:
        if self.cookie_name == self.primary_cookie_name:
            raise ValueError("has one name for both cookies; let cookieName and primaryCookieName differ")
        return self


class Alert(ManifestModel):
    """A chat that is told of the release; `severity` and what is worse, everything when empty."""

    name: str = Field(min_length=1)
    severity: Literal["", "info", "warn", "error"] = ""
    provider_ref: TemplateRef

    @property
    def wanted(self) -> Severity:
        """The least severity that it wants."""
        return Severity(self.severity or "info")


class Analysis(ManifestModel):
    """How the traffic moves, and what every step must show.

    Requests that `match` are for the canary: with `iterations` this is A/B testing. `iterations` alone are
    blue/green. `mirror` copies requests to the canary before, or instead of, giving it any. The ready
    thresholds are the percent of a side's pods that have to be available; one pod at least.
    """

    interval: Duration = 60.0
    threshold: int = Field(default=1, ge=0)
    max_weight: int = Field(default=100, ge=1, le=100)
    step_weight: int | None = Field(default=None, ge=1, le=100)
    step_weights: tuple[int, ...] = ()
    step_weight_promotion: int = Field(default=0, ge=0, le=100)
    iterations: int = Field(default=0, ge=0)
    match: tuple[dict[str, Any], ...] = ()
    mirror: bool = False
    mirror_weight: int = Field(default=0, ge=0, le=100)
    session_affinity: SessionAffinity | None = None
    metrics: tuple[Metric, ...] = ()
    alerts: tuple[Alert, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    primary_ready_threshold: int = Field(default=100, ge=0, le=100)
    canary_ready_threshold: int = Field(default=100, ge=0, le=100)

    @model_validator(mode="after")
    def _one_kind_of_steps(self) -> Self:
        kinds = {
            "iterations": self.iterations,
            "stepWeight": self.step_weight,
            "stepWeights": self.step_weights,
        }
        given = [name for name, value in kinds.items() if value]
        if len(given) > 1:
            raise ValueError(f"has both {given[0]} and {given[1]}; keep one of them")
        if not given:
            raise ValueError("has no steps; give stepWeight, stepWeights or iterations")
        return self

    @model_validator(mode="after")
    def _rising_weights(self) -> Self:
        rising = all(low < high for low, high in zip(self.step_weights, self.step_weights[1:], strict=False))
        if not rising or any(not 1 <= weight <= 100 for weight in self.step_weights):
            shown = ", ".join(map(str, self.step_weights))
            raise ValueError(f"stepWeights are {shown}; let them rise, between 1 and 100")
        return self

    @property
    def weights(self) -> tuple[int, ...]:
        """The canary's shares in percent, rising: stepWeights as given, else multiples of stepWeight.

        The last multiple is the first at or over maxWeight, as in Flagger: step 20 to 50 goes 20, 40, 60.
        """
        if not self.step_weight:
            return self.step_weights
        steps = -(-self.max_weight // self.step_weight)
        return tuple(min(100, self.step_weight * count) for count in range(1, steps + 1))

    @property
    def mirrored(self) -> int:
        """How many percent of the requests are copied to the canary; 0 where none are.

        A/B testing gives the canary its own visitors, as with Flagger: nothing is copied beside them.
        """
        return (self.mirror_weight or 100) if self.mirror and not self.match else 0

    def hooks(self, kind: HookType) -> tuple[Webhook, ...]:
        """The webhooks of one type, in the manifest's order."""
        return tuple(hook for hook in self.webhooks if hook.type is kind)

    @property
    def failed_checks_allowed(self) -> int:
        """The number of failed checks that ends the release; 0 means 1, as in Flagger."""
        return max(1, self.threshold)

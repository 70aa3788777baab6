"""A Flagger `Canary`: how to release one target."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tidegate.domain.alert_provider import Severity
from tidegate.domain.application import Metadata
from tidegate.domain.base import Duration, ManifestModel, Window
from tidegate.domain.duration import parse_window
from tidegate.domain.hook import HookType

API_GROUP = "flagger.app"
_COOKIE_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
_ATTRIBUTE = r"^[^;,\s]*$"
BUILTIN_METRICS = ("request-success-rate", "request-duration")
NO_DATA = "tidegate.dev/no-data"
"""Annotation of a Canary: whether checks without traffic, data or an answer fail (as in Flagger) or wait."""


UNRELEASED_KINDS = {
    "DaemonSet": "release it by a Deployment, or leave this Canary to Flagger",
    "Service": "name the Deployment behind it, or leave this Canary to Flagger",
}
"""Kinds of targets that Flagger knows, and how to do without."""


class TargetRef(ManifestModel):
    """The Deployment that carries new versions."""

    api_version: str = "apps/v1"
    kind: Literal["Deployment"]
    name: str = Field(min_length=1)

    @field_validator("kind", mode="before")
    @classmethod
    def _released_kind(cls, value: object) -> object:
        if mend := UNRELEASED_KINDS.get(str(value)):
            raise ValueError(f"a {value} is not released yet; {mend}")
        return value


class ScalerReplicas(ManifestModel):
    """Bounds of the primary's autoscaler; what is not given is as in the target's."""

    min_replicas: int | None = Field(default=None, ge=1)
    max_replicas: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_replicas and self.max_replicas and self.min_replicas > self.max_replicas:
            raise ValueError("has minReplicas over maxReplicas; let them rise")
        return self


class AutoscalerRef(ManifestModel):
    """The target's HorizontalPodAutoscaler, in any version of its API, or its ScaledObject of KEDA.

    `primary_scaler_queries` has a query for the primary by the name of a ScaledObject's trigger.
    """

    api_version: str = "autoscaling/v2"
    kind: Literal["HorizontalPodAutoscaler", "ScaledObject"]
    name: str = Field(min_length=1)
    primary_scaler_queries: dict[str, str] = {}
    primary_scaler_replicas: ScalerReplicas | None = None

    @model_validator(mode="after")
    def _queries_have_triggers(self) -> Self:
        if self.primary_scaler_queries and self.kind != "ScaledObject":
            raise ValueError("has primaryScalerQueries, which are for a ScaledObject; remove them")
        return self


class Rewrite(ManifestModel):
    """Istio's HTTPRewrite."""

    uri: str = ""
    authority: str = ""


class ServiceMetadata(ManifestModel):
    """What one of the Services bears, apart from the label that every release gives it."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class UnmanagedMetadata(ManifestModel):
    """Keys on the Services that are another controller's once they are there."""

    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()


class Service(ManifestModel):
    """The services and the routing of the release. Istio's own parts are passed on as they are."""

    name: str = ""
    port: int = Field(ge=1, le=65535)
    port_name: str = "http"
    target_port: int | str | None = None
    gateways: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    traffic_policy: dict[str, Any] | None = None
    timeout: str = ""
    retries: dict[str, Any] | None = None
    match: tuple[dict[str, Any], ...] = ()
    headers: dict[str, Any] | None = None
    cors_policy: dict[str, Any] | None = None
    rewrite: Rewrite | None = None
    app_protocol: str = ""
    port_discovery: bool = False
    headless: bool = False
    traffic_distribution: Literal["", "PreferClose", "PreferSameZone", "PreferSameNode"] = ""
    apex: ServiceMetadata | None = None
    primary: ServiceMetadata | None = None
    canary: ServiceMetadata | None = None
    unmanaged_metadata: UnmanagedMetadata | None = None
    delegation: bool = False
    unsupported: ClassVar = {
        "gatewayRefs": "the Gateway API is not supported yet: use Istio's gateways",
        "mirror": "the Gateway API is not supported yet: remove it",
        "meshName": "App Mesh is not supported: remove it",
        "backends": "App Mesh is not supported: remove it",
        "backendTimeout": "only Istio is supported: use timeout",
    }

    @model_validator(mode="after")
    def _delegate_has_no_scope(self) -> Self:
        if self.delegation and (self.hosts or self.gateways):
            raise ValueError(
                "delegates, and has hosts or gateways; leave those to the delegating VirtualService"
            )
        return self

    @property
    def is_tcp(self) -> bool:
        """Whether connections are split, and not requests."""
        return self.app_protocol.lower() == "tcp"


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
    url: str = Field(min_length=1, pattern=r"^https?://[^\s/]+")
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
    blue/green. `mirror` copies requests to the canary before, or instead of, giving it any.
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
    unsupported: ClassVar = {
        "primaryReadyThreshold": "all pods must be ready: remove it",
        "canaryReadyThreshold": "all pods must be ready: remove it",
    }

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


class CanarySpec(ManifestModel):
    """What Flagger calls the spec, as far as it is acted on."""

    target_ref: TargetRef
    autoscaler_ref: AutoscalerRef | None = None
    progress_deadline_seconds: int = Field(default=600, ge=1)
    service: Service
    analysis: Analysis
    skip_analysis: bool = False
    provider: Literal["", "istio"] = ""
    metrics_server: str = ""
    unsupported: ClassVar = {
        "revertOnDeletion": "uninstalling is not supported yet: set it to false",
        "suspend": "do not start a release instead: set it to false",
        "canaryAnalysis": "rename it to analysis",
        "ingressRef": "only Istio is supported: remove it",
        "routeRef": "only Istio is supported: remove it",
        "upstreamRef": "only Istio is supported: remove it",
    }

    @model_validator(mode="after")
    def _connections_have_no_requests(self) -> Self:
        """Istio splits connections by weight, and knows nothing else of them."""
        asked = {
            "analysis.match": self.analysis.match,
            "analysis.mirror": self.analysis.mirror,
            "analysis.sessionAffinity": self.analysis.session_affinity,
            "service.delegation": self.service.delegation,
        }
        if self.service.is_tcp and (given := [name for name, value in asked.items() if value]):
            raise ValueError(
                f"has appProtocol tcp and {given[0]}, which Istio has for HTTP alone; remove one"
            )
        return self


class Canary(ManifestModel):
    """One Flagger Canary manifest."""

    api_version: Literal["flagger.app/v1beta1"] = "flagger.app/v1beta1"
    kind: Literal["Canary"] = "Canary"
    metadata: Metadata
    spec: CanarySpec
    status: Any = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _says_what_no_data_means(self) -> Self:
        asked = self.metadata.annotations.get(NO_DATA)
        if asked not in (None, "fail", "wait"):
            raise ValueError(f"the annotation {NO_DATA} is {asked[:40]!r}; write fail or wait")
        return self

    @property
    def waits_for_data(self) -> bool:
        """Whether a check that could not say anything is repeated, and not counted as failed."""
        return self.metadata.annotations.get(NO_DATA) == "wait"

    @property
    def name(self) -> str:
        """The canary's name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """The canary's namespace, which is its target's too."""
        return self.metadata.namespace

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is acted on, and is better not asked for."""
        return tuple(
            f"webhook {hook.name}: disableTLS leaves the certificate of its server unverified"
            for hook in self.spec.analysis.webhooks
            if hook.disable_tls and hook.url.startswith("https:")
        )

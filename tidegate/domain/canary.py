"""A Flagger `Canary`: how to release one target."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tidegate.domain.application import Metadata
from tidegate.domain.base import Duration, ManifestModel, Window
from tidegate.domain.duration import parse_window

API_GROUP = "flagger.app"
BUILTIN_METRICS = ("request-success-rate", "request-duration")
NO_DATA = "tidegate.dev/no-data"
"""Annotation of a Canary: whether checks without traffic, data or an answer fail (as in Flagger) or wait."""


class TargetRef(ManifestModel):
    """The Deployment that carries new versions."""

    api_version: str = "apps/v1"
    kind: Literal["Deployment"]
    name: str = Field(min_length=1)


class AutoscalerRef(ManifestModel):
    """The target's HorizontalPodAutoscaler; any version of its API."""

    api_version: str = "autoscaling/v2"
    kind: Literal["HorizontalPodAutoscaler"]
    name: str = Field(min_length=1)
    unsupported: ClassVar = {
        "primaryScalerQueries": "KEDA is not supported yet: use an HPA",
        "primaryScalerReplicas": "the primary's HPA keeps the bounds of the target's: remove it",
    }


class Rewrite(ManifestModel):
    """Istio's HTTPRewrite."""

    uri: str = ""
    authority: str = ""


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
    unsupported: ClassVar = {
        "appProtocol": "only HTTP services are released yet: remove it",
        "portDiscovery": "list the one port that is released, and remove it",
        "headless": "headless services are not supported yet: remove it",
        "delegation": "give hosts and gateways instead of delegation",
        "apex": "service metadata is not supported yet: remove it",
        "primary": "service metadata is not supported yet: remove it",
        "canary": "service metadata is not supported yet: remove it",
        "unmanagedMetadata": "Tidegate leaves foreign metadata alone anyway: remove it",
        "trafficDistribution": "traffic distribution is not supported yet: remove it",
        "gatewayRefs": "the Gateway API is not supported yet: use Istio's gateways",
        "mirror": "the Gateway API is not supported yet: remove it",
        "meshName": "App Mesh is not supported: remove it",
        "backends": "App Mesh is not supported: remove it",
        "backendTimeout": "only Istio is supported: use timeout",
    }


class ThresholdRange(ManifestModel):
    """Inclusive bounds, in the metric's own unit."""

    min: float | None = None
    max: float | None = None


class TemplateRef(ManifestModel):
    """The MetricTemplate that holds a metric's query."""

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
        if self.threshold_range is not None:
            return self.threshold_range
        if self.name == "request-success-rate":
            return ThresholdRange(min=self.threshold)
        return ThresholdRange(max=self.threshold)


class Webhook(ManifestModel):
    """One HTTP hook of a bake; with `metadata.cmd`, the load test."""

    type: Literal["", "rollout"] = "rollout"
    name: str = Field(min_length=1)
    url: str = Field(min_length=1, pattern=r"^https?://[^\s/]+")
    timeout: Duration = 10.0
    retries: int = Field(default=0, ge=0)
    metadata: dict[str, str] = {}
    unsupported: ClassVar = {
        "muteAlert": "alerts are not sent yet: remove it",
        "disableTLS": "certificates are always verified: remove it",
    }


class Analysis(ManifestModel):
    """How the traffic moves, and what every step must show."""

    interval: Duration = 60.0
    threshold: int = Field(default=1, ge=0)
    max_weight: int = Field(default=100, ge=1, le=100)
    step_weight: int | None = Field(default=None, ge=1, le=100)
    step_weights: tuple[int, ...] = ()
    metrics: tuple[Metric, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    unsupported: ClassVar = {
        "iterations": "A/B and blue/green are not supported yet: use stepWeight or stepWeights",
        "match": "A/B is not supported yet: use stepWeight or stepWeights",
        "mirror": "mirroring is not supported yet: remove it",
        "mirrorWeight": "mirroring is not supported yet: remove it",
        "stepWeightPromotion": "promotion is one step: remove it",
        "primaryReadyThreshold": "all pods must be ready: remove it",
        "canaryReadyThreshold": "all pods must be ready: remove it",
        "alerts": "alerts are not sent yet: remove it",
        "sessionAffinity": "session affinity is not supported yet: remove it",
    }

    @model_validator(mode="after")
    def _one_kind_of_steps(self) -> Self:
        if self.step_weight and self.step_weights:
            raise ValueError("has both stepWeight and stepWeights; keep one of them")
        if not self.step_weight and not self.step_weights:
            raise ValueError("has neither stepWeight nor stepWeights; give one of them")
        return self

    @model_validator(mode="after")
    def _rising_weights(self) -> Self:
        rising = all(low < high for low, high in zip(self.step_weights, self.step_weights[1:], strict=False))
        if not rising or any(not 1 <= weight <= 100 for weight in self.step_weights):
            shown = ", ".join(map(str, self.step_weights))
            raise ValueError(f"stepWeights are {shown}; let them rise, between 1 and 100")
        return self

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
    provider: Literal["", "istio"] = ""
    metrics_server: str = ""
    unsupported: ClassVar = {
        "skipAnalysis": "use `tidegate promote` to skip an analysis: set it to false",
        "revertOnDeletion": "uninstalling is not supported yet: set it to false",
        "suspend": "do not start a release instead: set it to false",
        "canaryAnalysis": "rename it to analysis",
        "ingressRef": "only Istio is supported: remove it",
        "routeRef": "only Istio is supported: remove it",
        "upstreamRef": "only Istio is supported: remove it",
    }


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

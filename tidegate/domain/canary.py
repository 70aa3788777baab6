"""A Flagger `Canary`: how to release one target."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from tidegate.domain.analysis import Analysis
from tidegate.domain.application import Metadata
from tidegate.domain.base import ManifestModel
from tidegate.domain.service import Service

API_GROUP = "flagger.app"
API_VERSION, KIND = f"{API_GROUP}/v1beta1", "Canary"
NO_DATA = "tidegate.dev/no-data"
"""Annotation of a Canary: whether checks without traffic, data or an answer fail (as in Flagger) or wait."""


class TargetRef(ManifestModel):
    """The Deployment, DaemonSet or Service that carries new versions."""

    api_version: str = "apps/v1"
    kind: Literal["Deployment", "DaemonSet", "Service"]
    name: str = Field(min_length=1)


_UNSCALED = {"DaemonSet": "follow the nodes", "Service": "are its team's own to scale"}
"""Kinds of targets without an autoscaler, and why."""


_OF_NEW_SERVICES = {
    "port_name",
    "target_port",
    "headless",
    "traffic_distribution",
    "primary",
    "canary",
    "unmanaged_metadata",
}
"""What a Canary's service says of Services that a release makes for a workload."""


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


class CanarySpec(ManifestModel):
    """What Flagger calls the spec, as far as it is acted on.

    `revert_on_deletion` is what `tidegate uninstall` does when it is asked to: no deletion is watched for.
    """

    target_ref: TargetRef
    autoscaler_ref: AutoscalerRef | None = None
    progress_deadline_seconds: int = Field(default=600, ge=1)
    service: Service
    analysis: Analysis
    skip_analysis: bool = False
    suspend: bool = False
    revert_on_deletion: bool = False
    provider: Literal["", "istio"] = ""
    metrics_server: str = ""
    unsupported: ClassVar = {
        "ingressRef": "only Istio is supported: remove it",
        "routeRef": "only Istio is supported: remove it",
        "upstreamRef": "only Istio is supported: remove it",
    }

    @model_validator(mode="before")
    @classmethod
    def _analysis_by_its_old_name(cls, value: Any) -> Any:
        """`canaryAnalysis` is Flagger's deprecated word for it."""
        if not isinstance(value, dict) or "canaryAnalysis" not in value:
            return value
        if "analysis" in value:
            raise ValueError("has both analysis and canaryAnalysis, its old name; keep analysis")
        return {"analysis" if name == "canaryAnalysis" else name: item for name, item in value.items()}

    @model_validator(mode="after")
    def _others_are_not_scaled(self) -> Self:
        why = _UNSCALED.get(self.target_ref.kind)
        if self.autoscaler_ref and why:
            kind = self.target_ref.kind
            raise ValueError(f"has autoscalerRef, and its target is a {kind}, whose pods {why}; remove it")
        return self

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
        """What is acted on, and is better not asked for, and what a target Service says itself."""
        unverified = (
            f"webhook {hook.name}: disableTLS leaves the certificate of its server unverified"
            for hook in self.spec.analysis.webhooks
            if hook.disable_tls and hook.url.startswith("https:")
        )
        return (*unverified, *self._idle)

    @property
    def _idle(self) -> tuple[str, ...]:
        """Nothing is made of a Canary's service beside a target Service, which is copied as it is."""
        if self.spec.target_ref.kind != "Service":
            return ()
        given = sorted(self.spec.service.model_fields_set & _OF_NEW_SERVICES)
        names = ", ".join(f"service.{to_camel(name)}" for name in given)
        said = f"not acted on: the target is a Service, and those beside it are copies of it: {names}"
        return (said,) if names else ()

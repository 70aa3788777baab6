"""A Canary's service: the Services and routes around its target (Istio's own parts as they are)."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tidegate.domain.base import ManifestModel


class Rewrite(ManifestModel):
    """Istio's HTTPRewrite."""

    uri: str = ""
    authority: str = ""
    unsupported: ClassVar = {"type": "it is the Gateway API's: remove it"}


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

"""A Flagger `MetricTemplate`: a query with gaps, and the server that answers it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tidegate.domain.application import Metadata
from tidegate.domain.base import ManifestModel

ProviderType = Literal[
    "prometheus",
    "datadog",
    "newrelic",
    "graphite",
    "influxdb",
    "dynatrace",
    "splunk",
    "cloudwatch",
    "stackdriver",
    "keptn",
]

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_OURS = frozenset(
    {"host", "connection", "content-length", "content-type", "transfer-encoding", "upgrade", "te", "trailer"}
)


def _sendable(headers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    for name, values in headers.items():
        if not _HEADER.fullmatch(name) or not all(_is_value(each) for each in values):
            raise ValueError(f"the header {name[:40]!r} cannot be sent; write plain names and values")
        if name.lower() in _NOT_OURS:
            raise ValueError(f"the header {name!r} belongs to the connection; remove it")
    return headers


def _is_value(text: str) -> bool:
    return text.isascii() and text.isprintable() and text == text.strip()


class SecretRef(ManifestModel):
    """The Secret of the template's namespace that holds the server's credentials."""

    name: str = Field(min_length=1)


class Provider(ManifestModel):
    """The server that answers the query. An empty address means the provider's public one.

    A Prometheus has none: there it means the cluster's own. `headers` go along with each request.
    """

    type: ProviderType
    address: str = ""
    headers: Annotated[dict[str, tuple[str, ...]], AfterValidator(_sendable)] = {}
    secret_ref: SecretRef | None = None
    region: str = Field(default="", pattern=r"^([a-z0-9]+(-[a-z0-9]+)*)?$")
    insecure_skip_verify: bool = False

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        has = {"address": self.address, "secretRef": self.secret_ref, "region": self.region}
        missing = [name for name in _NEEDED.get(self.type, ()) if not has[name]]
        if missing:
            raise ValueError(f"the provider {self.type} has no {missing[0]}; add it")
        if self.type == "prometheus" and self.secret_ref and not self.address:
            raise ValueError("the provider has credentials and no address; give the server's address")
        return self

    @property
    def unused(self) -> tuple[str, ...]:
        """Fields that are given, and change nothing for a provider of this type."""
        given = {
            "address": self.address,
            "headers": self.headers,
            "secretRef": self.secret_ref,
            "insecureSkipVerify": self.insecure_skip_verify,
        }
        unused = given if self.type == "keptn" else {}
        if self.type != "cloudwatch":
            unused = {**unused, "region": self.region}
        return tuple(name for name, value in unused.items() if value)

    @property
    def base_address(self) -> str:
        """The address that is called; "" for the cluster's own Prometheus, and where a cluster's API is."""
        address = self.address or _PUBLIC.get(self.type, "").format(region=self.region)
        if self.type == "cloudwatch" and not self.address and self.region.startswith("cn-"):
            address += ".cn"
        if self.type == "splunk":
            address = _SIGNALFX.sub(r"http\1://stream.", address)
        return address.rstrip("/")


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "datadog": ("secretRef",),
    "newrelic": ("secretRef",),
    "graphite": ("address",),
    "influxdb": ("address",),
    "dynatrace": ("address", "secretRef"),
    "splunk": ("address", "secretRef"),
    "cloudwatch": ("region",),
    "stackdriver": ("secretRef",),
}
_PUBLIC: Mapping[str, str] = {
    "datadog": "https://api.datadoghq.com",
    "newrelic": "https://insights-api.newrelic.com",
    "cloudwatch": "https://monitoring.{region}.amazonaws.com",
    "stackdriver": "https://monitoring.googleapis.com",
}
_SIGNALFX = re.compile(r"^(?:http|ws)(s?)://(?:api|stream)\.")
"""Splunk's users give the address of its API or of its stream; queries go to the stream, by plain HTTP."""


class MetricTemplateSpec(ManifestModel):
    """What to ask, and whom."""

    provider: Provider
    query: str = Field(min_length=1)


class MetricTemplate(ManifestModel):
    """One Flagger MetricTemplate manifest."""

    api_version: Literal["flagger.app/v1beta1"] = "flagger.app/v1beta1"
    kind: Literal["MetricTemplate"] = "MetricTemplate"
    metadata: Metadata
    spec: MetricTemplateSpec
    status: Any = Field(default=None, exclude=True)

    @property
    def full_name(self) -> str:
        """Namespace and name, as messages give them."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of a plan should know of it."""
        provider, told = self.spec.provider, []
        if provider.unused:
            unused = ", ".join(provider.unused)
            told.append(f"MetricTemplate {self.full_name}: {unused} changes nothing for {provider.type}")
        if provider.insecure_skip_verify and provider.type != "keptn":
            told.append(
                f"MetricTemplate {self.full_name} has insecureSkipVerify: nobody verifies whose answers "
                "decide on the release, or who is told its credentials"
            )
        return tuple(told)

"""A Flagger `AlertProvider`: a chat that is told what becomes of a canary."""

from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tidegate.domain.application import Metadata
from tidegate.domain.base import ManifestModel, Model
from tidegate.domain.complaints import OPTIONAL_WEB_ADDRESS
from tidegate.domain.metric_template import SecretRef


class Severity(StrEnum):
    """How much an alert matters, rising."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"

    def reaches(self, wanted: "Severity") -> bool:
        """Whether who wants alerts of `wanted` and worse gets this one."""
        order = list(Severity)
        return order.index(self) >= order.index(wanted)


class Fact(Model):
    """One line of an alert's details."""

    name: str
    value: str


class AlertProviderSpec(ManifestModel):
    """Which chat, and where. A Secret's `address` goes before the one given; its `token` is a Slack bot's."""

    type: Literal["slack", "msteams", "discord", "rocket", "gchat"]
    channel: str = "general"
    username: str = "tidegate"
    address: str = Field(default="", pattern=OPTIONAL_WEB_ADDRESS)
    proxy: str = Field(default="", pattern=OPTIONAL_WEB_ADDRESS)
    secret_ref: SecretRef | None = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if not self.address and self.secret_ref is None:
            raise ValueError("has no address; give address, or secretRef with the key address")
        return self


class AlertProvider(ManifestModel):
    """One Flagger AlertProvider manifest."""

    api_version: Literal["flagger.app/v1beta1"] = "flagger.app/v1beta1"
    kind: Literal["AlertProvider"] = "AlertProvider"
    metadata: Metadata
    spec: AlertProviderSpec
    status: Any = Field(default=None, exclude=True)

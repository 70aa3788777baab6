"""A Flagger `MetricTemplate`: a query with gaps, and the server that answers it."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from tidegate.domain.application import Metadata
from tidegate.domain.base import ManifestModel


class Provider(ManifestModel):
    """The server that answers the query. An empty address means the cluster's own Prometheus."""

    type: Literal["prometheus"]
    address: str = ""
    unsupported: ClassVar = {
        "headers": "headers are not sent yet: remove them",
        "secretRef": "credentials of templates are not read yet: remove it",
        "region": "only prometheus is supported yet: remove it",
        "insecureSkipVerify": "certificates are always verified: remove it",
    }


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

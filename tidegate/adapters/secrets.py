"""Reads a Secret's values at the moment of use: a rotated one counts at once, and nothing is kept."""

import base64
from collections.abc import Mapping
from typing import Protocol

from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig


class Reader(Protocol):
    """A cluster, as far as Secrets need it: kubernetes.Cluster is one."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...


def secret_values(
    cluster: Reader, called: str, namespace: str, name: str, *, field: str
) -> Mapping[str, str]:
    """The values by their keys, as text; InvalidInput when the cluster, `called` so, has none. It blocks.

    `field` of a manifest is what names the Secret.
    """
    secret = cluster.get("v1", "Secret", namespace, name)
    if secret is None:
        raise InvalidInput(
            f"there is no Secret {namespace}/{name} in cluster {called}",
            field=field,
            mend="create it, or correct the name",
        )
    return {key: _decoded(value) for key, value in (dig(secret, "data") or {}).items()}


def _decoded(value: str) -> str:
    """The end of line that files leave behind is nobody's password."""
    return base64.b64decode(value).decode("utf-8", "replace").strip("\r\n")

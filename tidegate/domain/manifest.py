"""A Kubernetes object as YAML and JSON write it, and what identifies it.

Manifests stay plain dicts: they belong to the user, and Tidegate knows but a few of their fields.
"""

from collections.abc import Mapping
from typing import Any

from tidegate.domain.base import Model

Manifest = dict[str, Any]


class ObjectRef(Model):
    """Which object a manifest describes. `namespace` is empty for objects of the whole cluster."""

    api_version: str
    kind: str
    namespace: str = ""
    name: str

    @property
    def group(self) -> str:
        """The API group; empty for Kubernetes' core."""
        return group_of(self.api_version)

    def __str__(self) -> str:
        """As messages name objects: Deployment test/podinfo."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def ref_of(manifest: Mapping[str, Any]) -> ObjectRef:
    """What identifies a manifest; parts that it lacks are empty."""
    metadata = manifest.get("metadata") or {}
    return ObjectRef(
        api_version=manifest.get("apiVersion") or "",
        kind=manifest.get("kind") or "",
        namespace=metadata.get("namespace") or "",
        name=metadata.get("name") or "",
    )


def group_of(api_version: str) -> str:
    """ "apps/v1" -> "apps", "v1" -> ""."""
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def dig(manifest: Any, *path: str) -> Any:
    """The value at a path of keys; None where any part is missing or not a mapping."""
    for key in path:
        if not isinstance(manifest, Mapping):
            return None
        manifest = manifest.get(key)
    return manifest


def number(manifest: Any, *path: str, default: int = 0) -> int:
    """A count in an object; `default` where it is absent, as the API leaves zeros out."""
    value = dig(manifest, *path)
    return default if value is None else int(value)


def name_of(manifest: Mapping[str, Any]) -> str:
    """metadata.name; empty when missing."""
    return str(dig(manifest, "metadata", "name") or "")

"""CustomResourceDefinitions: each one adds its kind, in all its served versions, to the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.sandbox.cluster_api import shapes
from tidegate.sandbox.cluster_api.kinds import ALL_VERBS, Catalog, Column, Kind, Scale, Storage
from tidegate.sandbox.cluster_api.objects import Object, dig

DEFINITIONS: Storage = ("apiextensions.k8s.io", "customresourcedefinitions")


def storage_of(definition: Object) -> Storage:
    spec = definition["spec"]
    return (spec["group"], spec["names"]["plural"])


def register(catalog: Catalog, definition: Object) -> None:
    """Serve what the definition says, in place of what it said before."""
    storage = storage_of(definition)
    versions = definition["spec"]["versions"]
    served = tuple(
        _kind(definition, version) for version in _preferred_first(versions) if version.get("served")
    )
    stored = next((_kind(definition, version) for version in versions if version.get("storage")), None)
    catalog.replace(storage, served, stored)


def unregister(catalog: Catalog, definition: Object) -> None:
    catalog.replace(storage_of(definition), (), None)


def _preferred_first(versions: list[Object]) -> list[Object]:
    return sorted(versions, key=lambda version: version_rank(version["name"]))


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Kubernetes' order of versions, best first: v2, v1, v1beta2, v1beta1, v1alpha1, others by name."""
    found = re.match(r"^v(\d+)(?:(alpha|beta)(\d+))?$", version)
    if not found:
        return (3, 0, 0, version)
    stage = {None: 0, "beta": 1, "alpha": 2}[found[2]]
    return (stage, -int(found[1]), -int(found[3] or 0), "")


def _kind(definition: Object, version: Object) -> Kind:
    spec = definition["spec"]
    names = spec["names"]
    schema = dig(version, "schema", "openAPIV3Schema") or {"x-kubernetes-preserve-unknown-fields": True}
    subresources = version.get("subresources") or {}
    return Kind(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        namespaced=spec["scope"] == "Namespaced",
        short=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        status="status" in subresources,
        scale=_scale(subresources.get("scale")),
        generation=True,
        fields=frozenset(_selectable(version)),
        shape=shapes.of_custom(schema),
        schema=schema,
        columns=tuple(_columns(version)),
        custom=True,
        verbs=ALL_VERBS,
        singular_name=names.get("singular", ""),
    )


def _scale(scale: Mapping[str, Any] | None) -> Scale | None:
    if not scale:
        return None
    selector = scale.get("labelSelectorPath")
    return Scale(
        replicas=_steps(scale["specReplicasPath"]),
        status_replicas=_steps(scale["statusReplicasPath"]),
        selector=_steps(selector) if selector else None,
    )


def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.strip(".").split("."))


def _selectable(version: Object) -> Iterator[str]:
    for entry in version.get("selectableFields") or []:
        yield entry["jsonPath"].lstrip(".")


def _columns(version: Object) -> Iterator[Column]:
    for column in version.get("additionalPrinterColumns") or []:
        yield Column(
            name=column["name"],
            type=column["type"],
            path=column["jsonPath"],
            format=column.get("format", ""),
            priority=column.get("priority", 0),
            description=column.get("description", ""),
        )

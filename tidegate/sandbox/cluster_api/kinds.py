"""What a kind is, and the catalog of those that are served.

The built-in ones come first; CustomResourceDefinitions add theirs while the catalog is in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.sandbox.cluster_api import shapes
from tidegate.sandbox.cluster_api.errors import qualified
from tidegate.sandbox.cluster_api.shapes import Shape

Storage = tuple[str, str]
"""Where a kind's objects are kept, whichever version they are asked for in: (group, plural)."""

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Scale:
    """Where a kind keeps what its scale subresource shows; paths as field names."""

    replicas: tuple[str, ...] = ("spec", "replicas")
    status_replicas: tuple[str, ...] = ("status", "replicas")
    selector: tuple[str, ...] | None = ("spec", "selector")


@dataclass(frozen=True)
class Column:
    """A printer column; `path` is the JSONPath of a custom kind's column, empty for built-in ones."""

    name: str
    type: str = "string"
    path: str = ""
    format: str = ""
    priority: int = 0
    description: str = ""


@dataclass(frozen=True)
class Kind:
    """One kind in one version."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    scale: Scale | None = None
    generation: bool = False
    fields: frozenset[str] = frozenset()
    shape: Shape = shapes.PLAIN
    schema: Mapping[str, Any] | None = None
    columns: tuple[Column, ...] = ()
    custom: bool = False
    verbs: tuple[str, ...] = ALL_VERBS
    singular_name: str = ""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def storage(self) -> Storage:
        return (self.group, self.plural)

    @property
    def qualified(self) -> str:
        return qualified(self.plural, self.group)

    @property
    def singular(self) -> str:
        return self.singular_name or self.kind.lower()

    @property
    def selectable(self) -> frozenset[str]:
        common = {"metadata.name", "metadata.namespace"} if self.namespaced else {"metadata.name"}
        return self.fields | common

    def subresources(self) -> Iterator[str]:
        if self.status:
            yield "status"
        if self.scale:
            yield "scale"
        if self.storage == ("", "services"):
            yield "proxy"
        if self.storage == ("", "namespaces"):
            yield "finalize"


class Catalog:
    """The kinds served at the moment, found as requests name them."""

    def __init__(self, kinds: tuple[Kind, ...]) -> None:
        self._kinds = {(kind.group, kind.version, kind.plural): kind for kind in kinds}
        self._stored = {kind.storage: kind for kind in reversed(kinds)}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        return self._kinds.get((group, version, plural))

    def stored(self, storage: Storage) -> Kind | None:
        """The kind in the version its objects are stored in."""
        return self._stored.get(storage)

    def by_kind(self, api_version: str, kind: str) -> Kind | None:
        return next((k for k in self if k.api_version == api_version and k.kind == kind), None)

    def storages(self) -> Iterator[Storage]:
        return iter(self._stored)

    def replace(self, storage: Storage, kinds: tuple[Kind, ...], stored: Kind | None) -> None:
        """Serve exactly these kinds from a storage; none of them takes it away."""
        self._kinds = {key: kind for key, kind in self._kinds.items() if kind.storage != storage}
        self._kinds.update({(kind.group, kind.version, kind.plural): kind for kind in kinds})
        self._stored.pop(storage, None)
        if stored:
            self._stored[storage] = stored

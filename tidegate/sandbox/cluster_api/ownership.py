"""Field ownership: what metadata.managedFields says, kept right through every write.

A plain write takes over the fields it changes. An apply owns the fields it names; whether it may
change those of others is decided in `apply`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.sandbox.cluster_api import fieldset, typed
from tidegate.sandbox.cluster_api.fieldset import FieldSet
from tidegate.sandbox.cluster_api.objects import Object, compact_json, meta, now
from tidegate.sandbox.cluster_api.shapes import Shape

_SYSTEM = (
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
    "selfLink",
)  # fmt: skip
_NOBODYS: FieldSet = frozenset({("f:metadata",)})


@dataclass(frozen=True, slots=True)
class Manager:
    """Who owns fields: one entry of managedFields."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    @property
    def identity(self) -> str:
        """What tells managers apart, and orders them: who applies is the same in every API version."""
        version = {} if self.operation == "Apply" else {"apiVersion": self.api_version}
        told = {"manager": self.name, "operation": self.operation, **version}
        return compact_json({**told, "subresource": self.subresource} if self.subresource else told)


Owners = Mapping[Manager, FieldSet]


def owned_part(obj: Mapping[str, Any]) -> Object:
    """The object without what nobody owns: its identity and the server's own metadata."""
    part = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}
    metadata = {name: value for name, value in (obj.get("metadata") or {}).items() if name not in _SYSTEM}
    part.pop("metadata", None)
    return {**part, "metadata": metadata} if metadata else part


def owners_of(obj: Object) -> dict[Manager, FieldSet]:
    return decoded(meta(obj).get("managedFields") or [])


def decoded(entries: Iterable[Object]) -> dict[Manager, FieldSet]:
    return {_manager_of(entry): fieldset.decode(entry.get("fieldsV1") or {}) for entry in entries}


def _manager_of(entry: Object) -> Manager:
    return Manager(
        entry.get("manager", ""),
        entry.get("operation", ""),
        entry.get("apiVersion", ""),
        entry.get("subresource", ""),
    )


def write_owners(obj: Object, owners: Owners, previous: Object | None) -> None:
    """Set managedFields in place; an entry that stays the same keeps its time."""
    before = {_manager_of(e): e for e in (meta(previous).get("managedFields") or [] if previous else [])}
    entries = [_entry(manager, fields, before.get(manager)) for manager, fields in owners.items() if fields]
    meta(obj).pop("managedFields", None)
    if entries:
        meta(obj)["managedFields"] = sorted(entries, key=_rank)


def _rank(entry: Object) -> tuple[str, ...]:
    return (entry["operation"], entry["time"], entry["manager"], entry["apiVersion"])


def _entry(manager: Manager, fields: FieldSet, before: Object | None) -> Object:
    encoded = fieldset.encode(fields)
    if before and before.get("fieldsV1") == encoded:
        return before
    entry = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.api_version,
        "time": now(),
        "fieldsType": "FieldsV1",
        "fieldsV1": encoded,
    }
    return {**entry, "subresource": manager.subresource} if manager.subresource else entry


def note_update(old: Object, new: Object, manager: Manager, shape: Shape) -> None:
    """Record a plain write in the new object: its manager owns what it changed.

    The writer may edit managedFields itself; a list of one empty entry resets it. What nobody owns
    field by field (an object from before, or reset) stays so until somebody applies.
    """
    given = meta(new).pop("managedFields", None)
    if given == [{}]:
        return
    owners = decoded(given) if given else owners_of(old)
    if not owners and "resourceVersion" in meta(old):
        return
    write_owners(new, updated(owners, old, new, manager, shape), old)


def updated(
    owners: Owners, old: Object, new: Object, manager: Manager, shape: Shape
) -> dict[Manager, FieldSet]:
    """Who owns what after a plain write that made the new object from the old one."""
    diff = typed.difference(owned_part(old), owned_part(new), shape)
    lost = diff.changed | diff.removed
    kept = {other: fields - lost for other, fields in owners.items()}
    kept[manager] = (owners.get(manager, fieldset.NOTHING) - diff.removed) | (diff.changed - _NOBODYS)
    return kept


def everybodys(owners: Iterable[FieldSet]) -> FieldSet:
    return fieldset.NOTHING.union(*owners)

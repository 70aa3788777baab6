"""Field ownership: what metadata.managedFields says, kept right through every write.

A plain write takes over the fields it changes. An apply owns the fields it names; whether it may
change those of others is decided in `apply`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.sandbox.cluster_api import fieldset
from tidegate.sandbox.cluster_api.fieldset import FieldSet
from tidegate.sandbox.cluster_api.objects import Object, meta, now
from tidegate.sandbox.cluster_api.shapes import Shape

_SYSTEM = (
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds", "managedFields", "selfLink", "generateName",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manager:
    """Who owns fields: one entry of managedFields."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


Owners = Mapping[Manager, FieldSet]


def owned_part(obj: Mapping[str, Any]) -> Object:
    """The object without what nobody owns: its identity and the server's own metadata."""
    part = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}
    metadata = {name: value for name, value in (obj.get("metadata") or {}).items() if name not in _SYSTEM}
    part.pop("metadata", None)
    return {**part, "metadata": metadata} if metadata else part


def owners_of(obj: Object) -> dict[Manager, FieldSet]:
    entries = meta(obj).get("managedFields") or []
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
    meta(obj)["managedFields"] = sorted(entries, key=lambda entry: (entry["operation"], entry["time"]))
    if not entries:
        del meta(obj)["managedFields"]


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


def note_update(old: Object | None, new: Object, manager: Manager, shape: Shape) -> None:
    """Record a plain write in the new object: its manager owns what it changed.

    The writer may edit managedFields itself; a list of one empty entry resets it.
    """
    given = meta(new).get("managedFields")
    if given == [{}]:
        del meta(new)["managedFields"]
        return
    diff = fieldset.difference(owned_part(old) if old else {}, owned_part(new), shape)
    lost = diff.changed | diff.removed
    if old and not lost and given == meta(old).get("managedFields"):
        return
    owners = owners_of(new) if given else owners_of(old) if old else {}
    kept = {other: fields - lost for other, fields in owners.items()}
    if diff.changed:
        kept[manager] = (owners.get(manager, fieldset.NOTHING) - diff.removed) | diff.changed
    write_owners(new, kept, old)


def everybodys(owners: Iterable[FieldSet]) -> FieldSet:
    return fieldset.NOTHING.union(*owners)

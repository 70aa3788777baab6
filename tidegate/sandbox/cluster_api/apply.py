"""Server-side apply: merge what a manager wants into an object, field by field.

A field that another manager owns and that would change is a conflict, unless forced. A field that the
manager applied before and no longer names goes away, unless somebody else owns it too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tidegate.sandbox.cluster_api import fieldset, typed
from tidegate.sandbox.cluster_api.errors import ApiError
from tidegate.sandbox.cluster_api.fieldset import FieldSet
from tidegate.sandbox.cluster_api.merging import merge_applied
from tidegate.sandbox.cluster_api.objects import Object
from tidegate.sandbox.cluster_api.ownership import Manager, Owners, everybodys, owned_part, owners_of, updated
from tidegate.sandbox.cluster_api.shapes import Shape


def apply_configuration(
    live: Object,
    wanted: Object,
    manager: Manager,
    shape: Shape,
    *,
    force: bool,
    untracked: tuple[Object, Object] | None = None,
) -> tuple[Object, dict[Manager, FieldSet]]:
    """The live object with the wanted configuration applied, and who owns what after that.

    A live object without owners counts as an update, of which `untracked` has before and after.
    No argument is changed.
    Raises ApiError (409, FieldManagerConflict causes).
    """
    owners = owners_of(live)
    if not owners and untracked is not None:
        first = replace(manager, name="before-first-apply", operation="Update")
        owners = updated({}, *untracked, first, shape)
    last = everybodys(fields for other, fields in owners.items() if other.identity == manager.identity)
    wanted_set = typed.fields_of(wanted, shape)
    others = {other: fields for other, fields in owners.items() if other.identity != manager.identity}
    merged: Object = merge_applied(live, wanted, shape)
    if last:
        merged = _without_dropped(merged, last, wanted_set | everybodys(others.values()), shape)
    change = typed.difference(owned_part(live), owned_part(merged), shape)
    disputed = {other: fields & change.changed for other, fields in others.items() if fields & change.changed}
    if disputed and not force:
        raise conflicts(disputed)
    kept = {other: fields - change.changed - change.removed for other, fields in others.items()}
    return merged, {**kept, manager: typed.fields_of(owned_part(wanted), shape)}


def _without_dropped(merged: Object, last: FieldSet, owned: FieldSet, shape: Shape) -> Object:
    """The object without what its manager named before and nobody names now.

    What hangs below a dropped field and is owned by nobody (a default) goes with it.
    """
    everything = _members(merged, shape)
    dropped = typed.with_parents(last, shape)
    left = _members(typed.without(merged, shape, dropped), shape)
    kept = typed.without(merged, shape, everything - (left | typed.with_parents(owned, shape)))
    pruned: Object = typed.without(merged, shape, (everything - _members(kept, shape)) & dropped)
    return pruned


def _members(value: Any, shape: Shape) -> FieldSet:
    return typed.with_parents(typed.fields_of(value or {}, shape), shape)


def conflicts(disputed: Owners) -> ApiError:
    causes: list[Object] = []
    parts: list[str] = []
    for manager, fields in sorted(disputed.items(), key=lambda entry: entry[0].identity):
        who = _who(manager)
        paths = [fieldset.readable(path) for path in sorted(fields, key=fieldset.rank)]
        causes += [_cause(who, path) for path in paths]
        parts.append(f"conflicts with {who}:\n" + "\n".join(f"- {path}" for path in paths))
    told = f"{len(causes)} conflicts: " + "\n".join(parts)
    if len(causes) == 1:
        told = f"1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    message = f"Apply failed with {told}"
    return ApiError(409, "Conflict", message, {"causes": causes})


def _who(manager: Manager) -> str:
    scope = f' with subresource "{manager.subresource}"' if manager.subresource else ""
    using = f" using {manager.api_version}" if manager.operation == "Update" else ""
    return f'"{manager.name}"{scope}{using}'


def _cause(who: str, path: str) -> Object:
    return {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": path}

"""Server-side apply: merge what a manager wants into an object, field by field.

A field that another manager owns and that would change is a conflict, unless forced. A field that the
manager applied before and no longer names goes away, unless somebody else owns it too.
"""

from __future__ import annotations

from typing import Any

from tidegate.sandbox.cluster_api import fieldset
from tidegate.sandbox.cluster_api.errors import ApiError
from tidegate.sandbox.cluster_api.fieldset import FieldSet, Path
from tidegate.sandbox.cluster_api.objects import Object, clone
from tidegate.sandbox.cluster_api.ownership import Manager, Owners, everybodys, owned_part, owners_of
from tidegate.sandbox.cluster_api.shapes import Shape


def apply_configuration(
    live: Object, wanted: Object, manager: Manager, shape: Shape, *, force: bool
) -> tuple[Object, dict[Manager, FieldSet]]:
    """The live object with the wanted configuration applied, and who owns what after that.

    Neither argument is changed. Raises ApiError (409, FieldManagerConflict causes).
    """
    owners = owners_of(live)
    others = {other: fields for other, fields in owners.items() if other != manager}
    wanted_set = fieldset.fields_of(owned_part(wanted), shape)
    merged = merge_applied(live, wanted, shape)
    disputed = _disputed(live, merged, others, shape)
    if disputed and not force:
        raise conflicts(disputed)
    others = {other: fields - disputed.get(other, fieldset.NOTHING) for other, fields in others.items()}
    dropped = owners.get(manager, fieldset.NOTHING) - wanted_set
    merged = _without(merged, dropped, wanted_set | everybodys(others.values()), shape)
    return merged, {**others, manager: wanted_set}


def merge_applied(live: Any, wanted: Any, shape: Shape) -> Any:
    """The live value with the wanted one laid over it: maps and keyed lists are merged, all else replaced."""
    if isinstance(wanted, dict) and isinstance(live, dict) and shape.style == "granular":
        merged = dict(live)
        for name, value in wanted.items():
            merged[name] = merge_applied(live.get(name), value, shape.child(name))
        return merged
    if isinstance(wanted, list) and isinstance(live, list) and shape.style in ("map", "set"):
        return _merge_items(live, wanted, shape)
    return wanted


def _merge_items(live: list[Any], wanted: list[Any], shape: Shape) -> list[Any]:
    """The applied order leads; items of others stay behind the item they followed."""
    known = {fieldset.element_of(item, shape): item for item in live}
    chosen = {}
    for item in wanted:
        element = fieldset.element_of(item, shape)
        chosen[element] = merge_applied(known.get(element), item, shape.item)
    turn = iter([element for element in chosen if element in known])
    merged = [chosen[next(turn)] if element in chosen else item for element, item in known.items()]
    return merged + [item for element, item in chosen.items() if element not in known]


def _disputed(live: Object, merged: Object, others: Owners, shape: Shape) -> dict[Manager, FieldSet]:
    changed = fieldset.difference(owned_part(live), owned_part(merged), shape).changed
    found = {other: fields & changed for other, fields in others.items()}
    return {other: fields for other, fields in found.items() if fields}


def _without(merged: Object, dropped: FieldSet, owned: FieldSet, shape: Shape) -> Object:
    """The object without the dropped fields, and without the parents that nobody owns any more."""
    held = fieldset.prefixes(owned)
    ends = {_topmost(path, held) for path in dropped if path not in held}
    if not ends:
        return merged
    pruned: Object = clone(merged)
    for path in sorted(ends, key=len, reverse=True):
        fieldset.remove(pruned, shape, path)
    return pruned


def _topmost(path: Path, held: set[Path]) -> Path:
    """The highest parent that goes with the path: metadata itself always stays."""
    start = 2 if path[0] == "f:metadata" else 1
    return next(path[:depth] for depth in range(start, len(path) + 1) if path[:depth] not in held)


def conflicts(disputed: Owners) -> ApiError:
    causes: list[Object] = []
    parts: list[str] = []
    for manager, fields in sorted(disputed.items(), key=lambda entry: entry[0].name):
        who = _who(manager)
        paths = sorted(map(fieldset.readable, fields))
        causes += [_cause(who, path) for path in paths]
        parts.append(_told(who, paths))
    count = len(causes)
    message = f"Apply failed with {count} conflict{'s' if count > 1 else ''}: " + "\n".join(parts)
    return ApiError(409, "Conflict", message, {"causes": causes})


def _who(manager: Manager) -> str:
    scope = f' with subresource "{manager.subresource}"' if manager.subresource else ""
    using = f" using {manager.api_version}" if manager.operation == "Update" else ""
    return f'"{manager.name}"{scope}{using}'


def _cause(who: str, path: str) -> Object:
    return {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": path}


def _told(who: str, paths: list[str]) -> str:
    if len(paths) == 1:
        return f"conflict with {who}: {paths[0]}"
    return f"conflicts with {who}:\n" + "\n".join(f"- {path}" for path in paths)

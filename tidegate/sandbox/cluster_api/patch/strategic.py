"""Strategic merge patch: a merge patch that goes into keyed lists, with directives of its own.

Built-in kinds only; their shapes say which field tells a list's items apart.
"""

from __future__ import annotations

from typing import Any

from tidegate.sandbox.cluster_api.errors import bad_request
from tidegate.sandbox.cluster_api.shapes import Shape

_DELETE_ITEMS = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"
_RETAIN = "$retainKeys"


def strategic_merge(value: Any, patch: Any, shape: Shape) -> Any:
    """The value after the patch; neither is changed.

    Raises ApiError (400) for a patch whose list items lack their merge key.
    """
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    if directive == "replace":
        return _without_directives(patch)
    if directive == "delete":
        return {}
    before = value if isinstance(value, dict) else {}
    merged = _retained(before, patch)
    for name, change in patch.items():
        if not name.startswith("$"):
            _merge_field(merged, name, change, shape.child(name))
    _delete_items(merged, patch)
    _set_order(merged, before, patch, shape)
    return merged


def _retained(value: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    keep = patch.get(_RETAIN)
    return dict(value) if keep is None else {name: item for name, item in value.items() if name in keep}


def _merge_field(merged: dict[str, Any], name: str, change: Any, shape: Shape) -> None:
    if change is None:
        merged.pop(name, None)
    elif isinstance(change, list):
        merged[name] = _merge_list(merged.get(name) or [], change, shape)
    elif isinstance(change, dict) and change.get("$patch") == "delete":
        merged.pop(name, None)
    else:
        merged[name] = strategic_merge(merged.get(name), change, shape)


def _merge_list(items: list[Any], changes: list[Any], shape: Shape) -> list[Any]:
    if {"$patch": "replace"} in changes:
        return [_without_directives(item) for item in changes if item != {"$patch": "replace"}]
    if shape.style == "set":
        return _arranged(items + [change for change in changes if change not in items], changes, items, None)
    key = shape.strategic_key
    if key is None:
        return [_without_directives(item) for item in changes]
    merged = list(items)
    for change in changes:
        merged = _merge_item(merged, change, key, shape)
    return _arranged(merged, changes, items, key)


def _merge_item(items: list[Any], change: Any, key: str, shape: Shape) -> list[Any]:
    if not isinstance(change, dict) or key not in change:
        raise bad_request(f"map: {change!r} does not contain declared merge key: {key}")
    wanted = change[key]
    if change.get("$patch") == "delete":
        return [item for item in items if item.get(key) != wanted]
    place = next((index for index, item in enumerate(items) if item.get(key) == wanted), len(items))
    before = items[place] if place < len(items) else {}
    return [*items[:place], strategic_merge(before, change, shape.item), *items[place + 1 :]]


def _delete_items(merged: dict[str, Any], patch: dict[str, Any]) -> None:
    for directive, unwanted in patch.items():
        if directive.startswith(_DELETE_ITEMS):
            name = directive.removeprefix(_DELETE_ITEMS)
            merged[name] = [item for item in merged.get(name) or [] if item not in unwanted]


def _set_order(merged: dict[str, Any], before: dict[str, Any], patch: dict[str, Any], shape: Shape) -> None:
    for directive, order in patch.items():
        name = directive.removeprefix(_ORDER)
        if directive.startswith(_ORDER) and isinstance(merged.get(name), list):
            key = shape.child(name).strategic_key
            merged[name] = _arranged(merged[name], order, before.get(name) or [], key)


def _arranged(items: list[Any], order: list[Any], live: list[Any], key: str | None) -> list[Any]:
    """Items in the order asked for; one it does not name comes in where the live list has it in front."""

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    asked, places = [identity(item) for item in order], [identity(item) for item in live]
    named = sorted((i for i in items if identity(i) in asked), key=lambda item: asked.index(identity(item)))
    rest = sorted(
        (i for i in items if identity(i) not in asked), key=lambda item: places.index(identity(item))
    )
    arranged: list[Any] = []
    while rest and named:
        place = identity(named[0])
        is_before = place in places and places.index(identity(rest[0])) < places.index(place)
        arranged.append((rest if is_before else named).pop(0))
    return arranged + named + rest


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_directives(item) for name, item in value.items() if name != "$patch"}
    return [_without_directives(item) for item in value] if isinstance(value, list) else value

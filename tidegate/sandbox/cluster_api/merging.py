"""How an applied configuration lies over a live object: maps and keyed lists merge, the rest is replaced."""

from __future__ import annotations

from typing import Any

from tidegate.sandbox.cluster_api.shapes import Shape
from tidegate.sandbox.cluster_api.typed import element_of


def merge_applied(live: Any, wanted: Any, shape: Shape) -> Any:
    """The live value with the wanted one laid over it; an empty map or list adds nothing to what is there."""
    if shape.style == "granular" and isinstance(live, dict) and _is_kind(wanted, dict) and (live or wanted):
        return _merge_maps(live, wanted or {}, shape)
    if (
        shape.style in ("map", "set")
        and isinstance(live, list)
        and _is_kind(wanted, list)
        and (live or wanted)
    ):
        return _merge_items(live, wanted or [], shape)
    return wanted


def _is_kind(value: Any, kind: type) -> bool:
    return value is None or isinstance(value, kind)


def _merge_maps(live: dict[str, Any], wanted: dict[str, Any], shape: Shape) -> dict[str, Any]:
    merged = dict(live)
    for name, value in wanted.items():
        merged[name] = merge_applied(live[name], value, shape.child(name)) if name in live else value
    return merged


def _merge_items(live: list[Any], wanted: list[Any], shape: Shape) -> list[Any]:
    """The applied order leads; items of others stay where they are among those they follow."""
    before = {element_of(item, shape): item for item in live}
    chosen = {element_of(item, shape): item for item in wanted}
    merged = {
        element: merge_applied(before[element], item, shape.item) if element in before else item
        for element, item in chosen.items()
    }
    return [{**before, **merged}[element] for element in _order(list(before), list(chosen))]


def _order(live: list[str], wanted: list[str]) -> list[str]:
    """Both orders walked at once: up to the next item that both have, the live ones come first."""
    shared = [element for element in wanted if element in live]
    order: list[str] = []
    left, right = list(live), list(wanted)
    while left or right:
        if left and right and left[0] == right[0]:
            order.append(left.pop(0))
            right.pop(0)
            shared = shared[1:]
        elif left and right and left[0] in wanted and shared and shared[0] != left[0]:
            left.pop(0)
        elif left and left[0] not in wanted:
            order.append(left.pop(0))
        else:
            if left and left[0] in order:
                left.pop(0)
            if right:
                order.append(right.pop(0))
                shared = shared[1:] if shared and shared[0] == order[-1] else shared
    return order

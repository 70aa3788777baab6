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
    """The applied order leads; items of others stay where they are among those they follow.

    A live item that is there twice (only a plain write leaves that) merges with nothing.
    """
    before = [element_of(item, shape) for item in live]
    chosen = {element_of(item, shape): item for item in wanted}
    once = {element: item for element, item in zip(before, live, strict=True) if before.count(element) == 1}
    merged = {
        element: merge_applied(once[element], item, shape.item) if element in once else item
        for element, item in chosen.items()
    }
    return [
        live[place] if isinstance(place, int) else merged[place] for place in _order(before, list(chosen))
    ]


def _order(live: list[str], wanted: list[str]) -> list[int | str]:
    """Both orders walked at once: an index stands for a live item alone, an element for an applied one."""
    shared = [element for element in wanted if element in live]
    order: list[int | str] = []
    left, right = 0, 0
    while left < len(live) or right < len(wanted):
        here = live[left] if left < len(live) else None
        there = wanted[right] if right < len(wanted) else None
        if here is not None and here not in wanted:
            order.append(left)
            left += 1
        elif here is not None and there is not None and shared and here not in (there, shared[0]):
            left += 1
        else:
            left += here is not None and (here == there or here in order)
            if there is not None:
                order.append(there)
                right += 1
                shared = [element for element in shared if element != there]
    return order

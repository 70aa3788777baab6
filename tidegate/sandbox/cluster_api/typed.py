"""Values as their shape sees them: which paths they have, how two differ, what is left without some paths.

Maps and keyed lists have a path for each part; atomic ones, scalars and whatever is empty are one leaf.
A null stands for an empty map or list where the shape has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tidegate.sandbox.cluster_api.fieldset import FieldSet, Path
from tidegate.sandbox.cluster_api.objects import compact_json
from tidegate.sandbox.cluster_api.shapes import ATOMIC, Shape

Part = tuple[Any, Shape]
ABSENT: Any = object()


def element_of(item: Any, shape: Shape) -> str:
    """The path element of an item of a keyed list or of a set."""
    if shape.style == "map" and isinstance(item, dict):
        return "k:" + compact_json(
            {key: item.get(key, shape.defaults.get(key)) for key in sorted(shape.keys)}
        )
    return "v:" + compact_json(item)


def parts_of(value: Any, shape: Shape) -> dict[str, Part]:
    """The parts of a value that have paths of their own, by path element; none when it is a leaf."""
    if isinstance(value, dict) and shape.style == "granular":
        return {"f:" + name: (child, shape.child(name)) for name, child in value.items()}
    if isinstance(value, list) and shape.style in ("map", "set"):
        return _items_of(value, shape)
    return {}


def _items_of(value: list[Any], shape: Shape) -> dict[str, Part]:
    """Items that share an element, which only a plain write can leave, are one leaf together."""
    found: dict[str, list[Any]] = {}
    for item in value:
        found.setdefault(element_of(item, shape), []).append(item)
    return {
        element: (items[0], shape.item) if len(items) == 1 else (items, ATOMIC)
        for element, items in found.items()
    }


def fields_of(value: Any, shape: Shape) -> FieldSet:
    """What somebody who applies this value owns: its leaves, its list items, the entries of its maps."""
    return frozenset(_fields(value, shape, ()))


def _fields(value: Any, shape: Shape, path: Path) -> Iterator[Path]:
    parts = parts_of(value, shape)
    if not parts and path and not _is_bare(value, shape):
        yield path
    for element, (part, inner) in parts.items():
        below = (*path, element)
        yield from _fields(part, inner, below)
        if element[0] != "f" or part is None or part == {} or shape.is_entry(element[2:]):
            yield below


def _is_bare(value: Any, shape: Shape) -> bool:
    """Whether nobody owns it: a keyed list without items, or a map that its parent owns if it does."""
    return (value in ([], None) and shape.style in ("map", "set")) or (
        value == {} and shape.style == "granular"
    )


def repeated(value: Any, shape: Shape, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where a keyed list or a set has an item twice: the list's path and the item's element."""
    for element, (part, inner) in parts_of(value, shape).items():
        yield from repeated(part, inner, (*path, element))
    if isinstance(value, list) and shape.style in ("map", "set"):
        seen: set[str] = set()
        for element in (element_of(item, shape) for item in value):
            if element in seen:
                yield path, element
            seen.add(element)


@dataclass(frozen=True, slots=True)
class Difference:
    """How one value differs from an earlier one."""

    added: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)

    @property
    def changed(self) -> FieldSet:
        return frozenset(self.added | self.modified)


def difference(old: Any, new: Any, shape: Shape) -> Difference:
    found = Difference()
    _compare((old, shape), (new, shape), (), found)
    return found


def _compare(earlier: Part, later: Part, path: Path, found: Difference) -> None:
    old, new = earlier[0], later[0]
    if type(old) is type(new) and old == new:
        return
    before, after = parts_of(*earlier), parts_of(*later)
    for element in {**before, **after}:
        absent = (ABSENT, ATOMIC)
        _compare(before.get(element, absent), after.get(element, absent), (*path, element), found)
    if not path:
        return
    if old is ABSENT:
        found.added.add(path)
    elif new is ABSENT:
        found.removed.add(path)
    elif _is_other(old, new, bool(before), bool(after)):
        found.modified.add(path)


def _is_other(old: Any, new: Any, was_map: bool, is_map: bool) -> bool:
    """Whether the place itself changed, not only what is below it."""
    if was_map and is_map:
        return False
    if was_map or is_map:
        return (new if was_map else old) not in (None, {}, [])
    return True


def without(value: Any, shape: Shape, paths: FieldSet) -> Any:
    """The value without what is at the paths; a map or list that loses all its parts becomes null."""
    tree: dict[str, Any] = {}
    for path in paths:
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        node[""] = True
    return _pruned(value, shape, tree)


def _pruned(value: Any, shape: Shape, tree: dict[str, Any]) -> Any:
    parts = parts_of(value, shape)
    if not parts:
        return None if isinstance(value, dict | list) else value
    if isinstance(value, dict):
        named = [("f:" + name, item) for name, item in value.items()]
    else:
        named = [(element_of(item, shape), item) for item in value]
    kept = []
    for element, item in named:
        below = tree.get(element)
        if below is None:
            kept.append((element[2:], item))
        elif "" not in below:
            kept.append((element[2:], _pruned(item, parts[element][1], below)))
    if not kept:
        return None
    return dict(kept) if isinstance(value, dict) else [item for _, item in kept]


def with_parents(paths: FieldSet, shape: Shape) -> FieldSet:
    """The paths, and above them the declared fields that lead to them."""
    found = set(paths)
    seen: set[Path] = set()
    for path in paths:
        at = shape
        for depth, element in enumerate(path[:-1], start=1):
            parent = path[:depth]
            if parent not in seen:
                seen.add(parent)
                if element[0] == "f" and not at.is_entry(element[2:]):
                    found.add(parent)
            at = at.child(element[2:]) if element[0] == "f" else at.item
    return frozenset(found)

"""Sets of field paths, in the form managedFields writes them (FieldsV1).

A path is a tuple of elements: `f:name` for a field, `k:{"name":"app"}` for an item of a keyed list,
`v:"x"` for an item of a set. `flatten` is the one place that knows which parts of an object are
owned one by one and which as a whole; comparison and ownership both rest on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tidegate.sandbox.cluster_api.objects import Object, compact_json
from tidegate.sandbox.cluster_api.shapes import Shape

Path = tuple[str, ...]
FieldSet = frozenset[Path]
Flat = dict[Path, Any]


class _Container:
    """Stands for a map or a list whose parts are listed by themselves."""


CONTAINER = _Container()
NOTHING: FieldSet = frozenset()


def flatten(value: Any, shape: Shape) -> Flat:
    """Every path in a value with what is there; CONTAINER where the parts have paths of their own."""
    flat: Flat = {}
    _flatten(value, shape, (), flat)
    return flat


def _flatten(value: Any, shape: Shape, path: Path, flat: Flat) -> None:
    parts = _parts(value, shape)
    if path:
        flat[path] = CONTAINER if parts else value
    for element, (part, inner) in parts.items():
        _flatten(part, inner, (*path, element), flat)


def element_of(item: Any, shape: Shape) -> str:
    """The path element of an item of a keyed list or of a set."""
    if shape.style == "map" and isinstance(item, dict):
        return "k:" + compact_json(
            {key: item.get(key, shape.defaults.get(key)) for key in sorted(shape.keys)}
        )
    return "v:" + compact_json(item)


def fields_of(value: Any, shape: Shape) -> FieldSet:
    """What somebody who applies this value owns: its leaves, and the items of its keyed lists."""
    flat = flatten(value, shape)
    return frozenset(path for path, found in flat.items() if found is not CONTAINER or path[-1][0] == "k")


@dataclass(frozen=True, slots=True)
class Difference:
    """How one value differs from an earlier one."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    @property
    def changed(self) -> FieldSet:
        return self.added | self.modified


def difference(old: Any, new: Any, shape: Shape) -> Difference:
    before: Flat = {}
    after: Flat = {}
    _compare(old, new, shape, (), (before, after))
    return Difference(
        added=frozenset(after.keys() - before.keys()),
        modified=frozenset(
            path for path in after.keys() & before.keys() if _differs(before[path], after[path])
        ),
        removed=frozenset(before.keys() - after.keys()),
    )


def _compare(old: Any, new: Any, shape: Shape, path: Path, flat: tuple[Flat, Flat]) -> None:
    """Flatten what differs: most of an object stays as it is from one write to the next."""
    if old == new:
        return
    parts = _parts(old, shape), _parts(new, shape)
    if not (parts[0] and parts[1]):
        _flatten(old, shape, path, flat[0])
        _flatten(new, shape, path, flat[1])
        return
    before, after = parts
    for element, (value, inner) in before.items():
        if element in after:
            _compare(value, after[element][0], inner, (*path, element), flat)
        else:
            _flatten(value, inner, (*path, element), flat[0])
    for element in after.keys() - before.keys():
        value, inner = after[element]
        _flatten(value, inner, (*path, element), flat[1])


def _parts(value: Any, shape: Shape) -> dict[str, tuple[Any, Shape]]:
    """The parts of a value that are owned by themselves, by path element; none when it is one whole."""
    if isinstance(value, dict) and shape.style == "granular":
        return {"f:" + name: (child, shape.child(name)) for name, child in value.items()}
    if isinstance(value, list) and shape.style in ("map", "set"):
        return {element_of(item, shape): (item, shape.item) for item in value}
    return {}


def _differs(old: Any, new: Any) -> bool:
    return type(old) is not type(new) or bool(old != new)


def prefixes(paths: Iterable[Path]) -> set[Path]:
    """The paths and all paths above them."""
    found: set[Path] = set()
    for path in paths:
        while path and path not in found:
            found.add(path)
            path = path[:-1]
    return found


def encode(paths: Iterable[Path]) -> Object:
    """FieldsV1: nested maps, with "." for a path that is in the set together with paths below it."""
    members = frozenset(paths)
    parents = prefixes(path[:-1] for path in members)
    root: Object = {}
    for path in sorted(members):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        if path in parents:
            node["."] = {}
    return root


def decode(fields: Object) -> FieldSet:
    return frozenset(_decode(fields, ()))


def _decode(node: Object, path: Path) -> Iterator[Path]:
    if not node and path:
        yield path
    for element, child in node.items():
        if element == ".":
            yield path
        else:
            yield from _decode(child, (*path, element))


def readable(path: Path) -> str:
    """A path as conflict messages show it: .spec.template.spec.containers[name="app"].image"""
    return "".join(map(_readable_element, path))


def _readable_element(element: str) -> str:
    kind, text = element[0], element[2:]
    if kind == "f":
        return "." + text
    if kind == "v":
        return f"[={text}]"
    keys = json.loads(text)
    return "[" + ",".join(f"{key}={compact_json(value)}" for key, value in keys.items()) + "]"


def remove(value: Any, shape: Shape, path: Path) -> None:
    """Take what is at a path out of the value, in place; nothing happens where it is not there."""
    for element in path[:-1]:
        value, shape = _step(value, shape, element)
        if value is None:
            return
    last = path[-1]
    if last[0] == "f":
        if isinstance(value, dict):
            value.pop(last[2:], None)
    elif isinstance(value, list):
        value[:] = [item for item in value if element_of(item, shape) != last]


def _step(value: Any, shape: Shape, element: str) -> tuple[Any, Shape]:
    if element[0] == "f":
        name = element[2:]
        return (value.get(name), shape.child(name)) if isinstance(value, dict) else (None, shape)
    items = value if isinstance(value, list) else []
    return next((item for item in items if element_of(item, shape) == element), None), shape.item

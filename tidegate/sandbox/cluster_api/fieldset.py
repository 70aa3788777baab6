"""Sets of field paths, in the form managedFields writes them (FieldsV1).

A path is a tuple of elements: `f:name` for a field, `k:{"name":"app"}` for an item of a keyed list,
`v:"x"` for an item of a set. Which parts of an object have paths of their own is told in `typed`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from tidegate.sandbox.cluster_api.objects import Object, compact_json

Path = tuple[str, ...]
FieldSet = frozenset[Path]


NOTHING: FieldSet = frozenset()


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


def rank(path: Path) -> tuple[tuple[bool, str], ...]:
    """The order in which paths are told: of one parent first those that end there, then what is deeper."""
    return tuple((depth < len(path), element) for depth, element in enumerate(path, start=1))


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

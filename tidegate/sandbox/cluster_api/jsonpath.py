"""The part of JSONPath that printer columns use: .a.b, [0], [*], ['a.b'] and [?(@.type=="Ready")]."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

Step = Callable[[Any], Iterable[Any]]
_TOKEN = re.compile(
    r"""\.(?P<field>(?:[^.\[\]\\]|\\.)+)
      | \[\s*['"](?P<quoted>[^'"]+)['"]\s*\]
      | \[\s*(?P<index>-?\d+|\*)\s*\]
      | \[\?\(\s*@\.(?P<key>[\w.-]+)\s*(?P<op>==|!=)\s*(?P<literal>"[^"]*"|'[^']*'|[\w.-]+)\s*\)\]""",
    re.VERBOSE,
)


def find(value: Any, path: str) -> list[Any]:
    """Everything at a path; nothing when the path leads nowhere or cannot be read."""
    found = [value]
    for step in _steps(path):
        found = [inner for outer in found for inner in step(outer)]
    return found


@lru_cache(maxsize=512)
def _steps(path: str) -> tuple[Step, ...]:
    text = path.strip().strip("{}").removeprefix("$")
    text = text if text.startswith((".", "[")) else "." + text
    return tuple(_step(token) for token in _TOKEN.finditer(text))


def _step(token: re.Match[str]) -> Step:
    if token["index"]:
        return _indexed(token["index"])
    if token["key"]:
        return _filtered(token["key"].split("."), token["op"], token["literal"])
    name = token["quoted"] or token["field"].replace("\\", "")
    return lambda value: [value[name]] if isinstance(value, dict) and name in value else []


def _indexed(index: str) -> Step:
    if index == "*":
        return lambda value: list(value.values()) if isinstance(value, dict) else value or []
    at = int(index)
    return lambda value: [value[at]] if isinstance(value, list) and -len(value) <= at < len(value) else []


def _filtered(key: list[str], operator: str, literal: str) -> Step:
    wanted = literal[1:-1] if literal[0] in "\"'" else json.loads(literal)

    def matches(item: Any) -> bool:
        for part in key:
            item = item.get(part) if isinstance(item, dict) else None
        return bool((item == wanted) is (operator == "=="))

    return lambda value: [item for item in value if matches(item)] if isinstance(value, list) else []

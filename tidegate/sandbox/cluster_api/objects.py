"""Kubernetes objects as the plain JSON they are, and the few things done to all of them.

Objects in the store are never changed in place: whoever wants to change one works on a `clone`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]


def clone(value: Any) -> Any:
    """A deep copy of JSON data (much faster than copy.deepcopy, which must allow for more)."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def compact_json(value: Any) -> str:
    return _ENCODER.encode(value)


def encode(value: Any) -> bytes:
    return compact_json(value).encode()


def now() -> str:
    """The time as metav1.Time writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def meta(obj: Mapping[str, Any]) -> Object:
    found: Object = obj["metadata"]
    return found


def name_of(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"].get("name", ""))


def namespace_of(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"].get("namespace", ""))


def dig(obj: Any, *path: str) -> Any:
    """The value at a path of field names; None where there is none."""
    for step in path:
        if not isinstance(obj, Mapping):
            return None
        obj = obj.get(step)
    return obj

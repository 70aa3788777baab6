"""What a release changed in an object around a canary, field by field: "port 9898 -> 9899"."""

import re
from collections.abc import Iterator
from typing import Any

from tidegate.domain.manifest import Manifest, dig
from tidegate.domain.redaction import redacted

OWN = "tidegate.dev/"
"""Prefix of the marks that every release writes: no change that anybody asked for."""

_TOLD_ELSEWHERE = {"selector", "nodePort", "mirror", "mirrorPercentage"}
_PRIVATE = re.compile(r"(^|\.)(annotations|headers|withoutHeaders|queryParams)\.")
_LONGEST = 60


def changed_fields(before: Manifest | None, after: Manifest) -> str:
    """The fields of a live object that a write changed, in words; empty where it changed none, or made it.

    Weights, mirrors and selectors are told on their own, and are left out.
    """
    if before is None:
        return ""
    alone = all(len(dig(each, "spec", "ports") or ()) <= 1 for each in (before, after))
    was, now = _fields(before, alone), _fields(after, alone)
    paths = sorted(path for path in {*was, *now} if was.get(path) != now.get(path))
    return ", ".join(_told(path, was.get(path), now.get(path)) for path in paths)


def _told(path: str, was: Any, now: Any) -> str:
    """A history keeps what is told: values that may be somebody's credentials are left out."""
    if _PRIVATE.search(path):
        return f"{path} {'added' if was is None else 'removed' if now is None else 'changed'}"
    return redacted(f"{path} {_said(was)} -> {_said(now)}")


def _fields(manifest: Manifest, alone: bool) -> dict[str, Any]:
    """A Service's only port needs no index: "port", not "ports[0].port"."""
    spec = manifest.get("spec")
    leaves = dict(_leaves(spec, "")) if spec else {}
    found = {path.removeprefix("ports[0].") if alone else path: leaf for path, leaf in leaves.items()}
    for part in ("labels", "annotations"):
        given = dig(manifest, "metadata", part) or {}
        found |= {f"{part}.{key}": value for key, value in given.items() if not key.startswith(OWN)}
    return found


def _leaves(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict) and part:
        for key, value in part.items():
            if key not in _TOLD_ELSEWHERE and not _is_weight(key, path):
                yield from _leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(part, list) and any(isinstance(each, dict) for each in part):
        for index, value in enumerate(part):
            yield from _leaves(value, f"{path}[{index}]")
    else:
        yield path, part


def _is_weight(key: str, path: str) -> bool:
    return key == "route" or (key == "weight" and "route" in path)


def _said(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

"""JSON merge patch (RFC 7386)."""

from __future__ import annotations

from typing import Any


def merge(value: Any, patch: Any) -> Any:
    """The value after the patch; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), change)
    return merged

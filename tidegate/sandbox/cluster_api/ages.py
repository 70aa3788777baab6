"""How long ago something was, as kubectl shows it."""

from __future__ import annotations

from datetime import UTC, datetime


def age(stamp: str) -> str:
    """How long ago a timestamp is, as kubectl shows it: 42s, 5m3s, 3h, 12d."""
    try:
        then = datetime.fromisoformat(stamp)
    except ValueError:
        return "<invalid>"
    return _duration(max(0, int((datetime.now(UTC) - then).total_seconds())))


def _duration(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    return f"{days}d" if days < 730 else f"{days // 365}y"

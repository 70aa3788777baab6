"""Durations in Go's notation, as Kubernetes' manifests write them."""

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)(ms|h|m|s)", re.ASCII)

LONGEST_SECONDS = 366 * 86_400.0
"""A year: what is longer is a slip, and far from what timers and calendars can take."""


def parse_duration(text: object) -> float:
    """Seconds of "500ms", "30s", "1m30s" or "2h"; ValueError for anything else, zero and years included."""
    shown = repr(text)[:60]
    parts = _PART.findall(text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{shown} is not a duration; write a number with a unit, as in 30s or 1m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds <= 0:
        raise ValueError(f"{shown} is no time at all; write a duration above zero, as in 30s")
    if seconds > LONGEST_SECONDS:
        raise ValueError(f"{shown} is longer than a year; write a shorter duration")
    return seconds


def parse_window(text: object) -> float:
    """Seconds of a query's window: a duration, or Graphite's notation of minutes, as in 5min."""
    is_graphite = isinstance(text, str) and re.fullmatch(r"[0-9]+min", text)
    return parse_duration(str(text).removesuffix("in") if is_graphite else text)


def format_duration(seconds: float) -> str:
    """The shortest exact notation: 30.0 -> "30s", 90.0 -> "1m30s", 0.25 -> "250ms"."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    whole, fraction = divmod(rest, 1000)
    text = f"{minutes}m" if minutes else ""
    text += f"{whole}s" if whole else ""
    text += f"{fraction}ms" if fraction else ""
    return text or "0s"

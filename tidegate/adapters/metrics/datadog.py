"""Datadog's query of time series points.

The window is ten of the metric's intervals, as Flagger's. Of the first series the newest complete bucket is
taken, unless that is too old: Flagger takes the oldest, which is from long before the step that is judged.
"""

import time
from typing import Any

from tidegate.adapters.metrics.exchange import Exchange
from tidegate.adapters.metrics.source import Source, as_of, number
from tidegate.decisions.judge import Sample

PATH = "/api/v1/query"
WINDOWS = 10


class Datadog:
    """One Datadog site."""

    def __init__(self, exchange: Exchange, window_seconds: float) -> None:
        self._exchange = exchange
        self._window_seconds = window_seconds

    async def query(self, query: str) -> Sample:
        """Ask for the last intervals."""
        now = int(time.time())
        since = now - round(WINDOWS * self._window_seconds)
        answer = await self._exchange.get({"query": query, "from": str(since), "to": str(now)})
        match answer.json:
            case {"status": "error", "error": str(said)}:
                raise self._exchange.blame(f"refuses the query: {said}", "correct the query")
            case {"series": []}:
                return Sample()
            case {"series": [{"pointlist": list(points), **series}, *_] as every}:
                value, age = _newest_complete(points, series.get("interval"), now)
                sample = Sample(value=value, series=len(every), chosen="first")
                return as_of(sample, age, self._window_seconds)
            case _:
                raise self._exchange.unlike("Datadog")


def _newest_complete(points: list[Any], bucket_seconds: Any, now: float) -> tuple[float | None, float]:
    """The last value of [milliseconds, value] pairs whose bucket is over; the last of all where none is.

    With it, for how many seconds its bucket has been over.
    """
    width = number(bucket_seconds) or 0.0
    ends = [(at / 1000 + width, number(value)) for at, value in points if number(value) is not None]
    every = [each for each in ends if each[0] <= now] or ends
    return (every[-1][1], max(0.0, now - every[-1][0])) if every else (None, 0.0)


def datadog(source: Source) -> Datadog:
    """A template's Datadog, with the keys of its Secret."""
    headers = [
        ("DD-API-KEY", source.credentials.needed("datadog_api_key")),
        ("DD-APPLICATION-KEY", source.credentials.needed("datadog_application_key")),
    ]
    return Datadog(source.exchange("Datadog", PATH, headers=headers), source.window_seconds)

"""Dynatrace's metrics API of version 2: a metric selector, folded into one value over ten intervals.

As with Flagger: Dynatrace has a metric a minute or two late, and a single interval would often be empty.
"""

import time

from tidegate.adapters.metrics.exchange import Exchange
from tidegate.adapters.metrics.source import Source, number
from tidegate.decisions.judge import Sample

PATH = "/api/v2/metrics/query"
WINDOWS = 10


class Dynatrace:
    """One environment."""

    def __init__(self, exchange: Exchange, window_seconds: float) -> None:
        self._exchange = exchange
        self._window_seconds = window_seconds

    async def query(self, query: str) -> Sample:
        """Ask for the last intervals. The last series of the first metric, as in Flagger."""
        now = int(time.time() * 1000)
        since = now - round(WINDOWS * self._window_seconds * 1000)
        answer = await self._exchange.get(
            {"metricSelector": query, "resolution": "Inf", "from": str(since), "to": str(now)}
        )
        match answer.json:
            case {"result": []} | {"result": [{"data": []}, *_]}:
                return Sample()
            case {"result": [{"data": [*_, {"values": list(values)}] as series}, *_]}:
                return Sample(value=number(values[0]) if values else None, series=len(series))
            case _:
                raise self._exchange.unlike("Dynatrace")


def dynatrace(source: Source) -> Dynatrace:
    """A template's environment, with its Secret's token."""
    headers = [("Authorization", f"Api-Token {source.credentials.needed('dynatrace_token')}")]
    return Dynatrace(source.exchange("Dynatrace", PATH, headers=headers), source.window_seconds)

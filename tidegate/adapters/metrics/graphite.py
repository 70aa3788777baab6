"""Graphite's render API. The query is its query string, as in target=summarize(...)&from=-5min."""

import re
from typing import Any
from urllib.parse import parse_qsl

from tidegate.adapters.metrics.exchange import Exchange
from tidegate.adapters.metrics.source import Source, basic, number
from tidegate.decisions.judge import Sample

PATH = "/render"


class Graphite:
    """One server."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def query(self, query: str) -> Sample:
        """Render once. The last value of the last series that has one, as in Flagger."""
        wanted = parse_qsl(re.sub(r"\s+", " ", query.strip()), keep_blank_values=True)
        if not any(name == "target" for name, _ in wanted):
            raise self._exchange.blame("needs a target", "write target=<what to render>")
        fields = [(name, value.strip()) for name, value in wanted if name != "format"]
        answer = await self._exchange.get([*fields, ("format", "json")])
        series = answer.json
        if not isinstance(series, list) or not all(_is_series(each) for each in series):
            raise self._exchange.unlike("Graphite")
        values = [_last(each["datapoints"]) for each in series]
        known = [value for value in values if value is not None]
        return Sample(value=known[-1] if known else None, series=len(series))


def _is_series(series: Any) -> bool:
    return isinstance(series, dict) and isinstance(series.get("datapoints"), list)


def _last(points: list[Any]) -> float | None:
    """The last value of [value, time] pairs; the newest buckets are often still empty."""
    values = [_number(point[0]) for point in points if isinstance(point, list) and point]
    known = [value for value in values if value is not None]
    return known[-1] if known else None


def _number(value: Any) -> float | None:
    """Some servers write numbers as texts."""
    try:
        return number(float(value)) if isinstance(value, str) else number(value)
    except ValueError:
        return None


def graphite(source: Source) -> Graphite:
    """A template's server, with its Secret's username and password where it names one."""
    given = source.credentials
    headers = basic(given.needed("username"), given.needed("password")) if given else []
    return Graphite(source.exchange("Graphite", PATH, headers=headers))

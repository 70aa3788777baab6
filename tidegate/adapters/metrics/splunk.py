"""Splunk Observability's SignalFlow, by HTTP: a program runs over the last intervals and streams its results.

Its window is ten of the metric's intervals, as Flagger's; of that the newest value is taken, unless it is too
old. The answer is a stream of server-sent events, which ends with the window; each event is one JSON message
over several `data:` lines.
"""

import json
import time
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from tidegate.adapters.metrics.exchange import Exchange
from tidegate.adapters.metrics.source import Source, as_of, is_fresh, number
from tidegate.decisions.judge import Sample

PATH = "/v2/signalflow/execute"
WINDOWS = 10
TIMEOUT_SECONDS = 10.0
"""A computation starts after a second or two."""


class Event(NamedTuple):
    """One server-sent event; `message` is None where it is no JSON object."""

    kind: str
    message: dict[str, Any] | None


class Point(NamedTuple):
    """A time series' value, and the second that it is of."""

    value: float
    at: float


class Splunk:
    """One realm."""

    def __init__(self, exchange: Exchange, window_seconds: float) -> None:
        self._exchange = exchange
        self._window_seconds = window_seconds

    async def query(self, query: str) -> Sample:
        """Run the program. The newest value; of several time series the last one's."""
        stop = int(time.time() * 1000)
        start = stop - round(WINDOWS * self._window_seconds * 1000)
        params = {"start": str(start), "stop": str(stop), "immediate": "true"}
        answer = await self._exchange.post(query.encode(), "text/plain", **params)
        events = list(_events(answer.text))
        if not events or any(event.message is None for event in events if event.kind in ("data", "error")):
            raise self._exchange.unlike("SignalFlow")
        newest: dict[str, Point] = {}
        for event in events:
            if event.kind == "error":
                raise self._exchange.blame(f"refuses the query: {_complaint(event)}", "correct the program")
            if event.kind == "data":
                newest |= _values(event)
        return self._sample(list(newest.values()), stop / 1000)

    def _sample(self, newest: list[Point], now: float) -> Sample:
        """The last series that has a value of late; where none has, the newest, which says how old it is."""
        if not newest:
            return Sample()
        fresh = [point for point in newest if is_fresh(now - point.at, self._window_seconds)]
        chosen = fresh[-1] if fresh else max(newest, key=attrgetter("at"))
        sample = Sample(value=chosen.value, series=len(newest))
        return as_of(sample, now - chosen.at, self._window_seconds)


def _values(event: Event) -> dict[str, Point]:
    """The numbers of a data message by their series' ids; without a time they are as old as can be."""
    message = event.message or {}
    at = (number(message.get("logicalTimestampMs")) or 0.0) / 1000
    points = message.get("data")
    known = [point for point in points if isinstance(point, dict)] if isinstance(points, list) else []
    return {
        str(point.get("tsId")): Point(value, at)
        for point in known
        if (value := number(point.get("value"))) is not None
    }


def _complaint(event: Event) -> str:
    match event.message:
        case {"message": str(said)}:
            return said
        case {"errors": [{"code": str(said)}, *_]}:
            return said
        case _:
            return "it gives no reason"


def _events(stream: str) -> Iterator[Event]:
    for block in stream.replace("\r\n", "\n").split("\n\n"):
        lines = [line.partition(":") for line in block.split("\n")]
        kind = "".join(value.strip() for name, _, value in lines if name == "event")
        data = "\n".join(value for name, _, value in lines if name == "data")
        if kind:
            yield Event(kind, _object(data))


def _object(text: str) -> dict[str, Any] | None:
    try:
        message = json.loads(text)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def splunk(source: Source) -> Splunk:
    """A template's realm, with its Secret's token."""
    headers = [("X-SF-Token", source.credentials.needed("sf_token_key"))]
    exchange = source.exchange("Splunk", PATH, headers=headers, timeout=TIMEOUT_SECONDS)
    return Splunk(exchange, source.window_seconds)

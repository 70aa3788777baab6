"""InfluxDB's query API of version 2: Flux, answered as CSV.

Annotation rows begin with #; a table is a header row and its records, and an empty line is before the next.
"""

import csv
from collections.abc import Iterator

from tidegate.adapters.metrics.exchange import Exchange
from tidegate.adapters.metrics.source import Source, number
from tidegate.decisions.judge import Sample

PATH = "/api/v2/query"
TIMEOUT_SECONDS = 15.0
"""Flux may read hours of raw points."""


class InfluxDb:
    """One organisation's data on one server."""

    def __init__(self, exchange: Exchange, org: str) -> None:
        self._exchange = exchange
        self._params = {"org": org} if org else {}

    async def query(self, query: str) -> Sample:
        """Run the Flux. The `_value` of the first record, as in Flagger."""
        accept = ("Accept", "application/csv")
        answer = await self._exchange.post(query.encode(), "application/vnd.flux", accept, **self._params)
        try:
            records = list(_records(answer.text))
        except (csv.Error, _NoTable):
            raise self._exchange.unlike("InfluxDB") from None
        if not records:
            return Sample()
        first = records[0]
        if "error" in first:
            raise self._exchange.blame(f"refuses the query: {first['error']}", "correct the query")
        if "_value" not in first:
            raise self._exchange.blame("gives no _value", "let the query keep the column _value")
        return Sample(value=self._number(first["_value"]), series=len(records), chosen="first")

    def _number(self, text: str) -> float | None:
        if not text:
            return None
        try:
            return number(float(text))
        except ValueError:
            raise self._exchange.blame("gives no number", "let the query give numbers in _value") from None


class _NoTable(Exception):
    """The text has lines, and none of Flux's columns."""


def _records(text: str) -> Iterator[dict[str, str]]:
    """Every record by its columns' names."""
    header: list[str] = []
    for row in csv.reader(text.splitlines()):
        if not any(row):
            header = []
        elif row[0].startswith("#"):
            continue
        elif not header:
            header = row
            if not {"table", "error"} & set(header):
                raise _NoTable
        else:
            yield dict(zip(header, row, strict=False))


def influxdb(source: Source) -> InfluxDb:
    """A template's server, with its Secret's token and org where it names one."""
    given = source.credentials
    headers = [("Authorization", f"Token {given.needed('token')}")] if given else []
    exchange = source.exchange("InfluxDB", PATH, headers=headers, timeout=TIMEOUT_SECONDS)
    return InfluxDb(exchange, given.needed("org") if given else "")

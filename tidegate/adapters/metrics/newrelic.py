"""New Relic's query API of Insights: NRQL, to which the metric's interval is added as SINCE."""

from typing import Any
from urllib.parse import quote

from tidegate.adapters.metrics.exchange import Exchange
from tidegate.adapters.metrics.source import Source, number
from tidegate.decisions.judge import Sample


class NewRelic:
    """One account."""

    def __init__(self, exchange: Exchange, window_seconds: float) -> None:
        self._exchange = exchange
        self._window_seconds = window_seconds

    async def query(self, query: str) -> Sample:
        """Ask for the last interval. The query selects one number: `result`, `average`, a percentile ..."""
        answer = await self._exchange.get(
            {"nrql": f"{query} SINCE {round(self._window_seconds)} seconds ago"}
        )
        match answer.json:
            case {"results": []}:
                return Sample()
            case {"results": [dict(result)]}:
                return self._sample(_leaves(result))
            case {"results": [_, _, *_] as several}:
                raise self._ambiguous(len(several))
            case _:
                raise self._exchange.unlike("New Relic")

    def _sample(self, leaves: list[Any]) -> Sample:
        if len(leaves) > 1:
            raise self._ambiguous(len(leaves))
        return Sample(value=number(leaves[0]), series=1) if leaves else Sample()

    def _ambiguous(self, count: int) -> Exception:
        return self._exchange.blame(f"gives {count} results", "write a query that selects one number")


def _leaves(result: dict[str, Any]) -> list[Any]:
    """The values of a result, however deep: {"percentiles": {"99": 12.5}} has one."""
    nested = [_leaves(each) if isinstance(each, dict) else [each] for each in result.values()]
    return [leaf for leaves in nested for leaf in leaves]


def newrelic(source: Source) -> NewRelic:
    """A template's account, with the keys of its Secret."""
    account = quote(source.credentials.needed("newrelic_account_id"), safe="")
    headers = [("X-Query-Key", source.credentials.needed("newrelic_query_key"))]
    exchange = source.exchange("New Relic", f"/v1/accounts/{account}/query", headers=headers)
    return NewRelic(exchange, source.window_seconds)

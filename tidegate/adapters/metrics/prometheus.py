"""Prometheus' instant queries, as samples for the judge."""

from typing import Any

from tidegate.adapters.metrics.exchange import TIMEOUT_SECONDS, Exchange, Headers
from tidegate.adapters.metrics.source import Credentials, Source, basic, bearer
from tidegate.adapters.reach import Direct, Target, shown
from tidegate.decisions.judge import Sample
from tidegate.domain.duration import format_duration
from tidegate.domain.errors import InvalidInput
from tidegate.domain.redaction import url_secrets

PATH = "/api/v1/query"


class Prometheus:
    """One server."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def query(self, query: str) -> Sample:
        """Ask once, now. InvalidInput carries Prometheus' own words; outages are Unreachable."""
        answer = await self._exchange.get({"query": query})
        if not isinstance(answer.json, dict) or answer.json.get("status") != "success":
            raise self._exchange.refusal(answer)
        return self._sample(answer.json.get("data"))

    async def samples(self, query: str, seconds: float, step: float) -> dict[float, float]:
        """The query's values in the last seconds by the server's clock, one for each step, by their times.

        One series at most; InvalidInput when there are more. Errors are those of `query`.
        """
        window = f"{format_duration(seconds)}:{format_duration(step)}"
        answer = await self._exchange.get({"query": f"({query}\n)[{window}]"})
        if not isinstance(answer.json, dict) or answer.json.get("status") != "success":
            raise self._exchange.refusal(answer)
        match answer.json.get("data"):
            case {"resultType": "matrix", "result": []}:
                return {}
            case {"resultType": "matrix", "result": [{"values": [*points]}]}:
                return {float(at): float(value) for at, value in points}
            case {"resultType": "matrix", "result": [_, _, *_] as found}:
                raise InvalidInput(
                    f"the query gives {len(found)} series",
                    field="query",
                    mend="write a query that gives one, as with sum(...)",
                )
            case _:
                raise self._exchange.unlike("a Prometheus")

    def _sample(self, data: Any) -> Sample:
        match data:
            case {"resultType": "vector", "result": []}:
                return Sample()
            case {"resultType": "vector", "result": [*_, {"value": [_, str(value)]}] as series}:
                return Sample(value=_number(value), series=len(series))
            case {"resultType": "scalar", "result": [_, str(value)]}:
                return Sample(value=_number(value), series=1)
            case {"resultType": "matrix" | "string" as found}:
                raise InvalidInput(
                    f"the query gives a {found}",
                    field="query",
                    mend="write a query that gives one number at one instant",
                )
            case _:
                raise self._exchange.unlike("a Prometheus")


def prometheus(source: Source) -> Prometheus:
    """A template's server, with its Secret's token, or username and password."""
    return Prometheus(source.exchange("Prometheus", PATH, headers=_authorization(source.credentials)))


def own_prometheus(
    address: str, target: Target | None = None, token: str = "", timeout: float = TIMEOUT_SECONDS
) -> Prometheus:
    """The server of the settings, with their token. `target` is its query endpoint, however it is reached."""
    exchange = Exchange(
        f"Prometheus {shown(address)}",
        target or Direct(query_url(address)),
        headers=bearer(token),
        secrets=[token, *url_secrets(address)],
        identity="the token of the settings" if token else "",
        timeout=timeout,
    )
    return Prometheus(exchange)


def query_url(address: str) -> str:
    """The endpoint of instant queries below a server's base address."""
    return f"{address.rstrip('/')}{PATH}"


def _authorization(credentials: Credentials) -> Headers:
    if not credentials:
        return ()
    if token := credentials.values.get("token"):
        return bearer(token)
    return basic(credentials.needed("username"), credentials.needed("password"))


def _number(text: str) -> float | None:
    """NaN is what a ratio without traffic gives: no data."""
    value = float(text)
    return None if value != value else value

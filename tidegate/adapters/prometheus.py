"""Prometheus' instant queries, as samples for the judge."""

import json
from typing import Any, NoReturn

import httpx

from tidegate.adapters.patience import retry_after
from tidegate.adapters.reach import Direct, Target, client, read_bounded, shown, why
from tidegate.decisions.judge import Sample
from tidegate.domain.errors import AccessDenied, InvalidInput, Unreachable
from tidegate.domain.redaction import redacted, url_secrets

PATH = "/api/v1/query"
TIMEOUT_SECONDS = 5.0
"""A query of a canary's last minute answers in milliseconds; beyond this the server is in trouble."""


class Prometheus:
    """One server. `address` is what errors name; `target` is its query endpoint, however it is reached."""

    def __init__(
        self, address: str, target: Target | None = None, token: str = "", timeout: float = TIMEOUT_SECONDS
    ) -> None:
        self._address = f"Prometheus {shown(address)}"
        self._target = target or Direct(query_url(address))
        self._authorization = {"Authorization": f"Bearer {token}"} if token else {}
        self._secrets = [token, *url_secrets(address)]
        self._timeout = timeout

    async def query(self, query: str) -> Sample:
        """Ask once, now. InvalidInput carries Prometheus' own words; outages are Unreachable."""
        try:
            status, pause, body = await self._get(query)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unreachable(self._address, why(error)) from None
        answer = _parsed(body)
        if status != httpx.codes.OK or answer.get("status") != "success":
            self._refuse(status, pause, answer)
        return self._sample(answer.get("data"))

    async def _get(self, query: str) -> tuple[int, float | None, bytes]:
        """Status, the seconds that Retry-After asks for, and body."""
        async with (
            client(self._target, self._timeout) as http,
            http.stream(
                "GET", self._target.url, params={"query": query}, headers=self._authorization
            ) as response,
        ):
            pause = retry_after(response.headers.get("Retry-After"))
            return response.status_code, pause, await read_bounded(response)

    def _refuse(self, status: int, pause: float | None, answer: dict[str, Any]) -> NoReturn:
        said = str(answer.get("error") or answer.get("message") or f"status {status}")
        reason = redacted(" ".join(said.split()), self._secrets)[:300]
        if status in (401, 403):
            raise AccessDenied(self._address, reason)
        if 400 <= status < 500 and status not in (408, 429):
            raise InvalidInput(f"{self._address} refuses the query: {reason}", mend="correct the query")
        raise Unreachable(self._address, reason, pause)

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
                    f"the query gives a {found}", mend="write a query that gives one number at one instant"
                )
            case _:
                raise Unreachable(self._address, "it does not answer as a Prometheus does")


def query_url(address: str) -> str:
    """The endpoint of instant queries below a server's base address."""
    return f"{address.rstrip('/')}{PATH}"


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _number(text: str) -> float | None:
    """NaN is what a ratio without traffic gives: no data."""
    number = float(text)
    return None if number != number else number

"""Amazon CloudWatch's GetMetricData. The query is its MetricDataQueries, as JSON; the first result counts.

Its window is ten of the metric's intervals, as Flagger's; of that the newest value is taken, unless it is
too old.
"""

import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tidegate.adapters.metrics.aws import Identity, identity
from tidegate.adapters.metrics.exchange import Answer, Exchange
from tidegate.adapters.metrics.sigv4 import signed
from tidegate.adapters.metrics.source import Source, as_of, number
from tidegate.decisions.judge import Sample
from tidegate.domain.errors import TidegateError, Unreachable

WINDOWS = 10
TIMEOUT_SECONDS = 10.0
CONTENT_TYPE = "application/x-amz-json-1.0"
TARGET = "GraniteServiceVersion20100801.GetMetricData"

_DENIED = (
    "AccessDenied",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
)
_BUSY = ("Throttling", "InternalService", "ServiceUnavailable", "RequestLimitExceeded")


class CloudWatch:
    """One region."""

    def __init__(
        self, exchange: Exchange, host: str, region: str, identity: Identity, window_seconds: float
    ) -> None:
        self._exchange = exchange
        self._host = host
        self._region = region
        self._identity = identity
        self._window_seconds = window_seconds

    async def query(self, query: str) -> Sample:
        """Ask for the last intervals."""
        body = json.dumps(self._request(query)).encode()
        keys = await self._identity.keys()
        self._exchange.hide(keys.secret, keys.session)
        sent = {"Host": self._host, "Content-Type": CONTENT_TYPE, "X-Amz-Target": TARGET}
        headers = signed(
            "POST",
            sent,
            body,
            keys=keys,
            region=self._region,
            service="monitoring",
            now=datetime.now(UTC),
        )
        content_type = headers.pop("content-type")
        answer = await self._exchange.try_post(body, content_type, *headers.items())
        if answer.status != 200:
            raise self._refusal(answer)
        match answer.json:
            case {"MetricDataResults": []}:
                return Sample()
            case {"MetricDataResults": [{"StatusCode": "Forbidden"}, *_]}:
                raise self._exchange.denial("the result is forbidden")
            case {"MetricDataResults": [{"Values": []}, *_] as results}:
                return Sample(series=len(results))
            case {
                "MetricDataResults": [
                    {"Values": [value, *_], "Timestamps": [int() | float() as since, *_]},
                    *_,
                ] as results
            }:
                sample = Sample(value=number(value), series=len(results), chosen="first")
                age = max(0.0, time.time() - since - _period(query))
                return as_of(sample, age, self._window_seconds)
            case _:
                raise self._exchange.unlike("CloudWatch")

    def _request(self, query: str) -> dict[str, Any]:
        try:
            wanted = json.loads(query)
        except ValueError:
            wanted = None
        if not isinstance(wanted, list):
            raise self._exchange.blame("needs a list of MetricDataQueries", "write the query as a JSON list")
        now = int(time.time())
        since = now - round(WINDOWS * self._window_seconds)
        return {"MetricDataQueries": wanted, "StartTime": since, "EndTime": now, "MaxDatapoints": 100}

    def _refusal(self, answer: Answer) -> TidegateError:
        """AWS says by a name what a 400 means."""
        said = answer.json if isinstance(answer.json, dict) else {}
        name = str(said.get("__type", "")).rpartition("#")[2]
        reason = f"{name} {said.get('message') or said.get('Message') or ''}".strip()
        if name.startswith(_DENIED):
            return self._exchange.denial(reason)
        if name.startswith(_BUSY):
            return Unreachable(self._exchange.server, self._exchange.told(reason), answer.pause)
        return self._exchange.refusal(answer, reason)


def _period(query: str) -> float:
    """For how many seconds a point stands, which bears the time of its beginning: the query's longest."""
    periods = [
        number(part.get("Period"))
        for each in json.loads(query)
        if isinstance(each, dict)
        for part in (each, each.get("MetricStat"))
        if isinstance(part, dict)
    ]
    return max(filter(None, periods), default=0.0)


def cloudwatch(source: Source) -> CloudWatch:
    """A template's region, for whoever its Secret or the worker's environment names."""
    exchange = source.exchange("CloudWatch", "/", timeout=TIMEOUT_SECONDS)
    host = urlsplit(source.provider.base_address).netloc.rpartition("@")[2]
    return CloudWatch(exchange, host, source.provider.region, identity(source), source.window_seconds)

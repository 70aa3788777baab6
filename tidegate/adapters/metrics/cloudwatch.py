"""Amazon CloudWatch's GetMetricData. The query is its MetricDataQueries, as JSON; the first result counts.

Its window is ten of the metric's intervals, as Flagger's; of that the newest value is taken. The keys are
those of the template's Secret, else the worker's own environment's, which only sign requests to AWS itself.
"""

import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tidegate.adapters.metrics.exchange import Answer, Exchange
from tidegate.adapters.metrics.sigv4 import Keys, signed
from tidegate.adapters.metrics.source import Source, number
from tidegate.decisions.judge import Sample
from tidegate.domain.errors import InvalidInput, TidegateError, Unreachable

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

    def __init__(self, exchange: Exchange, host: str, region: str, keys: Keys, window_seconds: float) -> None:
        self._exchange = exchange
        self._host = host
        self._region = region
        self._keys = keys
        self._window_seconds = window_seconds

    async def query(self, query: str) -> Sample:
        """Ask for the last intervals."""
        body = json.dumps(self._request(query)).encode()
        sent = {"Host": self._host, "Content-Type": CONTENT_TYPE, "X-Amz-Target": TARGET}
        headers = signed(
            "POST",
            sent,
            body,
            keys=self._keys,
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
            case {"MetricDataResults": [{"Values": list(values)}, *_] as results}:
                value = number(values[0]) if values else None
                return Sample(value=value, series=len(results), chosen="first")
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


def cloudwatch(source: Source) -> CloudWatch:
    """A template's region, with the keys of its Secret, or those of the worker's environment."""
    provider, keys = source.provider, _keys(source)
    exchange = source.exchange(
        "CloudWatch", "/", secrets=[keys.secret, keys.session], timeout=TIMEOUT_SECONDS
    )
    host = urlsplit(provider.base_address).netloc.rpartition("@")[2]
    return CloudWatch(exchange, host, provider.region, keys, source.window_seconds)


def _keys(source: Source) -> Keys:
    given = source.credentials
    if given:
        access, secret = given.needed("AWS_ACCESS_KEY_ID"), given.needed("AWS_SECRET_ACCESS_KEY")
        return Keys(access, secret, given.values.get("AWS_SESSION_TOKEN", ""))
    if source.provider.address:
        raise InvalidInput(
            "an address of its own is not shown the worker's keys",
            field="provider.secretRef",
            mend="name a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or remove the address",
        )
    access, secret = (source.environ.get(name, "") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    if not (access and secret):
        raise InvalidInput(
            "there are no keys for CloudWatch",
            field="provider.secretRef",
            mend="name a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give both to the worker",
        )
    return Keys(access, secret, source.environ.get("AWS_SESSION_TOKEN", ""))

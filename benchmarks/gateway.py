"""Visitors at the ingress gateway: bounded load whose every answer is kept, with who gave it."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import aiohttp

_FROM_UPSTREAM = "x-envoy-upstream-service-time"
_TIMEOUT = aiohttp.ClientTimeout(total=5)


class Answer(NamedTuple):
    """One request: when it began and ended (monotonic seconds), and the version that answered.

    `failure` is an HTTP status other than 200 or an error's name, and empty when all was well. `by_pod` says
    that a pod answered, and not the gateway in the place of one.
    """

    began: float
    ended: float
    version: str = ""
    failure: str = ""
    by_pod: bool = False


class Visitors:
    """`count` visitors that each send a request every `period` seconds, one at a time."""

    def __init__(self, url: str, host: str, count: int, period: float) -> None:
        self._url = f"{url}/version"
        self._headers = {"Host": host}
        self._count = count
        self._period = period
        self.answers: list[Answer] = []

    @contextlib.asynccontextmanager
    async def visiting(self) -> AsyncIterator[None]:
        """They visit while the block runs; each ends with its last request answered."""
        leaving = asyncio.Event()
        connector = aiohttp.TCPConnector(limit=self._count)
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
            visitors = [asyncio.create_task(self._visit(session, leaving)) for _ in range(self._count)]
            try:
                yield
            finally:
                leaving.set()
                await asyncio.gather(*visitors)

    async def _visit(self, session: aiohttp.ClientSession, leaving: asyncio.Event) -> None:
        while not leaving.is_set():
            answer = await self._ask(session)
            self.answers.append(answer)
            await asyncio.sleep(max(0.0, answer.began + self._period - time.monotonic()))

    async def _ask(self, session: aiohttp.ClientSession) -> Answer:
        began, version, failure, by_pod = time.monotonic(), "", "", False
        try:
            async with session.get(self._url, headers=self._headers) as response:
                by_pod = _FROM_UPSTREAM in response.headers
                if response.status == 200:
                    version = (await response.json())["version"]
                else:
                    failure = str(response.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = type(error).__name__
        return Answer(began, time.monotonic(), version, failure, by_pod)


def failures(answers: Sequence[Answer]) -> Counter[str]:
    """The requests that failed, by status or error."""
    return Counter(answer.failure for answer in answers if answer.failure)


def turned_away_after(answers: Sequence[Answer], canary: str, since: float) -> float:
    """Milliseconds from `since` until the version `canary` answered nobody any more.

    That is the end of the first answer by another version after the canary's last one. ValueError when the
    canary never answered, or still did at the end.
    """
    in_order = sorted(answers, key=lambda answer: answer.ended)
    last = max((i for i, answer in enumerate(in_order) if answer.version == canary), default=None)
    if last is None:
        raise ValueError(f"{canary} answered no request")
    after = next((answer for answer in in_order[last + 1 :] if answer.version), None)
    if after is None:
        raise ValueError(f"{canary} was still answering at the end")
    return (after.ended - since) * 1000

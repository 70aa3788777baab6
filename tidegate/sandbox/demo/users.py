"""The application's users: a steady trickle of requests through the gateway, and what they got."""

import asyncio
import contextlib
import json
from collections import Counter
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp

HOST = "app.istio.example.com"
PER_SECOND = 20.0
LOST = 0
"""The status of a request that got no answer."""

_AT_ONCE = 40
_PATIENCE = aiohttp.ClientTimeout(total=5)
_OWN_ERRORS = frozenset({500, 400, 409})


class Answer(NamedTuple):
    """What a user got: a status (LOST for none), the version that answered, if it said so."""

    status: int
    version: str = ""

    @property
    def failed(self) -> bool:
        """Whether a user would call it an error."""
        return not 200 <= self.status < 400


class Experience:
    """What the users have got so far."""

    def __init__(self) -> None:
        self.versions: Counter[str] = Counter()
        self.own_errors: Counter[str] = Counter()
        """Errors that a faulty version gave, by version."""
        self.lost: Counter[int] = Counter()
        """All other failures, by status: what releasing, or a good version, cost the users."""

    @property
    def requests(self) -> int:
        """All requests."""
        return self.versions.total() + self.own_errors.total() + self.lost.total()

    def record(self, answer: Answer, faulty: str = "") -> None:
        """Count an answer; `faulty` is the version known to fail that had traffic then, if any.

        An error page has no version: one that podinfo gives on purpose, while that version had traffic,
        was its own.
        """
        if not answer.failed:
            self.versions[answer.version] += 1
        elif faulty and answer.status in _OWN_ERRORS:
            self.own_errors[faulty] += 1
        else:
            self.lost[answer.status] += 1


class Users:
    """Send requests inside `async with`; `faulty` is set while a version known to fail is released."""

    def __init__(self, gateway: str) -> None:
        self.experience = Experience()
        self.faulty = ""
        self._gateway = gateway
        self._sending: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=_PATIENCE)
        self._trickle = asyncio.create_task(self._send_steadily())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._trickle.cancel()
        await asyncio.wait({self._trickle, *self._sending})
        await self._session.close()

    async def _send_steadily(self) -> None:
        while True:
            if len(self._sending) < _AT_ONCE:
                sending = asyncio.create_task(self._send())
                self._sending.add(sending)
                sending.add_done_callback(self._sending.discard)
            await asyncio.sleep(1 / PER_SECOND)

    async def _send(self) -> None:
        faulty = self.faulty
        self.experience.record(await ask(self._session, self._gateway), faulty)


async def ask(session: aiohttp.ClientSession, gateway: str) -> Answer:
    """One request to the application through the gateway."""
    try:
        async with session.get(f"{gateway}/", headers={"Host": HOST}) as response:
            return Answer(response.status, _version(await response.read()))
    except (aiohttp.ClientError, TimeoutError):
        return Answer(LOST)


async def answers(gateway: str, requests: int) -> Counter[Answer]:
    """What so many requests, one after the other, are answered."""
    async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
        return Counter([await ask(session, gateway) for _ in range(requests)])


def _version(body: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["version"])
    return ""

"""One HTTP exchange with a metrics server, and what its failure means: whose fault it is, and its own words.

What was sent may come back in an answer, so every text is told without the secrets that it could repeat.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tidegate.adapters.patience import retry_after
from tidegate.adapters.reach import Target, client, read_bounded, why
from tidegate.domain.errors import AccessDenied, InvalidInput, TidegateError, Unreachable
from tidegate.domain.redaction import redacted

TIMEOUT_SECONDS = 5.0
"""A query of a canary's last minute answers in milliseconds; beyond this the server is in trouble."""

_LONGEST_REASON = 300
_OUTAGES = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What a server said. `pause`: the seconds that Retry-After asks for."""

    status: int
    body: bytes
    pause: float | None = None

    @property
    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def text(self) -> str:
        """The body as it can be read."""
        return self.body.decode("utf-8", "replace")


class Exchange:
    """One endpoint of one server. `server` is what errors name, `identity` whose credentials it is sent."""

    def __init__(
        self,
        server: str,
        target: Target,
        *,
        headers: Headers = (),
        secrets: Iterable[str] = (),
        identity: str = "",
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self.server = server
        self._target = target
        self._headers = tuple(headers)
        self._secrets = tuple(secrets)
        self._identity = identity
        self._timeout = timeout

    def hide(self, *secrets: str) -> None:
        """From now on these are not told either."""
        self._secrets = (*self._secrets, *secrets)

    async def get(self, params: Mapping[str, str] | Sequence[tuple[str, str]]) -> Answer:
        """GET with these parameters besides those of the address."""
        return self._accepted(await self._ask("GET", params=params))

    async def post(self, content: bytes, content_type: str, *more: tuple[str, str], **params: str) -> Answer:
        """POST a body, with more headers and with parameters."""
        return self._accepted(await self.try_post(content, content_type, *more, **params))

    async def try_post(
        self, content: bytes, content_type: str, *more: tuple[str, str], **params: str
    ) -> Answer:
        """The same for callers who know themselves what a refusal means."""
        headers = (("Content-Type", content_type), *more)
        return await self._ask("POST", params=params, content=content, headers=headers)

    async def try_post_form(self, fields: Mapping[str, str]) -> Answer:
        """POST a form, for such callers."""
        return await self._ask("POST", data=dict(fields))

    async def _ask(self, method: str, *, headers: Headers = (), **sent: Any) -> Answer:
        """The answer to a request, whatever its status. The time limit is for all of it."""
        sent["params"] = sent.get("params") or None  # an empty one would erase the address's own
        try:
            async with (
                asyncio.timeout(self._timeout),
                client(self._target, self._timeout) as http,
                http.stream(method, self._target.url, headers=[*self._headers, *headers], **sent) as response,
            ):
                pause = retry_after(response.headers.get("Retry-After"))
                return Answer(response.status_code, await read_bounded(response), pause)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unreachable(self.server, self.told(why(error))) from None

    def _accepted(self, answer: Answer) -> Answer:
        if answer.status != httpx.codes.OK:
            raise self.refusal(answer)
        return answer

    def refusal(self, answer: Answer, said: str = "") -> TidegateError:
        """What a refusal means; `said` where the reason is not where it usually is."""
        reason = self.told(said or _said(answer.json)) or f"status {answer.status}"
        if answer.status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return self.denial(reason)
        if 400 <= answer.status < 500 and answer.status not in _OUTAGES:
            return self.blame(f"refuses the query: {reason}", "correct the query")
        return Unreachable(self.server, reason, answer.pause)

    def denial(self, said: str) -> AccessDenied:
        """The server does not accept who we are, or what we may do."""
        who = self._identity or "no credentials, as provider.secretRef names none"
        return AccessDenied(self.server, f"{self.told(said)} (it was shown {who})")

    def blame(self, problem: str, mend: str, field: str = "query") -> InvalidInput:
        """The template is at fault."""
        return InvalidInput(f"{self.server} {self.told(problem)}", field=field, mend=mend)

    def unlike(self, expected: str) -> Unreachable:
        """The answer is none that such a server gives: somebody else answers in its place."""
        return Unreachable(self.server, f"it does not answer as {expected} does")

    def told(self, text: str) -> str:
        """A text of the server's in one line, without what must not be told."""
        return redacted(" ".join(text.split()), self._secrets)[:_LONGEST_REASON]


def _said(answer: Any) -> str:
    """The reason in a JSON error, wherever servers put it: error, message, errors; a text or deeper."""
    match answer:
        case {"error": {"message": str(said)}} | {"error": str(said)}:
            return said
        case {"message": str(said)} | {"Message": str(said)}:
            return said
        case {"errors": [str(said), *_]} | {"errors": [{"message": str(said)}, *_]}:
            return said
        case [dict(first), *_]:
            return _said(first)
        case _:
            return ""

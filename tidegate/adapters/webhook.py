"""Flagger's webhooks: POST a payload, and say in one line why it did not succeed."""

import asyncio
from itertools import islice

import httpx

from tidegate.adapters.patience import retry_after
from tidegate.adapters.reach import Target, TooLarge, client, read_bounded, shown, why
from tidegate.decisions.hooks import pauses
from tidegate.domain.base import Model
from tidegate.domain.canary import Webhook
from tidegate.domain.redaction import redacted, url_secrets

LAST_SUCCESS = 202
MAX_REASON = 200


class Payload(Model):
    """What Flagger posts. `checksum` names what is being released."""

    name: str
    namespace: str
    phase: str
    checksum: str
    metadata: dict[str, str] = {}


class _Answer(Model):
    reason: str = ""
    retry: bool = False
    pause: float = 0.0


async def call_webhook(hook: Webhook, payload: Payload, target: Target) -> str:
    """POST until it succeeds or the hook's retries are used up: "" or the last reason, in one line.

    Connection errors, 429 and 5xx are tried again, after the pause that Retry-After asks for or our own;
    `timeout` is for each attempt, its answer included.
    """
    async with client(target, hook.timeout) as http:
        for pause in islice(pauses(), hook.retries):
            answer = await _attempt(http, hook, payload, target)
            if not answer.retry:
                return answer.reason
            await asyncio.sleep(max(pause, answer.pause))
        return (await _attempt(http, hook, payload, target)).reason


async def _attempt(http: httpx.AsyncClient, hook: Webhook, payload: Payload, target: Target) -> _Answer:
    try:
        async with (
            asyncio.timeout(hook.timeout),
            http.stream("POST", target.url, json=payload.model_dump()) as response,
        ):
            if response.status_code <= LAST_SUCCESS:
                return _Answer()
            return await _refusal(hook.url, response)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        return _Answer(reason=f"{shown(hook.url)} is out of reach: {why(error)}", retry=True)


async def _refusal(url: str, response: httpx.Response) -> _Answer:
    """What the hook said, without the secrets that it may have echoed."""
    try:
        body = await read_bounded(response, limit=4 * 1024)
    except TooLarge:
        body = b""
    said = " ".join(body.decode("utf-8", "replace").split())
    said = redacted(said, url_secrets(url))[:MAX_REASON]
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return _Answer(
        reason=f"{shown(url)} answered {status}{f': {said}' if said else ''}",
        retry=response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.status_code >= 500,
        pause=retry_after(response.headers.get("Retry-After")) or 0.0,
    )

"""Flagger's webhooks: POST a payload, and say in one line why it did not succeed."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

import httpx

from tidegate.adapters.patience import retry_after
from tidegate.adapters.reach import Direct, Target, TooLarge, client, read_bounded, shown, why
from tidegate.decisions.hook_answers import LAST_SUCCESS, HookAnswer, Word, later_seconds, word_of
from tidegate.decisions.hooks import pauses
from tidegate.domain.analysis import Webhook
from tidegate.domain.base import Model
from tidegate.domain.redaction import path_secrets, redacted, url_secrets

MAX_REASON = 200
MAX_ANSWER = 4 * 1024
"""Bytes of an answer that are read."""


class Payload(Model):
    """What Flagger posts. `checksum` names what is being released."""

    name: str
    namespace: str
    phase: str
    checksum: str
    metadata: dict[str, str] = {}


class _Attempt(Model):
    answer: HookAnswer = HookAnswer()
    retry: bool = False
    pause: float = 0.0


async def ask_webhook(hook: Webhook, payload: Payload, target: Target) -> HookAnswer:
    """POST until there is an answer or the hook's retries are used up: the last answer.

    Connection errors, 429 and 5xx are tried again, after the pause that Retry-After asks for or our own;
    `timeout` is for each attempt, its answer included.
    """
    if hook.disable_tls and isinstance(target, Direct):
        target = replace(target, verify=False)
    async with client(target, hook.timeout) as http:
        for pause in islice(pauses(), hook.retries):
            attempt = await _attempt(http, hook, payload, target)
            if not attempt.retry:
                return attempt.answer
            await asyncio.sleep(max(pause, attempt.pause))
        return (await _attempt(http, hook, payload, target)).answer


async def _attempt(http: httpx.AsyncClient, hook: Webhook, payload: Payload, target: Target) -> _Attempt:
    try:
        async with (
            asyncio.timeout(hook.timeout),
            http.stream("POST", target.url, json=payload.model_dump()) as response,
        ):
            return await _read(hook.url, response)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        reason = f"{shown(hook.url)} is out of reach: {why(error)}"
        return _Attempt(answer=HookAnswer(reason=reason, answered=False), retry=True)


async def _read(url: str, response: httpx.Response) -> _Attempt:
    """A word of the hook's own goes before its status, and is final."""
    agrees = response.status_code <= LAST_SUCCESS
    body = await _body(response) if not agrees or _is_json(response) else b""
    word, told = word_of(response.headers, body)
    if word is None and agrees:
        return _Attempt()
    busy = word is None and (
        response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.status_code >= 500
    )
    answer = HookAnswer(
        reason=_reason(url, response, word, told or body.decode("utf-8", "replace")),
        word=word,
        again_seconds=_again_seconds(response) if word is Word.LATER else None,
        answered=not busy,
    )
    return _Attempt(answer=answer, retry=busy, pause=retry_after(response.headers.get("Retry-After")) or 0.0)


async def _body(response: httpx.Response) -> bytes:
    try:
        return await read_bounded(response, limit=MAX_ANSWER)
    except TooLarge:
        return b""


def _is_json(response: httpx.Response) -> bool:
    """Whether an agreeing answer may hold a word: no other is waited for to its end."""
    return "json" in response.headers.get("Content-Type", "")


def _again_seconds(response: httpx.Response) -> float | None:
    return later_seconds(response.headers.get("Retry-After"), datetime.now(UTC))


def _reason(url: str, response: httpx.Response, word: Word | None, said: str) -> str:
    """What the hook said, without the secrets that it may have echoed."""
    said = redacted(" ".join(said.split()), (*url_secrets(url), *path_secrets(url)))[:MAX_REASON]
    status = f"{response.status_code} {response.reason_phrase}".strip()
    answered = f"{shown(url)} answered {status}{f', {word}' if word else ''}"
    return f"{answered}{f': {said}' if said else ''}"

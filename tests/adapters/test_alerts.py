"""Alerts as chats receive them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web

from tidegate.adapters.alerts import post_alert
from tidegate.adapters.reach import Direct
from tidegate.decisions.alerts import Message
from tidegate.domain.alert_provider import AlertProviderSpec, Severity
from tidegate.domain.errors import AccessDenied, InvalidInput, ReleaseFailed, TidegateError, Unreachable

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]
MESSAGE = Message(title="podinfo.test", text="promoted", severity=Severity.INFO)


async def post(address: str, secret: Mapping[str, str] | None = None, type_: str = "slack") -> None:
    provider = AlertProviderSpec.parse({"type": type_, "address": address})
    await post_alert(provider, secret or {}, MESSAGE, Direct)


def answering(
    status: int, text: str = ""
) -> tuple[Callable[[web.Request], Awaitable[web.Response]], list[Any]]:
    """A handler that answers so, and what it was sent."""
    seen: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers.get("Authorization"), await request.json()))
        return web.Response(status=status, text=text)

    return answer, seen


async def test_a_chat_gets_one_post(serve: Serve) -> None:
    handler, seen = answering(200, "ok")
    await post(await serve(handler) + "/hook")
    ((path, authorization, body),) = seen
    assert (path, authorization) == ("/hook", None)
    assert body["attachments"][0]["text"] == "promoted"


async def test_discord_is_posted_to_below_its_address(serve: Serve) -> None:
    handler, seen = answering(204)
    await post(await serve(handler) + "/api/1", type_="discord")
    assert seen[0][0] == "/api/1/slack"


async def test_the_secrets_address_and_token_are_used(serve: Serve) -> None:
    handler, seen = answering(200, '{"ok": true}')
    address = await serve(handler) + "/chat.postMessage"
    await post("http://127.0.0.1:9/nobody", {"address": address, "token": "xoxb-secret"})
    assert seen[0][:2] == ("/chat.postMessage", "Bearer xoxb-secret")


@pytest.mark.parametrize(
    ("status", "text", "kind", "reason"),
    [
        (200, '{"ok": false, "error": "channel_not_found"}', InvalidInput, "channel_not_found"),
        (400, "invalid_payload", InvalidInput, "answered 400: invalid_payload"),
        (404, "", InvalidInput, "answered 404"),
        (403, "", AccessDenied, "answered 403"),
        (429, "", Unreachable, "answered 429"),
        (503, "", Unreachable, "answered 503"),
        (502, "bad gateway", ReleaseFailed, "may not have taken it: it answered 502: bad gateway"),
    ],
)
async def test_a_refusal_is_told_by_what_may_help(
    serve: Serve, status: int, text: str, kind: type[TidegateError], reason: str
) -> None:
    handler, _ = answering(status, text)
    with pytest.raises(kind, match=reason):
        await post(await serve(handler))


async def test_nobody_there_is_out_of_reach() -> None:
    with pytest.raises(Unreachable, match=r"slack http://127.0.0.1:9 is out of reach"):
        await post("http://127.0.0.1:9/secret-path")


async def test_no_error_repeats_a_secret(serve: Serve) -> None:
    handler, _ = answering(500, "token xoxb-secret-token at /T0/secret-hook-path is bad")
    with pytest.raises(ReleaseFailed) as raised:
        await post(await serve(handler) + "/T0/secret-hook-path", {"token": "xoxb-secret-token"})
    assert "secret" not in str(raised.value)

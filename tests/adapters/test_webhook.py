"""Webhooks as Flagger calls them."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from benchmarks.faults.wiring import throw_away_certificate
from tidegate.adapters.reach import Direct
from tidegate.adapters.webhook import Payload, ask_webhook
from tidegate.decisions import hooks
from tidegate.decisions.hook_answers import HookAnswer, Word
from tidegate.domain.analysis import Webhook

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]
PAYLOAD = Payload(
    name="podinfo", namespace="test", phase="Progressing", checksum="abc", metadata={"cmd": "hey"}
)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """For a server with a certificate that nobody has signed."""
    return throw_away_certificate(tmp_path)[1]


def hook(url: str, timeout: str, retries: int) -> Webhook:
    return Webhook.parse({"name": "load-test", "url": url, "timeout": timeout, "retries": retries})


async def call(url: str, patience: str = "5s", retries: int = 0) -> str:
    return (await ask_webhook(hook(url, patience, retries), PAYLOAD, Direct(url))).reason


def answering(
    *statuses: int, text: str = ""
) -> tuple[Callable[[web.Request], Awaitable[web.Response]], list[Any]]:
    """A handler that answers with these statuses in turn, and what it was sent."""
    seen: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, await request.json()))
        return web.Response(
            status=statuses[min(len(seen), len(statuses)) - 1], text=text, headers={"Location": "/elsewhere"}
        )

    return answer, seen


async def test_the_payload_is_flagger_s(serve: Serve) -> None:
    handler, seen = answering(202)
    assert await call(await serve(handler) + "/gate?x=1") == ""
    assert seen == [
        (
            "POST",
            "/gate?x=1",
            {
                "name": "podinfo",
                "namespace": "test",
                "phase": "Progressing",
                "checksum": "abc",
                "metadata": {"cmd": "hey"},
            },
        )
    ]


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_success_is_a_status_up_to_202(serve: Serve, status: int) -> None:
    handler, _ = answering(status)
    assert await call(await serve(handler)) == ""


@pytest.mark.parametrize("status", [203, 301, 307, 400, 403, 404])
async def test_a_refusal_is_final(serve: Serve, status: int) -> None:
    handler, seen = answering(status, text="not\nnow ")
    reason = await call(await serve(handler), retries=3)
    assert f"answered {status}" in reason
    assert reason.endswith(": not now")
    assert len(seen) == 1


async def test_half_a_character_in_an_answer_can_be_stored_all_the_same(serve: Serve) -> None:
    handler, _ = answering(403, text=r'{"gate": "later", "reason": "half a \ud83d"}')
    url = await serve(handler)
    answer = await ask_webhook(hook(url, "5s", 0), PAYLOAD, Direct(url))
    assert answer.reason.endswith("later: half a ?")
    assert HookAnswer.model_validate_json(answer.model_dump_json()) == answer


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_receiver_is_asked_again(serve: Serve, status: int) -> None:
    handler, seen = answering(status, status, 200)
    assert await call(await serve(handler), retries=2) == ""
    assert len(seen) == 3


async def test_retries_end(serve: Serve) -> None:
    handler, seen = answering(500)
    assert "answered 500" in await call(await serve(handler), retries=2)
    assert len(seen) == 3


async def test_a_receiver_that_is_not_there_is_asked_again_and_named(free_port: int) -> None:
    reason = await call(f"http://127.0.0.1:{free_port}/hook?token=s3cret", retries=1)
    assert reason.startswith(f"http://127.0.0.1:{free_port} is out of reach: ")
    assert "s3cret" not in reason


async def test_a_receiver_that_does_not_answer_in_time_fails(serve: Serve) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    assert "no answer in time" in await call(await serve(hang), patience="100ms")


async def test_an_endless_answer_is_cut(serve: Serve) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    assert (await call(await serve(endless))).endswith("answered 400 Bad Request")


async def test_a_long_reason_is_cut(serve: Serve) -> None:
    handler, _ = answering(400, text="word " * 500)
    assert len(await call(await serve(handler))) < 300


@pytest.mark.parametrize("padding", range(150, 215, 16))
async def test_what_a_receiver_repeats_is_told_without_secrets(serve: Serve, padding: int) -> None:
    async def repeat(request: web.Request) -> web.Response:
        told = f"{'x' * padding} {request.headers['Authorization'].split()[1]} c4nary:p4ss"
        return web.Response(status=400, text=told)

    reason = await call((await serve(repeat)).replace("://", "://c4nary:p4ss@"))
    assert "answered 400" in reason
    assert [each for each in ("c4na", "p4s", "YzR") if each in reason] == []


def speaking(status: int, **more: Any) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that always gives the same answer."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, **more)

    return answer


async def ask(url: str, retries: int = 0, **more: Any) -> HookAnswer:
    asked = Webhook.parse({"name": "gate", "url": url, "timeout": "5s", "retries": retries, **more})
    return await ask_webhook(asked, PAYLOAD, Direct(url))


@pytest.mark.parametrize("status", [200, 403, 429, 503])
async def test_never_is_never_whatever_the_status(serve: Serve, status: int) -> None:
    told = {"body": b'{"gate": "never", "reason": "not in December"}', "content_type": "application/json"}
    url = await serve(speaking(status, **told))
    answer = await ask(url, retries=2)
    assert (answer.agreed, answer.word, answer.answered) == (False, Word.NEVER, True)
    assert answer.reason.startswith(f"{url} answered {status} ")
    assert answer.reason.endswith(", never: not in December")


async def test_later_says_when(serve: Serve) -> None:
    headers = {"Tidegate-Gate": "later", "Retry-After": "7200"}
    answer = await ask(await serve(speaking(503, headers=headers, text="in a meeting")), retries=2)
    assert (answer.word, answer.again_seconds) == (Word.LATER, 7200.0)
    assert answer.reason.endswith("answered 503 Service Unavailable, later: in a meeting")


async def test_a_plain_refusal_is_an_answer_and_an_outage_is_none(serve: Serve, free_port: int) -> None:
    refused = await ask(await serve(speaking(403)))
    broken = await ask(await serve(speaking(500)))
    away = await ask(f"http://127.0.0.1:{free_port}/")
    assert [each.answered for each in (refused, broken, away)] == [True, False, False]


async def test_a_long_agreement_is_not_read(serve: Serve) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" " * 65536)

    assert (await ask(await serve(endless))).agreed


async def test_a_certificate_of_nobodys_is_refused_unless_the_hook_says_otherwise(
    tls: ssl.SSLContext,
) -> None:
    runner = web.ServerRunner(web.Server(_handle))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
        assert "CERTIFICATE_VERIFY_FAILED" in (await ask(url)).reason
        assert (await ask(url, disableTLS=True)).agreed
    finally:
        await runner.cleanup()


async def _handle(_: web.BaseRequest) -> web.Response:
    return web.Response()

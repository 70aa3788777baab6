"""Whose fault a failed request is, and that users keep asking."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from tidegate.sandbox.demo.users import LOST, Answer, Experience, Users, answers

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


@pytest.mark.parametrize(
    ("status", "faulty", "own", "lost"),
    [
        (200, "", 0, 0),
        (200, "6.9.2", 0, 0),
        (500, "6.9.2", 1, 0),
        (409, "6.9.2", 1, 0),
        (500, "", 0, 1),
        (503, "6.9.2", 0, 1),
        (LOST, "6.9.2", 0, 1),
    ],
)
def test_only_a_faulty_versions_own_errors_are_its_fault(
    status: int, faulty: str, own: int, lost: int
) -> None:
    experience = Experience()
    experience.record(Answer(status), faulty)

    assert (experience.own_errors.total(), experience.lost.total()) == (own, lost)
    assert experience.requests == 1


async def test_users_ask_steadily_for_the_applications_host(serve: Serve) -> None:
    hosts = set()
    enough = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        hosts.add(request.headers["Host"])
        if users.experience.requests >= 3:
            enough.set()
        return web.json_response({"version": "6.9.0"})

    users = Users(await serve(answer))
    async with users, asyncio.timeout(10):
        await enough.wait()

    assert hosts == {"app.istio.example.com"}
    assert set(users.experience.versions) == {"6.9.0"}
    assert not users.experience.lost


async def test_a_gateway_out_of_reach_loses_requests(free_port: int) -> None:
    assert await answers(f"http://127.0.0.1:{free_port}", 2) == {Answer(LOST): 2}


async def test_an_answer_without_a_version_is_counted_by_its_status(serve: Serve) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text="[]")

    assert await answers(await serve(answer), 1) == {Answer(404): 1}

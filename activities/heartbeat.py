"""Heartbeats: Temporal gives the step of a worker that has died to another one when they stay away.

Without them it would wait until the whole step should have been over. Each that arrives is billed, and most
steps are short: the first comes late.
"""

import asyncio
import contextlib
import contextvars
import functools
import inspect
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar, cast

from temporalio import activity

QUIET_SECONDS = 2.0
"""How long a step goes on before its first heartbeat, and between two; far below every heartbeat timeout."""

Method = TypeVar("Method", bound=Callable[..., Any])

_told: contextvars.ContextVar[list[object]] = contextvars.ContextVar("told")
"""What the step's last heartbeat said."""


def beating(method: Method) -> Method:
    """Decorate an activity method: while it works it sends heartbeats, even while it is blocked in a call."""
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def run_async(*args: Any) -> Any:
            async with _task_beside():
                return await method(*args)

        return cast(Method, run_async)

    @functools.wraps(method)
    def run(*args: Any) -> Any:
        with _thread_beside():
            return method(*args)

    return cast(Method, run)


def heartbeat(*details: object) -> None:
    """A heartbeat with details; those sent beside the step repeat them."""
    _told.get([])[:] = details
    activity.heartbeat(*details)


def late_heartbeat() -> Callable[..., None]:
    """A heartbeat that is silent for the step's first seconds."""
    began = time.monotonic()

    def beat(*details: object) -> None:
        _told.get([])[:] = details
        if time.monotonic() - began >= QUIET_SECONDS:
            activity.heartbeat(*details)

    return beat


@contextlib.contextmanager
def _thread_beside() -> Iterator[None]:
    if activity.info().heartbeat_timeout is None:
        yield
        return
    told: list[object] = []
    token, over = _told.set(told), threading.Event()
    context = contextvars.copy_context()

    def beat() -> None:
        while not over.wait(QUIET_SECONDS):
            with contextlib.suppress(TimeoutError):  # the event loop is busy; the next one will do
                context.run(activity.heartbeat, *told)

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        _told.reset(token)


@contextlib.asynccontextmanager
async def _task_beside() -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            activity.heartbeat()

    beating = asyncio.create_task(beat()) if activity.info().heartbeat_timeout else None
    try:
        yield
    finally:
        if beating:
            beating.cancel()

"""Blocking calls on threads of their own: out of async activities, and several of them at once.

asyncio's default pool has a handful of threads on a small machine, and others use it.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")

_THREADS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="offload")
"""Renders are the slowest of these calls, and more of them at once than this would only wait for the CPU."""

_CALLS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="call")
"""Calls to clusters wait for answers, not for the CPU; none of them may wait for another of this pool."""


async def offload(call: Callable[..., T], *args: object) -> T:
    """The result of a blocking call. Cancelling stops the waiting, not the call."""
    run = contextvars.copy_context().run
    return await asyncio.get_running_loop().run_in_executor(_THREADS, run, call, *args)


def at_once(*calls: Callable[[], T]) -> list[T]:
    """The results of blocking calls that need nothing of each other, in their order; the first's error."""
    under_way = [_CALLS.submit(contextvars.copy_context().run, call) for call in calls]
    wait(under_way)
    return [each.result() for each in under_way]

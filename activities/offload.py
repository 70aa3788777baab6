"""Blocking calls out of async activities, on threads of their own.

asyncio's default pool has a handful of threads on a small machine, and others use it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_THREADS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="offload")
"""Renders are the slowest of these calls, and more of them at once than this would only wait for the CPU."""


async def offload(call: Callable[..., T], *args: object) -> T:
    """The result of a blocking call. Cancelling stops the waiting, not the call."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, call, *args)

"""Makes what tests need ahead of them, so that nobody waits for the same preparation again and again."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Stock(Generic[T]):
    """Things made one after the other, `ahead` of them before anybody asks, `wanted` of them altogether."""

    def __init__(self, make: Callable[[], Awaitable[T]], *, wanted: int, ahead: int = 2) -> None:
        self._make = make
        self._wanted = wanted
        self._ahead = ahead
        self._making: deque[asyncio.Task[T]] = deque()

    def begin(self) -> None:
        """Begin to make what is missing."""
        while self._wanted and len(self._making) < self._ahead:
            self._wanted -= 1
            self._making.append(asyncio.create_task(self._one()))

    async def take(self) -> T:
        """The next one; an error in its making is raised here."""
        self.begin()
        first = self._making.popleft()
        self.begin()
        return await first

    async def close(self) -> None:
        """Stop making."""
        for task in self._making:
            task.cancel()
        await asyncio.gather(*self._making, return_exceptions=True)

    async def _one(self) -> T:
        return await self._make()

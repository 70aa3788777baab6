"""Visitors at the gateway, who remember who answered them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp

from tests.e2e.user import Application


@dataclass
class Visitor:
    """Who answered one visitor, and when; `headers` are what all requests of theirs bring.

    `url` is where they call, in the place of the gateway's port for requests.
    """

    headers: dict[str, str] = field(default_factory=dict)
    keeps_cookies: bool = False
    cookies: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[float, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def versions(self) -> list[str]:
        """In the order that they came, without repetitions."""
        versions = [version for _, version in self.seen]
        return [each for at, each in enumerate(versions) if at == 0 or versions[at - 1] != each]

    def first(self, version: str) -> float:
        """When that version answered for the first time."""
        return next(at for at, each in self.seen if each == version)

    def last(self, version: str) -> float:
        """When that version answered for the last time."""
        return max(at for at, each in self.seen if each == version)

    async def ask(self, application: Application) -> None:
        """One request, on a connection of its own."""
        url = self.url or application.world.gateway_url
        headers = {"Host": application.host, **self.headers}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with aiohttp.request("GET", url, headers=headers) as response:
            assert response.status == 200, await response.text()
            self.seen.append((time.monotonic(), str((await response.json())["version"])))
            if self.keeps_cookies:
                self._keep(response.headers.getall("Set-Cookie", []))

    def _keep(self, told: list[str]) -> None:
        self.told += told
        for line in told:
            (name, _, value), attributes = line.split(";")[0].partition("="), line.split("; ")[1:]
            self.cookies[name] = value
            if "Max-Age=-1" in attributes:
                del self.cookies[name]


@contextlib.asynccontextmanager
async def visited(application: Application, *visitors: Visitor) -> AsyncIterator[None]:
    """The visitors come again and again until the end of the block, and once more after it."""

    async def come() -> None:
        while True:
            for visitor in visitors:
                await visitor.ask(application)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(come())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    for visitor in visitors:
        await visitor.ask(application)

"""A cluster API behind a relay that can be cut: an outage that only those notice who go through it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Relay:
    """A TCP relay to one address; while it is cut, it refuses connections and has closed the old ones."""

    def __init__(self, address: str) -> None:
        self._target = urlsplit(address)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{self._target.scheme}://127.0.0.1:{self._port}"

    async def join(self) -> None:
        """Listen, on the same port each time."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse connections and close those that are open."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.close()

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """Cut for as long as the block runs."""
        await self.cut()
        try:
            yield
        finally:
            await self.join()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            self._open -= {writer, far_writer}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    writer.close()

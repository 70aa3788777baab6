"""The way from a real API server to the pods: a CONNECT proxy on a socket file.

An API server forwards calls to services and pods itself. The pods' addresses lead nowhere on this machine
(see `tidegate.sandbox.addresses`), so it is told to go through this proxy, which dials the loopback addresses
that they stand for, and no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from ipaddress import ip_address
from pathlib import Path

from tidegate.sandbox.addresses import loopback_address

SOCKET = "egress.sock"


class Egress:
    """Serves the proxy at `<folder>/egress.sock`, for its owner only."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def start(self, folder: Path) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._accept, sock=_bind(folder))

    async def stop(self) -> None:
        """End all calls."""
        if self._server is not None:
            self._server.close()
        for call in list(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.ensure_future(_serve(reader, writer))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)


def _bind(folder: Path) -> socket.socket:
    """A socket file in the folder, however long its path is: addresses of sockets hold 108 bytes only."""
    listener = socket.socket(socket.AF_UNIX)
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{descriptor}/{SOCKET}")
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(descriptor)
    (folder / SOCKET).chmod(0o600)
    return listener


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        near = await _connect(await reader.readuntil(b"\r\n\r\n"))
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        writer.write(f"HTTP/1.1 502 Bad Gateway\r\n\r\n{error}".encode())
        writer.close()
        return
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    far_reader, far_writer = near
    try:
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
    finally:
        writer.close()
        far_writer.close()


async def _connect(head: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises ValueError for anything but a CONNECT to an address of this machine."""
    match head.split(b"\r\n", 1)[0].decode("ascii").split():
        case ["CONNECT", target, _]:
            host, _, port = target.rpartition(":")
        case _:
            raise ValueError("only CONNECT is served")
    address = loopback_address(host)
    if not ip_address(address).is_loopback:
        raise ValueError(f"{host} is not in the sandbox")
    return await asyncio.open_connection(address, int(port))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

"""The CONNECT proxy through which an API server reaches pods."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tidegate.sandbox.addresses import cluster_address
from tidegate.sandbox.control_plane.egress import SOCKET, Egress


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    """A folder with the proxy's socket, whose path is longer than a socket's address may be."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    egress = Egress()
    await egress.start(folder)
    yield folder
    await egress.stop()


async def test_a_pod_is_reached_by_the_address_that_the_cluster_knows(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = await asyncio.start_server(echo, "127.101.0.9", 0)
    async with pod:
        port = pod.sockets[0].getsockname()[1]
        reader, writer = await connect(folder, f"{cluster_address('127.101.0.9')}:{port}", monkeypatch)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"hello"
        writer.close()


@pytest.mark.parametrize("target", ["192.0.2.1:80", "example.com:80", "10.101.0.9:nowhere", "10.101.0.8:9"])
async def test_nothing_else_is_reached(folder: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    reader, writer = await connect(folder, target, monkeypatch)
    assert (await reader.readline()).split()[1] == b"502"
    writer.close()


async def connect(
    folder: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    monkeypatch.chdir(folder)  # as the API server does
    reader, writer = await asyncio.open_unix_connection(SOCKET)
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return reader, writer


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())
    writer.close()

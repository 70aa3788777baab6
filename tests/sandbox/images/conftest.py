"""Containers of the images, as real processes on loopback addresses of their own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from tidegate.sandbox.node.probes import listening
from tidegate.sandbox.node.processes import Command, Process, ZygoteClient

MODULES = ("tidegate.sandbox.images.podinfo", "tidegate.sandbox.images.loadtester")


class Running(NamedTuple):
    """A started container and where it answers."""

    process: Process
    url: str
    log: Path


_subnets = count(110)
StartImage = Callable[..., Awaitable[Running]]


@pytest.fixture(scope="package")
async def zygote(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ZygoteClient]:
    client = ZygoteClient(MODULES, tmp_path_factory.mktemp("zygote") / "zygote.log")
    await client.start()
    yield client
    await client.stop()


@pytest.fixture(scope="package")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def start(zygote: ZygoteClient, tmp_path: Path) -> AsyncIterator[StartImage]:
    """start("podinfo", "--port=9898", NAME="value") starts a container and waits until it listens."""
    subnet = f"127.{next(_subnets)}.{os.getpid() % 256}"
    started: list[Process] = []

    async def start_image(image: str, *arguments: str, port: int = 9898, **environment: str) -> Running:
        address = f"{subnet}.{len(started) + 1}"
        log = tmp_path / f"{len(started)}.log"
        module = f"tidegate.sandbox.images.{image}"
        process = zygote.run(Command(module, arguments, environment, address, "6.1.0", log))
        started.append(process)
        await listening(address, port)
        return Running(process, f"http://{address}:{port}", log)

    yield start_image
    for process in started:
        await process.terminate(0)

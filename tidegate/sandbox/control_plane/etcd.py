"""The store of real API servers: one etcd, in which each cluster has a prefix of its own."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from tidegate.sandbox.ports import free_ports
from tidegate.sandbox.processes import Processes, answers


class Etcd:
    """A running etcd of one member, which keeps its data in a folder."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        client, peer = free_ports(2)
        self.url = f"http://127.0.0.1:{client}"
        self._peer_url = f"http://127.0.0.1:{peer}"

    async def start(self, processes: Processes) -> None:
        """Start it, and wait until it answers."""
        async with aiohttp.ClientSession() as session:
            await processes.start("etcd", self._arguments(), answers(session, f"{self.url}/health"))

    def _arguments(self) -> list[str]:
        options = {
            "name": "sandbox",
            "data-dir": self._folder,
            "listen-client-urls": self.url,
            "advertise-client-urls": self.url,
            "listen-peer-urls": self._peer_url,
            "initial-advertise-peer-urls": self._peer_url,
            "initial-cluster": f"sandbox={self._peer_url}",
            "log-level": "error",
        }
        return [str(self._program), *(f"--{name}={value}" for name, value in options.items())]

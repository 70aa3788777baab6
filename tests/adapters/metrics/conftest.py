"""A metrics server that gives one recorded answer, and remembers how it was asked."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tidegate.adapters.metrics.servers import PROVIDERS
from tidegate.adapters.metrics.source import Credentials, MetricsServer, Source
from tidegate.adapters.reach import Direct
from tidegate.domain.metric_template import Provider

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]

KEY = generate_private_key(65537, 2048)


def pem(key: Any) -> str:
    """A private key as Google's key file has it."""
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str


@dataclass
class Recorded:
    """The server. `answers` are (status, body) pairs, given in turn, and the last one from then on."""

    address: str = ""
    answers: list[tuple[int, str]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Remember the request, and give the next answer."""
        text = (await request.read()).decode()
        self.asked.append(Asked(request.method, request.path, request.query, request.headers, text))
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, text=body)

    def server(
        self, provider: dict[str, Any], secret: Mapping[str, str], environ: Mapping[str, str] | None = None
    ) -> MetricsServer:
        """The adapter of a provider that is at this server."""
        parsed = Provider.parse({"address": self.address} | provider)
        return PROVIDERS[parsed.type](
            Source(
                provider=parsed,
                credentials=Credentials("test/credentials", secret) if secret else Credentials(),
                window_seconds=60,
                target=Direct,
                elsewhere=Direct,
                environ=environ or {},
            )
        )


@pytest.fixture
async def recorded(serve: Serve) -> Recorded:
    """The server, listening."""
    server = Recorded()
    server.address = await serve(server.answer)
    return server

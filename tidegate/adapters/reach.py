"""How HTTP neighbours are reached: straight, or through a cluster's API service proxy; and how they fail.

Shared by the Prometheus and webhook adapters. An error's text is one line and shows no more of an address
than scheme and host: paths and queries may hold secrets.
"""

import asyncio
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from tidegate.decisions.addresses import service_address
from tidegate.decisions.egress import Egress
from tidegate.settings import Settings

MAX_BODY = 1_048_576
"""Bytes of an answer that are read; more is not an answer that anybody waits for here."""


class Target(Protocol):
    """Where a request goes: kubernetes.ProxyTarget is one. `headers` may hold a credential."""

    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def verify(self) -> ssl.SSLContext | bool: ...


class ServiceProxy(Protocol):
    """A cluster that passes requests on to its services: kubernetes.Cluster is one."""

    def service_proxy(self, url: str) -> Target: ...


class Clusters(Protocol):
    """Clusters by their names in the settings: kubernetes.Clusters is one."""

    def cluster(self, name: str) -> ServiceProxy: ...


@dataclass(frozen=True)
class Direct:
    """The address itself, with no credentials; with `egress`, where its host may not be."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: ssl.SSLContext | bool = True
    egress: Egress | None = None


class Reach:
    """Decides per cluster and address. Blocking when a cluster is used for the first time; thread-safe."""

    def __init__(self, settings: Settings, clusters: Clusters) -> None:
        self._settings = settings
        self._clusters = clusters
        self._egress = settings.addresses.egress

    def target(self, cluster: str, url: str, *, verify: bool = True) -> Target:
        """The service proxy, for in-cluster addresses where the settings ask for it; else the URL.

        InvalidInput when the settings do not allow the address; it is checked again when it is called.
        Without `verify` nobody asks for the certificate of an address that is called straight.
        """
        self._egress.check(url)
        return self._proxied(cluster, url) or Direct(url, verify=verify, egress=self._egress)

    def own_target(self, cluster: str, url: str, *, verify: bool = True) -> Target:
        """The same for an address of the settings, which is the operator's word."""
        return self._proxied(cluster, url) or Direct(url, verify=verify)

    def is_proxied(self, cluster: str, url: str) -> bool:
        """Whether the address is called through the cluster's API."""
        settings = self._settings.clusters.get(cluster)
        return settings is not None and settings.service_proxy and service_address(url) is not None

    def _proxied(self, cluster: str, url: str) -> Target | None:
        return self._clusters.cluster(cluster).service_proxy(url) if self.is_proxied(cluster, url) else None


class TooLarge(httpx.HTTPError):
    """The answer is longer than anybody waits for."""


def client(target: Target, timeout: float, *, proxy: str = "") -> httpx.AsyncClient:
    """A client for one neighbour: no redirects, no proxies or credentials taken from the environment.

    Through a `proxy`, it is the proxy that resolves names and is reached: only names are checked here.
    """
    egress = target.egress if isinstance(target, Direct) and not proxy else None
    return httpx.AsyncClient(
        event_hooks=_guards(egress) if egress else None,
        proxy=proxy or None,
        headers=dict(target.headers),
        verify=trusted() if target.verify is True else target.verify,
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
    )


def _guards(egress: Egress) -> dict[str, list[Callable[..., Awaitable[None]]]]:
    """Look at the address as httpx reads it, at what it resolves to, and at who was reached in the end.

    A name may resolve to something else a moment later; then the answer is thrown away unread.
    """

    async def before(request: httpx.Request) -> None:
        url = str(request.url)
        egress.check(url)
        await check_resolved(egress, url)

    async def after(response: httpx.Response) -> None:
        stream = response.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if stream else None
        if peer:
            egress.check_peer(str(response.request.url), str(peer[0]))

    return {"request": [before], "response": [after]}


async def check_resolved(egress: Egress, url: str) -> None:
    """InvalidInput when the URL's host resolves to an address that may not be called."""
    parts = urlsplit(url)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            parts.hostname, parts.port, type=socket.SOCK_STREAM
        )
    except OSError:
        return  # the call will tell
    for *_, address in found:
        egress.check_peer(url, str(address[0]))


@functools.cache
def trusted() -> ssl.SSLContext:
    """The authorities of SSL_CERT_FILE, or the public ones; loaded once, for that takes its time."""
    return httpx.create_ssl_context()


async def read_bounded(response: httpx.Response, limit: int = MAX_BODY) -> bytes:
    """The body of a streamed answer; TooLarge beyond `limit` bytes."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"the answer is larger than {limit} bytes")
    return bytes(body)


def shown(url: str) -> str:
    """As much of an address as may be told: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def why(error: Exception) -> str:
    """A failed exchange in a few words, in one line."""
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "no answer in time"
    text = " ".join(str(error).split())[:200]
    return text or type(error).__name__

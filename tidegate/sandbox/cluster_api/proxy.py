"""The service proxy: a call to a service through the API server, forwarded to a ready endpoint."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tidegate.sandbox.addresses import loopback_address
from tidegate.sandbox.cluster_api import errors
from tidegate.sandbox.cluster_api.objects import Object, dig, meta
from tidegate.sandbox.cluster_api.requests import Target
from tidegate.sandbox.cluster_api.store import Store

_HOP_BY_HOP = (
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "host", "content-length", "authorization",
)  # fmt: skip
_SERVICE_LABEL = "kubernetes.io/service-name"


class ServiceProxy:
    """Forwards requests to the endpoints in a store, taking them in turn."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._session: aiohttp.ClientSession | None = None
        self._turn = itertools.count()

    async def close(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def forward(self, request: web.Request, target: Target) -> web.StreamResponse:
        """Raises ApiError: 404 (no service), 502 (endpoint unreachable), 503 (no ready endpoint)."""
        scheme, address = self._endpoint(target.namespace, target.name)
        rest = request.raw_path.partition("?")[0].partition("/proxy")[2] or "/"
        query = request.raw_path.partition("?")[2]
        url = URL(f"{scheme}://{address}{rest}" + (f"?{query}" if query else ""), encoded=True)
        body = await request.read()
        try:
            async with self._client().request(
                request.method,
                url,
                data=body or None,
                headers=_passed_on(request.headers),
                allow_redirects=False,
            ) as answer:
                return await _relay(request, answer)
        except aiohttp.ClientConnectionError as error:
            raise errors.bad_gateway(f"error trying to reach service: {error}") from error

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
            self._session = aiohttp.ClientSession(auto_decompress=False, timeout=timeout)
        return self._session

    def _endpoint(self, namespace: str, reference: str) -> tuple[str, str]:
        """The scheme and host:port that a reference [scheme:]name[:port] leads to."""
        scheme, name, port = _parse(reference)
        service = self._store.get(("", "services"), namespace, name)
        if service is None:
            raise errors.not_found("", "services", name)
        choices = list(self._addresses(service, _port_name(service, port)))
        if not choices:
            raise errors.unavailable(f'no endpoints available for service "{reference}"')
        return scheme, choices[next(self._turn) % len(choices)]

    def _addresses(self, service: Object, port_name: str) -> Iterator[str]:
        for found in self._store.list_objects(
            ("discovery.k8s.io", "endpointslices"), meta(service)["namespace"]
        ):
            if (meta(found).get("labels") or {}).get(_SERVICE_LABEL) != meta(service)["name"]:
                continue
            for port in found.get("ports") or []:
                if port.get("name", "") == port_name:
                    yield from (f"{loopback_address(address)}:{port['port']}" for address in _ready(found))


def _parse(reference: str) -> tuple[str, str, str]:
    parts = reference.split(":")
    if len(parts) == 1:
        return "http", parts[0], ""
    if len(parts) == 2:
        return "http", parts[0], parts[1]
    if len(parts) == 3 and parts[0] in ("", "http", "https"):
        return parts[0] or "http", parts[1], parts[2]
    raise errors.bad_request(f"invalid service request {reference!r}")


def _port_name(service: Object, wanted: str) -> str:
    """The name of the service's port that is asked for by name or number: its only one when not asked."""
    ports = dig(service, "spec", "ports") or []
    for port in ports:
        if wanted in (port.get("name"), str(port.get("port"))) or (not wanted and len(ports) == 1):
            return str(port.get("name", ""))
    if not wanted:
        return ""
    name = meta(service)["name"]
    raise errors.unavailable(f'no service port "{wanted}" found for service "{name}"')


def _ready(endpoint_slice: Object) -> Iterator[str]:
    for endpoint in endpoint_slice.get("endpoints") or []:
        if (endpoint.get("conditions") or {}).get("ready", True) is not False:
            yield from endpoint.get("addresses") or ()


def _passed_on(headers: Mapping[str, str]) -> CIMultiDict[str]:
    pairs = [(name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP]
    return CIMultiDict(pairs)


async def _relay(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(
        status=answer.status, reason=answer.reason, headers=_passed_on(answer.headers)
    )
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response

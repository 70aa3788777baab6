"""One cluster's API server on a port of its own: tokens, errors as Status, and paths beside the resources."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable

from aiohttp import web

from tidegate.sandbox.cluster_api import discovery, errors, kubeconfig, media, openapi
from tidegate.sandbox.cluster_api.builtin import BUILT_IN
from tidegate.sandbox.cluster_api.errors import ApiError
from tidegate.sandbox.cluster_api.handlers import Resources
from tidegate.sandbox.cluster_api.kinds import Catalog
from tidegate.sandbox.cluster_api.objects import Object, encode
from tidegate.sandbox.cluster_api.proxy import ServiceProxy
from tidegate.sandbox.cluster_api.registry import Registry
from tidegate.sandbox.cluster_api.requests import Target, WriteOptions, parse_target
from tidegate.sandbox.cluster_api.store import Store

_log = logging.getLogger(__name__)
_HEALTH = ("/readyz", "/healthz", "/livez")
_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_LARGEST_BODY = 16 * 1024 * 1024


class ClusterApi:
    """An in-memory Kubernetes API server.

    `name` becomes the context in its kubeconfig; with a `token`, callers must bring it as a bearer
    token. All of it lives in the event loop that calls `start`, and ends with `stop`.
    """

    certificate_authority: str | None = None
    """It is served without TLS."""

    def __init__(self, name: str = "cluster", token: str | None = None) -> None:
        self.name = name
        self.token = token
        self.store = Store()
        self.catalog = Catalog(BUILT_IN)
        self._registry = Registry(self.store, self.catalog)
        self._resources = Resources(self._registry, self.catalog)
        self._proxy = ServiceProxy(self.store)
        self._runner: web.AppRunner | None = None
        self._url = ""
        self._make_namespaces()

    @property
    def url(self) -> str:
        """http://HOST:PORT, once started."""
        return self._url

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return self._resources.watches

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self._url = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """End all watches and connections; the state stays with this object."""
        self._resources.close()
        await self._proxy.close()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def kubeconfig(self) -> Object:
        """A kubeconfig with one context, named after the cluster."""
        return kubeconfig.kubeconfig([self])

    def _make_namespaces(self) -> None:
        kind = next(kind for kind in BUILT_IN if kind.kind == "Namespace")
        for name in _NAMESPACES:
            body = {"metadata": {"name": name}}
            self._registry.create(kind, "", body, WriteOptions("kube-apiserver"))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._dispatch(request)
        except ApiError as error:
            return _status(error)
        except ConnectionError:
            raise
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            return _status(ApiError(500, "InternalError", "Internal error occurred"))

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        if request.path in _HEALTH:
            return web.Response(text="ok")
        self._authenticate(request)
        target = parse_target(request.path)
        if target is None:
            return self._fixed(request)
        if target.subresource == "proxy":
            return await self._forward(request, target)
        return await self._resources.serve(request, target)

    async def _forward(self, request: web.Request, target: Target) -> web.StreamResponse:
        if (target.group, target.plural) != ("", "services"):
            raise errors.no_such_path()
        return await self._proxy.forward(request, target)

    def _authenticate(self, request: web.Request) -> None:
        if self.token is None:
            return
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            raise errors.unauthorized()

    def _fixed(self, request: web.Request) -> web.Response:
        """Discovery and the other paths that are not resources."""
        if request.method != "GET":
            raise errors.method_not_allowed()
        path = request.path.rstrip("/")
        if path == "/openapi/v2":
            return web.Response(body=openapi.V2_EMPTY, headers={"Content-Type": openapi.V2_TYPE})
        body = self._document(request, path)
        if body is None:
            raise errors.no_such_path()
        return web.Response(body=encode(body), content_type=media.JSON)

    def _document(self, request: web.Request, path: str) -> Object | None:
        fixed: dict[str, Callable[[], Object | None]] = {
            "": lambda: {"paths": ["/api", "/apis", "/healthz", "/openapi/v3", "/version"]},
            "/version": lambda: discovery.VERSION,
            "/api": lambda: discovery.core_versions(request.host),
            "/api/v1": lambda: discovery.resources(self.catalog, "", "v1"),
            "/apis": lambda: discovery.groups(self.catalog),
            "/openapi/v3": lambda: openapi.index(self.catalog),
            "/openapi/v3/api/v1": lambda: openapi.document(self.catalog, "", "v1"),
        }
        if path in fixed:
            return fixed[path]()
        return self._group_document(path.strip("/").split("/"))

    def _group_document(self, parts: list[str]) -> Object | None:
        match parts:
            case ["apis", group]:
                return discovery.group(self.catalog, group)
            case ["apis", group, version]:
                return discovery.resources(self.catalog, group, version)
            case ["openapi", "v3", "apis", group, version]:
                return openapi.document(self.catalog, group, version)
        return None


def _status(error: ApiError) -> web.Response:
    return web.Response(body=encode(error.status()), status=error.code, content_type=media.JSON)

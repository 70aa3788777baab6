"""A look-alike of podinfo, the sample application of the Flux family: its flags, endpoints and faults.

Differences from the original, on purpose: gRPC is not served (its flags are accepted); `--random-error`
and `--random-delay` spare /healthz, /readyz and /metrics (the original's do not, so that its probes
fail and its pods restart now and then, while a release should be judged by its traffic); and the
random errors are drawn for each request (the original seeds its dice with the second of the day).
"""

from __future__ import annotations

import asyncio
import html
import json
import os
import platform
import random
import sys
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter

from aiohttp import web

from tidegate.sandbox.images.container import Container, Listener, log_line, serve
from tidegate.sandbox.images.exposition import CONTENT_TYPE, RequestMetrics
from tidegate.sandbox.images.flags import Flag, FlagError, Flags

PORT = Flag("port", 9898)
PORT_METRICS = Flag("port-metrics", 0)
HOST = Flag("host", "")
GRPC_PORT = Flag("grpc-port", 0)
GRPC_SERVICE_NAME = Flag("grpc-service-name", "podinfo")
LEVEL = Flag("level", "info")
RANDOM_DELAY = Flag("random-delay", False)
RANDOM_DELAY_UNIT = Flag("random-delay-unit", "s")
RANDOM_DELAY_MIN = Flag("random-delay-min", 0)
RANDOM_DELAY_MAX = Flag("random-delay-max", 5)
RANDOM_ERROR = Flag("random-error", False)
UNHEALTHY = Flag("unhealthy", False)
UNREADY = Flag("unready", False)
UI_COLOR = Flag("ui-color", "#34577c")
UI_MESSAGE = Flag("ui-message", "")
UI_LOGO = Flag("ui-logo", "https://raw.githubusercontent.com/stefanprodan/podinfo/gh-pages/cuddle_clap.gif")
FLAGS = (
    PORT, PORT_METRICS, HOST, GRPC_PORT, GRPC_SERVICE_NAME, LEVEL, RANDOM_DELAY, RANDOM_DELAY_UNIT,
    RANDOM_DELAY_MIN, RANDOM_DELAY_MAX, RANDOM_ERROR, UNHEALTHY, UNREADY, UI_COLOR, UI_MESSAGE, UI_LOGO,
)  # fmt: skip

RANDOM_STATUSES = (500, 400, 409)
"""What one request in three gets with --random-error; so one in nine is a server error."""

LAME_DUCK_SECONDS = 3.0
"""How long it goes on serving after SIGTERM, for balancers to look elsewhere; 0 with --level=debug."""

SPARED = frozenset({"/healthz", "/readyz", "/metrics"})

METHODS = {
    "/readyz/enable": ("POST",),
    "/readyz/disable": ("POST",),
    "/env": ("GET", "POST"),
    "/headers": ("GET", "POST"),
    "/status": ("GET", "POST", "PUT"),
}
"""The methods of each endpoint where they are not just GET."""

GET = ("GET",)
ANY_METHOD = frozenset({"/echo", "/api/echo", "other"})

JSON = "application/json; charset=utf-8"

Respond = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def run(container: Container) -> int:
    """Serve until told to end; the exit code."""
    flags = Flags(FLAGS)
    try:
        flags.read_environment(container.environment, "PODINFO")
        flags.read_arguments(container.arguments)
    except FlagError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    if flags[RANDOM_DELAY_UNIT] not in ("s", "ms"):
        sys.stderr.write("Error: random-delay-unit must be s or ms\n")
        return 2
    asyncio.run(_serve(container, flags))
    return 0


async def _serve(container: Container, flags: Flags) -> None:
    podinfo = Podinfo(container.tag, container.environment, flags)
    listeners = [Listener(flags[PORT], podinfo.handle)]
    if flags[PORT_METRICS]:
        listeners.append(Listener(flags[PORT_METRICS], podinfo.handle_metrics_port))
    if flags[GRPC_PORT]:
        log_line("warn", "gRPC is not served here", port=flags[GRPC_PORT])
    log_line("info", "Starting podinfo", version=container.tag, port=flags[PORT])
    await serve(container.address, listeners, podinfo.terminate)
    log_line("info", "Stopped")


class Podinfo:
    """The application: its state is whether it is healthy, ready and about to end."""

    def __init__(self, version: str, environment: Mapping[str, str], flags: Flags) -> None:
        self._version = version
        self._environment = environment
        self._flags = flags
        self._healthy = not flags[UNHEALTHY]
        self._ready = not flags[UNREADY]
        self._ending = False
        self._metrics = RequestMetrics()
        self._info = _pretty(self._describe())
        self._faulty = flags[RANDOM_ERROR] or flags[RANDOM_DELAY]
        self._exact: dict[str, Respond] = {
            "/": self._index,
            "/api/info": self._api_info,
            "/version": self._show_version,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/readyz/enable": self._enable,
            "/readyz/disable": self._disable,
            "/env": self._env,
            "/headers": self._headers,
            "/echo": self._echo,
            "/api/echo": self._echo,
            "/metrics": self._show_metrics,
            "/panic": self._panic,
        }
        self._nested: dict[str, Respond] = {"status": self._status, "delay": self._delay, "echo": self._echo}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, faults included, and count it."""
        start = perf_counter()
        path = request.path
        label = self._label(path)
        if label not in ANY_METHOD and request.method not in METHODS.get(label, GET):
            return web.Response(status=405)
        fault = await self._fault(path) if self._faulty else None
        response = fault or await self._route(path)(request)
        if self._ending:
            response.force_close()
        self._metrics.observe(request.method, label, response.status, perf_counter() - start)
        return response

    async def handle_metrics_port(self, request: web.BaseRequest) -> web.StreamResponse:
        """The port for scrapers: /metrics and /healthz only."""
        if request.path == "/metrics":
            return await self._show_metrics(request)
        if request.path == "/healthz":
            return web.Response(text="OK")
        return web.Response(status=404)

    async def terminate(self) -> None:
        """Look unready, so that balancers turn away, before the listeners close."""
        self._healthy = self._ready = False
        self._ending = True
        log_line("info", "Shutting down")
        if self._flags[LEVEL] != "debug":
            await asyncio.sleep(LAME_DUCK_SECONDS)

    def _route(self, path: str) -> Respond:
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        first, _, rest = path.removeprefix("/").removeprefix("api/").partition("/")
        return self._nested.get(first, _not_found) if rest else _not_found

    def _label(self, path: str) -> str:
        """The path as a metric label: of what callers make up, there is one label only."""
        if path in self._exact:
            return path
        first = path.removeprefix("/").partition("/")[0]
        return f"/{first}" if first in self._nested else "other"

    async def _fault(self, path: str) -> web.Response | None:
        if path in SPARED:
            return None
        flags = self._flags
        if flags[RANDOM_DELAY]:
            unit = 0.001 if flags[RANDOM_DELAY_UNIT] == "ms" else 1.0
            low, high = flags[RANDOM_DELAY_MIN] * unit, flags[RANDOM_DELAY_MAX] * unit
            await asyncio.sleep(random.uniform(low, high))  # noqa: S311 - a dice, not a secret
        if flags[RANDOM_ERROR] and random.randrange(3) == 0:  # noqa: S311
            return web.Response(status=random.choice(RANDOM_STATUSES))  # noqa: S311
        return None

    def _describe(self) -> dict[str, str]:
        return {
            "hostname": self._environment.get("HOSTNAME", ""),
            "version": self._version,
            "revision": "unknown",
            "color": self._flags[UI_COLOR],
            "logo": self._flags[UI_LOGO],
            "message": self._flags[UI_MESSAGE] or f"greetings from podinfo v{self._version}",
            "goos": sys.platform,
            "goarch": platform.machine(),
            "runtime": f"python{platform.python_version()}",
            "num_goroutine": "1",
            "num_cpu": str(os.cpu_count()),
        }

    async def _index(self, request: web.BaseRequest) -> web.Response:
        if not request.headers.get("User-Agent", "").startswith("Mozilla"):
            return web.Response(body=self._info, content_type="application/json", charset="utf-8")
        info = {name: html.escape(text) for name, text in self._describe().items()}
        page = (
            f'<!doctype html><title>{info["hostname"]}</title><body style="background:{info["color"]};'
            f'color:#fff;font-family:sans-serif;text-align:center"><h1>{info["message"]}</h1>'
            f"<p>{info['hostname']} · version {info['version']}</p>"
        )
        return web.Response(text=page, content_type="text/html")

    async def _api_info(self, _: web.BaseRequest) -> web.Response:
        return web.Response(body=self._info, content_type="application/json", charset="utf-8")

    async def _show_version(self, _: web.BaseRequest) -> web.Response:
        return _json({"version": self._version, "commit": "unknown"})

    async def _healthz(self, _: web.BaseRequest) -> web.Response:
        return _health(self._healthy)

    async def _readyz(self, _: web.BaseRequest) -> web.Response:
        return _health(self._ready)

    async def _enable(self, _: web.BaseRequest) -> web.Response:
        return self._set_ready(True)

    async def _disable(self, _: web.BaseRequest) -> web.Response:
        return self._set_ready(False)

    def _set_ready(self, ready: bool) -> web.Response:
        self._ready = ready
        return _json({"status": "OK"}, 202)

    async def _env(self, _: web.BaseRequest) -> web.Response:
        return _json([f"{name}={value}" for name, value in self._environment.items()])

    async def _headers(self, request: web.BaseRequest) -> web.Response:
        return _json({name: request.headers.getall(name) for name in request.headers})

    async def _echo(self, request: web.BaseRequest) -> web.Response:
        return web.Response(status=202, body=await request.read())

    async def _status(self, request: web.BaseRequest) -> web.Response:
        code = request.path.rpartition("/")[2]
        if not code.isdigit() or not 200 <= int(code) <= 599:
            return web.Response(status=400, text="the code has to be from 200 to 599")
        return _json({"status": int(code)}, int(code))

    async def _delay(self, request: web.BaseRequest) -> web.Response:
        seconds = request.path.rpartition("/")[2]
        if not seconds.isdigit():
            return web.Response(status=400, text="the delay has to be a number of seconds")
        await asyncio.sleep(int(seconds))
        return _json({"delay": int(seconds)})

    async def _show_metrics(self, _: web.BaseRequest) -> web.Response:
        return web.Response(body=self._metrics.text().encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _panic(self, _: web.BaseRequest) -> web.Response:
        log_line("panic", "Panic command received")
        os._exit(255)


async def _not_found(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=404, text="404 page not found")


def _health(good: bool) -> web.Response:
    return _json({"status": "OK"}) if good else web.Response(status=503)


def _json(value: object, status: int = 200) -> web.Response:
    body = b"" if status in (204, 304) else _pretty(value)
    return web.Response(body=body, status=status, headers={"Content-Type": JSON})


def _pretty(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()

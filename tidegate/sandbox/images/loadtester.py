"""A look-alike of Flagger's load tester: webhooks that run load tests, and gates that people open.

Commands are never given to a shell. Of type `cmd` it runs `hey`; of type `bash` the few commands of
`_BUILTINS`. Whatever else is asked for is answered with 501 and why.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

from aiohttp import web

from tidegate.sandbox.images.container import Container, Listener, log_line, serve
from tidegate.sandbox.images.exposition import CONTENT_TYPE, RequestMetrics
from tidegate.sandbox.images.flags import Flag, FlagError, Flags
from tidegate.sandbox.images.hey import HeyError, LoadGenerator, parse_hey

PORT = Flag("port", 9090)
LOG_LEVEL = Flag("log-level", "info")
TIMEOUT = Flag("timeout", "1h")
NAMESPACE_REGEXP = Flag("namespace-regexp", "")
ZAP_ENCODING = Flag("zap-encoding", "json")
ZAP_REPLACE_GLOBALS = Flag("zap-replace-globals", False)
FLAGS = (PORT, LOG_LEVEL, TIMEOUT, NAMESPACE_REGEXP, ZAP_ENCODING, ZAP_REPLACE_GLOBALS)
"""Of these only the port matters here; the others are accepted, since manifests carry them."""

MAX_RUNS = 20
"""How many load tests may run at once."""

Respond = Callable[[web.BaseRequest], Awaitable[web.Response]]


class RefusedError(Exception):
    """A request that is not served: the HTTP status, and why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def run(container: Container) -> int:
    """Serve until told to end; the exit code."""
    flags = Flags(FLAGS)
    try:
        flags.read_arguments(container.arguments)
    except FlagError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    asyncio.run(_serve(container, flags[PORT]))
    return 0


async def _serve(container: Container, port: int) -> None:
    loadtester = Loadtester(_proxy_of(container.environment))
    log_line("info", "Starting load tester", version=container.tag, port=port)
    await serve(container.address, [Listener(port, loadtester.handle)], loadtester.terminate)


def _proxy_of(environment: Mapping[str, str]) -> str | None:
    return environment.get("HTTP_PROXY") or environment.get("http_proxy") or None


class Gates:
    """Gates by canary, all closed until somebody opens them."""

    def __init__(self) -> None:
        self._open: set[str] = set()

    def is_open(self, canary: str) -> bool:
        """Was the gate opened, and not closed again?"""
        return canary in self._open

    def open(self, canary: str) -> None:
        """Let the canary through."""
        self._open.add(canary)

    def close(self, canary: str) -> None:
        """Hold the canary."""
        self._open.discard(canary)


class Loadtester:
    """The service; its state is its gates and the load tests that run."""

    def __init__(self, proxy: str | None) -> None:
        self._proxy = proxy
        self._runs: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._metrics = RequestMetrics()
        self._gates = {"gate": Gates(), "rollback": Gates()}
        self._routes: dict[str, Respond] = {
            "/": self._webhook,
            "/healthz": self._healthz,
            "/metrics": self._show_metrics,
            "/gate/approve": self._approve,
            "/gate/halt": self._halt,
        }
        for name, gates in self._gates.items():
            self._routes[f"/{name}/check"] = _checker(gates)
            self._routes[f"/{name}/open"] = _mover(name, "opened", gates.open)
            self._routes[f"/{name}/close"] = _mover(name, "closed", gates.close)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, and count it."""
        start = perf_counter()
        route = self._routes.get(request.path)
        try:
            response = await route(request) if route else web.Response(status=404)
        except RefusedError as error:
            log_line("warn", "request refused", status=error.status, reason=str(error))
            response = web.Response(status=error.status, text=str(error))
        path = request.path if route else "other"
        self._metrics.observe(request.method, path, response.status, perf_counter() - start)
        return response

    async def terminate(self) -> None:
        """Stop the load tests."""
        for task in list(self._runs.values()):
            task.cancel()

    async def _healthz(self, _: web.BaseRequest) -> web.Response:
        return web.Response(text="OK")

    async def _show_metrics(self, _: web.BaseRequest) -> web.Response:
        return web.Response(body=self._metrics.text().encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _approve(self, _: web.BaseRequest) -> web.Response:
        return web.Response(text="OK")

    async def _halt(self, _: web.BaseRequest) -> web.Response:
        return web.Response(status=403, text="Forbidden")

    async def _webhook(self, request: web.BaseRequest) -> web.Response:
        """Run a command: in the background for type cmd, for its result for type bash."""
        payload = await _payload(request)
        metadata = payload.get("metadata")
        if not isinstance(metadata, dict) or not metadata:
            raise RefusedError(400, "metadata not found in the payload")
        kind = str(metadata.get("type") or "cmd")
        if kind not in ("cmd", "bash"):
            raise RefusedError(501, f"webhook type {kind!r} is not supported here; cmd and bash are")
        command = metadata.get("cmd")
        if not isinstance(command, str) or not command.strip():
            raise RefusedError(400, "cmd not found in metadata")
        if kind == "bash":
            return await self._run_builtin(command, metadata)
        self._start(_canary_of(payload), command, metadata)
        return web.Response(status=202)

    def _start(self, canary: str, command: str, metadata: Mapping[str, Any]) -> None:
        """Start the load test, unless the same one is running for the canary."""
        generator = LoadGenerator(_load(command), self._proxy)
        key = (canary, command)
        if key in self._runs:
            log_line("info", "command skipped, it is running already", canary=canary, cmd=command)
            return
        if len(self._runs) >= MAX_RUNS:
            raise RefusedError(503, f"{MAX_RUNS} load tests are running already")
        log_line("info", "command starting", canary=canary, cmd=command)
        task = asyncio.create_task(_run(generator, canary, _wants_output(metadata)))
        self._runs[key] = task
        task.add_done_callback(lambda _: self._runs.pop(key, None))

    async def _run_builtin(self, command: str, metadata: Mapping[str, Any]) -> web.Response:
        """Run one of the few commands that need no shell; 200 when it succeeds, else 500."""
        words = _plain_words(command)
        if words[0] == "hey":
            report = await LoadGenerator(_load(command), self._proxy).run()
            code, output = 0, report.text()
        else:
            code, output = _BUILTINS[words[0]](words[1:])
        wanted = str(metadata.get("returnCmdOutput", "")).lower() == "true"
        if code:
            return web.Response(status=500, text=f"command {command!r} failed: exit status {code}")
        return web.Response(text=output if wanted else "")


async def _run(generator: LoadGenerator, canary: str, with_output: bool) -> None:
    try:
        report = await generator.run()
    except Exception as error:
        log_line("error", "command failed", canary=canary, error=str(error))
        return
    output = {"output": report.text()} if with_output else {}
    log_line("info", "command finished", canary=canary, **output)


def _load(command: str) -> Any:
    try:
        return parse_hey(command)
    except HeyError as error:
        raise RefusedError(501, str(error)) from None


def _plain_words(command: str) -> list[str]:
    """The words of a command that no shell has to interpret, and that is in the list."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError as error:
        raise RefusedError(400, f"the command line cannot be read: {error}") from None
    if any(set(word) & set("|&;<>()$`") for word in words):
        raise RefusedError(501, "pipes, lists, redirections and substitutions are not supported here")
    if not words or words[0] not in (*_BUILTINS, "hey"):
        known = ", ".join((*_BUILTINS, "hey"))
        raise RefusedError(501, f"only these commands are supported here: {known}")
    return words


def _exit(words: list[str]) -> tuple[int, str]:
    return (int(words[0]) if words and words[0].isdigit() else 0), ""


_BUILTINS: dict[str, Callable[[list[str]], tuple[int, str]]] = {
    "true": lambda _: (0, ""),
    "false": lambda _: (1, ""),
    "exit": _exit,
    "echo": lambda words: (0, " ".join(words)),
}


async def _payload(request: web.BaseRequest) -> dict[str, Any]:
    if request.method != "POST":
        raise RefusedError(405, "POST only")
    try:
        payload = json.loads(await request.read())
    except ValueError:
        raise RefusedError(400, "the body is not JSON") from None
    if not isinstance(payload, dict):
        raise RefusedError(400, "the body is not an object")
    return payload


def _canary_of(payload: Mapping[str, Any]) -> str:
    return f"{payload.get('name', '')}.{payload.get('namespace', '')}"


def _wants_output(metadata: Mapping[str, Any]) -> bool:
    return str(metadata.get("logCmdOutput", "")).lower() == "true"


def _checker(gates: Gates) -> Respond:
    async def check(request: web.BaseRequest) -> web.Response:
        if gates.is_open(_canary_of(await _payload(request))):
            return web.Response(text="Approved")
        return web.Response(status=403, text="Forbidden")

    return check


def _mover(name: str, done: str, move: Callable[[str], None]) -> Respond:
    async def change(request: web.BaseRequest) -> web.Response:
        canary = _canary_of(await _payload(request))
        move(canary)
        log_line("info", f"{name} {done}", canary=canary)
        return web.Response(status=202, text=f"{name} {done}")

    return change

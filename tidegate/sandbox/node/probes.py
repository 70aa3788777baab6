"""Probes: one try of a probe, and the thresholds over many."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import aiohttp

from tidegate.sandbox.client import Object

CONNECT_SECONDS = 0.01
"""How often a port is tried while a container starts."""

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")  # noqa: S104 - compared, not bound


class ProbeError(Exception):
    """The probe failed: why."""


class Target(NamedTuple):
    """What a probe asks: an HTTP URL, or a bare TCP port when there is none."""

    host: str
    port: int
    url: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def probe_target(probe: Object, container: Object, address: str) -> Target:
    """Where the probe goes. ProbeError for a command that the sandbox cannot run, or gRPC."""
    if "httpGet" in probe:
        http = probe["httpGet"]
        port = port_number(http["port"], container)
        host = http.get("host") or address
        headers = tuple((entry["name"], entry["value"]) for entry in http.get("httpHeaders") or [])
        url = f"{http.get('scheme', 'HTTP').lower()}://{host}:{port}/{http.get('path', '').lstrip('/')}"
        return Target(host, port, url, headers)
    if "tcpSocket" in probe:
        tcp = probe["tcpSocket"]
        return Target(tcp.get("host") or address, port_number(tcp["port"], container))
    if "exec" in probe:
        return _command_target(probe["exec"].get("command") or [], address)
    raise ProbeError("gRPC probes are not supported here")


def _command_target(command: list[str], address: str) -> Target:
    """The HTTP GET that `podcli check http`, `wget` or `curl` would do from within the pod."""
    program = command[0].rpartition("/")[2] if command else ""
    checks = command[1:3] == ["check", "http"] if program == "podcli" else program in ("wget", "curl")
    if not checks:
        raise ProbeError(f"command {' '.join(command)!r} cannot be run here")
    words = command[3:] if program == "podcli" else command[1:]
    urls = [word for word in words if not word.startswith("-") and ("/" in word or ":" in word)]
    if not urls:
        raise ProbeError(f"command {' '.join(command)!r} names no address")
    url = urls[-1] if "://" in urls[-1] else f"http://{urls[-1]}"
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, _, port = authority.rpartition(":") if ":" in authority else (authority, "", "80")
    host = address if host in LOOPBACK_NAMES else host
    if not port.isdigit():
        raise ProbeError(f"{urls[-1]!r} names no port")
    return Target(host, int(port), f"{scheme}://{host}:{port}{slash}{path}")


def port_number(port: int | str, container: Object) -> int:
    """A port by number, or by the name that the container declares it under."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for entry in container.get("ports") or []:
        if entry.get("name") == port:
            return int(entry["containerPort"])
    raise ProbeError(f"the container has no port {port!r}")


async def listening(host: str, port: int) -> None:
    """Wait until something accepts connections there."""
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(CONNECT_SECONDS)
        else:
            writer.close()
            return


async def try_once(session: aiohttp.ClientSession, target: Target) -> None:
    """One try; ProbeError says why it failed."""
    try:
        if target.url is None:
            _, writer = await asyncio.open_connection(target.host, target.port)
            writer.close()
            return
        headers = {"User-Agent": "kube-probe/1.33", "Connection": "close", **dict(target.headers)}
        async with session.get(target.url, headers=headers, allow_redirects=False) as response:
            if not 200 <= response.status < 400:
                raise ProbeError(f"HTTP probe failed with statuscode: {response.status}")
    except (aiohttp.ClientError, OSError) as error:
        raise ProbeError(str(error)) from error


class Probe:
    """Tries again and again, and tells when enough tries in a row agree.

    The first try waits for the port to listen, for a period at most: a process that is up within
    milliseconds should not be found missing and then left alone for a whole period.
    """

    def __init__(self, spec: Object, container: Object, address: str) -> None:
        self._spec = spec
        self._container = container
        self._address = address
        self._period = float(spec.get("periodSeconds") or 10)
        self._timeout = float(spec.get("timeoutSeconds") or 1)

    async def run(
        self,
        session: aiohttp.ClientSession,
        on_success: Callable[[], Awaitable[None]],
        on_failure: Callable[[str], Awaitable[None]],
    ) -> None:
        """Try until cancelled; the callbacks are called for each try at or beyond its threshold."""
        await asyncio.sleep(float(self._spec.get("initialDelaySeconds") or 0))
        await self._wait_for_port()
        streak, good_before = 0, None
        while True:
            reason = await self._try(session)
            streak = streak + 1 if (reason is None) == good_before else 1
            good_before = reason is None
            if reason is None and streak >= int(self._spec.get("successThreshold") or 1):
                await on_success()
            elif reason is not None and streak >= int(self._spec.get("failureThreshold") or 3):
                await on_failure(reason)
            await asyncio.sleep(self._period)

    async def _wait_for_port(self) -> None:
        with contextlib.suppress(ProbeError, TimeoutError):
            target = probe_target(self._spec, self._container, self._address)
            async with asyncio.timeout(self._period):
                await listening(target.host, target.port)

    async def _try(self, session: aiohttp.ClientSession) -> str | None:
        """Why the try failed; None when it did not."""
        try:
            target = probe_target(self._spec, self._container, self._address)
            async with asyncio.timeout(self._timeout):
                await try_once(session, target)
        except TimeoutError:
            return f"probe timed out after {self._timeout:g}s"
        except ProbeError as error:
            return str(error)
        return None

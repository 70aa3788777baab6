"""A load generator that understands hey's command line, bounded in time and number.

It sends through the proxy that it is given (the mesh's data plane), in absolute form, so that the
service's name in the URL is all that decides where a request goes.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections import Counter
from time import monotonic
from typing import NamedTuple

import aiohttp

MAX_SECONDS = 600.0
MAX_REQUESTS = 1_000_000
MAX_WORKERS = 200
ERROR_PAUSE_SECONDS = 0.05
"""A worker rests after a failed connection, so that a missing server does not cost a whole core."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_VALUE_FLAGS = ("z", "n", "q", "c", "t", "m", "d", "T", "H", "host")


class HeyError(ValueError):
    """The command line is not hey's, or asks for what is not supported; says what."""


class Load(NamedTuple):
    """What to send: `requests` in all or for `seconds`; `rate` is per worker and second, 0 for no limit."""

    url: str
    workers: int = 50
    requests: int | None = 200
    seconds: float = MAX_SECONDS
    rate: float = 0.0
    timeout: float = 20.0
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None


class Report(NamedTuple):
    """What came of it: answers by status, and requests that got none by kind of error."""

    statuses: Counter[int]
    errors: Counter[str]
    seconds: float

    def text(self) -> str:
        """A summary in hey's words."""
        lines = [f"Total:\t{self.seconds:.4f} secs", f"Requests/sec:\t{self._rate():.4f}"]
        lines += [f"[{status}]\t{count} responses" for status, count in sorted(self.statuses.items())]
        lines += [f"[{count}]\t{error}" for error, count in sorted(self.errors.items())]
        return "\n".join(lines)

    def _rate(self) -> float:
        return self.statuses.total() / self.seconds if self.seconds else 0.0


def parse_hey(command: str) -> Load:
    """The load that a command line `hey [flags] URL` asks for, within the bounds. HeyError otherwise."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise HeyError(f"the command line cannot be read: {error}") from None
    if not words or words[0].rpartition("/")[2] != "hey":
        raise HeyError("only hey command lines can be run here")
    flags, headers, rest = _split(words[1:])
    if len(rest) != 1 or not rest[0].startswith(("http://", "https://")):
        raise HeyError("hey needs exactly one URL, the last word, http or https")
    if "T" in flags:
        headers.append(("Content-Type", flags["T"]))
    if "host" in flags:
        headers.append(("Host", flags["host"]))
    timed = "z" in flags
    return Load(
        url=rest[0],
        workers=min(_count(flags, "c", 50), MAX_WORKERS),
        requests=None if timed else min(_count(flags, "n", 200), MAX_REQUESTS),
        seconds=min(parse_duration(flags["z"]), MAX_SECONDS) if timed else MAX_SECONDS,
        rate=_number(flags, "q", 0.0),
        timeout=_number(flags, "t", 20.0),
        method=flags.get("m", "GET"),
        headers=tuple(headers),
        body=flags.get("d"),
    )


def _split(words: list[str]) -> tuple[dict[str, str], list[tuple[str, str]], list[str]]:
    """Flags, headers, and what is neither."""
    flags: dict[str, str] = {}
    headers: list[tuple[str, str]] = []
    while words and words[0].startswith("-"):
        name = words.pop(0).lstrip("-")
        if name not in _VALUE_FLAGS:
            raise HeyError(f"hey's flag -{name} is not supported here")
        if not words:
            raise HeyError(f"hey's flag -{name} needs a value")
        value = words.pop(0)
        if name != "H":
            flags[name] = value
            continue
        header, colon, content = value.partition(":")
        if not colon:
            raise HeyError("hey's flag -H needs the form 'name: value'")
        headers.append((header.strip(), content.strip()))
    return flags, headers, words


def parse_duration(text: str) -> float:
    """Seconds of a duration as Go writes it: `1h30m`, `30s`, `500ms`."""
    if not text or _DURATION.sub("", text):
        raise HeyError(f"{text!r} is not a duration")
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def _number(flags: dict[str, str], name: str, default: float) -> float:
    try:
        value = float(flags.get(name, default))
    except ValueError:
        raise HeyError(f"hey's flag -{name} needs a number") from None
    if value < 0:
        raise HeyError(f"hey's flag -{name} needs a number of 0 or more")
    return value


def _count(flags: dict[str, str], name: str, default: int) -> int:
    value = int(_number(flags, name, default))
    if value < 1:
        raise HeyError(f"hey's flag -{name} needs a number of 1 or more")
    return value


class LoadGenerator:
    """Sends one load and counts what comes back."""

    def __init__(self, load: Load, proxy: str | None = None) -> None:
        self._load = load
        self._proxy = proxy
        self._remaining = load.requests
        self._statuses: Counter[int] = Counter()
        self._errors: Counter[str] = Counter()

    async def run(self) -> Report:
        """Send all of it; the report."""
        begin = monotonic()
        timeout = aiohttp.ClientTimeout(total=self._load.timeout or None)
        connector = aiohttp.TCPConnector(limit=self._load.workers, ssl=False)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            workers = [self._work(session, begin) for _ in range(self._load.workers)]
            await asyncio.gather(*workers)
        return Report(self._statuses, self._errors, monotonic() - begin)

    async def _work(self, session: aiohttp.ClientSession, begin: float) -> None:
        interval = 1 / self._load.rate if self._load.rate else 0.0
        end = begin + self._load.seconds
        due = begin
        while self._take():
            pause = max(0.0, due - monotonic())
            if monotonic() + pause >= end:
                return
            await asyncio.sleep(pause)
            await self._send(session)
            due = max(due + interval, monotonic() - interval)

    def _take(self) -> bool:
        """May one more request be sent?"""
        if self._remaining is None:
            return True
        self._remaining -= 1
        return self._remaining >= 0

    async def _send(self, session: aiohttp.ClientSession) -> None:
        load = self._load
        try:
            async with session.request(
                load.method,
                load.url,
                headers=load.headers,
                data=load.body,
                proxy=self._proxy,
                allow_redirects=False,
            ) as response:
                await response.read()
                self._statuses[response.status] += 1
        except TimeoutError:
            self._errors["timeout"] += 1
        except aiohttp.ClientError as error:
            self._errors[type(error).__name__] += 1
            await asyncio.sleep(ERROR_PAUSE_SECONDS)

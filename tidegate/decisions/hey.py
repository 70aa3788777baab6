"""The command line of `hey`, the load generator in Flagger's load tester, as a value.

Native load understands its common flags. Anything else is refused by name: a flag that is left out in silence
would test something other than what the manifest says. Nothing here runs a shell, and nothing a shell would
expand or interpret is accepted.
"""

import re
import shlex
from collections.abc import Iterator
from urllib.parse import urlsplit

from tidegate.domain.base import Model
from tidegate.domain.duration import parse_duration
from tidegate.domain.errors import InvalidInput

FIELD = "metadata.cmd"
DEFAULT_REQUESTS = 200
DEFAULT_WORKERS = 50
MAX_WORKERS = 500
"""More connections than one process can keep busy; a canary is not load-tested to its limits."""

_FLAGS = ("z", "n", "q", "c", "m", "H", "d", "T", "host")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_HEADER = re.compile(r"([\w-]+):\s*(.+)")
_QUOTES = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|.""", re.DOTALL)


class HeyCommand(Model):
    """One load: who asks what, how often.

    `requests` bounds the whole load (None: only time does), `rate` is per worker and second (None: as fast as
    answers come), `duration` is -z in seconds (None: not given).
    """

    url: str
    workers: int = DEFAULT_WORKERS
    requests: int | None = DEFAULT_REQUESTS
    rate: float | None = None
    duration: float | None = None
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    content_type: str = "text/html"
    host: str = ""


def is_hey(command: str) -> bool:
    """Whether the command line calls hey at all; what it asks of hey may still be refused."""
    return command.split(maxsplit=1)[:1] == ["hey"]


def parse_hey(command: str) -> HeyCommand:
    """Read a command line; InvalidInput names the flag or the word that native load does not understand."""
    words = _words(command)
    if words[:1] != ["hey"]:
        raise _refusal(f"is {' '.join(words[:1]) or 'empty'!r}, not hey", "write a hey command line")
    flags, url = _flags_and_url(iter(words[1:]))
    workers, duration = _workers(flags), _duration(flags)
    return HeyCommand(
        url=_url(url),
        workers=workers,
        requests=_requests(flags, workers) if duration is None else None,
        rate=_rate(flags),
        duration=duration,
        method=_method(_last(flags, "m", "GET")),
        headers=tuple(_header(text) for text in flags.get("H", [])),
        body=_last(flags, "d", ""),
        content_type=_last(flags, "T", "text/html"),
        host=_last(flags, "host", ""),
    )


def _words(command: str) -> list[str]:
    for part in _QUOTES.findall(command):
        if part[0] == "'":
            continue
        special = re.search(r"[$`]", part) if part[0] == '"' else re.fullmatch(r"[;|&<>()$`\n]", part)
        if special:
            raise _refusal(
                f"uses the shell's {special[0].strip() or 'line break'!r}, and no shell runs it",
                "give one plain hey command line, with its URL in single quotes",
            )
    try:
        return shlex.split(command)
    except ValueError as error:
        raise _refusal(f"cannot be read ({error})", "close every quotation") from None


def _flags_and_url(words: Iterator[str]) -> tuple[dict[str, list[str]], str]:
    """Flags stand before the URL, as Go's flag package has it: -c 2, -c=2, --c 2 and --c=2 are the same."""
    flags: dict[str, list[str]] = {}
    for word in words:
        if not word.startswith("-"):
            rest = list(words)
            if rest:
                raise _refusal(f"has {rest[0]!r} after the URL", "write all flags before the URL")
            return flags, word
        name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        if name not in _FLAGS:
            known = " ".join(f"-{flag}" for flag in _FLAGS)
            raise _refusal(f"has the flag -{name}, which native load does not know", f"use only {known}")
        flags.setdefault(name, []).append(value if equals else _value_of(name, words))
    raise _refusal("has no URL", "end it with the URL to load")


def _value_of(name: str, words: Iterator[str]) -> str:
    for word in words:
        return word
    raise _refusal(f"has no value for -{name}", f"write a value after -{name}")


def _workers(flags: dict[str, list[str]]) -> int:
    workers = _whole(flags, "c", DEFAULT_WORKERS)
    if workers > MAX_WORKERS:
        raise _refusal(f"asks for {workers} workers", f"give -c at most {MAX_WORKERS}")
    return workers


def _requests(flags: dict[str, list[str]], workers: int) -> int:
    requests = _whole(flags, "n", DEFAULT_REQUESTS)
    if requests < workers:
        raise _refusal(f"has -n {requests} below -c {workers}", "give -n at least the number of workers")
    return requests


def _whole(flags: dict[str, list[str]], name: str, default: int) -> int:
    text = _last(flags, name, str(default))
    if not text.isascii() or not text.isdecimal() or int(text[:10]) == 0:
        raise _refusal(f"has -{name} {text!r}", f"give -{name} a whole number above zero")
    return int(text[:10])


def _rate(flags: dict[str, list[str]]) -> float | None:
    """hey reads zero as no limit."""
    text = _last(flags, "q", "0")
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        raise _refusal(f"has -q {text!r}", "give -q the queries per second and worker, as in -q 10")
    return float(text) or None


def _duration(flags: dict[str, list[str]]) -> float | None:
    if "z" not in flags:
        return None
    try:
        return parse_duration(flags["z"][-1])
    except ValueError:
        raise _refusal(f"has -z {flags['z'][-1]!r}", "give -z a duration, as in -z 1m") from None


def _method(text: str) -> str:
    if text.upper() not in _METHODS:
        raise _refusal(f"has -m {text!r}", f"use one of {', '.join(_METHODS)}")
    return text.upper()


def _header(text: str) -> tuple[str, str]:
    found = _HEADER.fullmatch(text)
    if not found or not found[2].isprintable():
        raise _refusal("has a -H that is no header", "write it as -H 'Name: value'")
    return found[1], found[2]


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise _refusal(f"has {text!r} in place of a URL", "write it as http://host:port/path")
    if "@" in parts.netloc:
        raise _refusal("has credentials in its URL", "take them out, or send an -H 'Authorization: ...'")
    return text


def _last(flags: dict[str, list[str]], name: str, default: str) -> str:
    return flags.get(name, [default])[-1]


def _refusal(problem: str, mend: str) -> InvalidInput:
    return InvalidInput(problem, field=FIELD, mend=mend)

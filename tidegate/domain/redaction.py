"""Takes secrets out of texts that others wrote before they are told: errors, answers, complaints.

A neighbour may echo what it was sent. Secrets that are known are taken out by their value, and others where a
text has the usual form of one. When in doubt more is hidden rather than less.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

HIDDEN = "***"
SHORTEST = 4
"""Characters of a known secret that is looked for; shorter ones would riddle every text."""

_NAMES = (
    r"[\w-]{0,40}(?:authorization|token|password|passwd|secret|cookie"
    r"|api[_-]?key|access[_-]?key|private[_-]?key)"
)
_FORMS = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
        HIDDEN,
    ),
    (re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://)[^\s/?#\"'<>]{0,2000}@", re.I), rf"\1{HIDDEN}@"),
    (
        re.compile(r"\b(bearer|basic)(\s+)(?=\S*[\d=+/_]|\S{20})[\w.~+/=-]{6,}", re.I),
        rf"\1\2{HIDDEN}",
    ),
    (
        re.compile(
            rf"""\b({_NAMES}["']?\s*[:=]\s*["'\[]*)((?:bearer|basic|token)\s+)?[^\s"',;&\]}}]+""", re.I
        ),
        rf"\1{HIDDEN}",
    ),
)


LONG_PART = 16
"""Characters of a part of a path that nobody would have chosen to be read."""


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the known secrets, and without what looks like one.

    Halves of characters, which JSON may hold and no history takes, become question marks.
    """
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, HIDDEN)
    for form, replacement in _FORMS:
        text = form.sub(replacement, text)
    return text.encode("utf-8", "replace").decode()


def manifest_secrets(manifest: object) -> list[str]:
    """The values within a Kubernetes Secret, as they are written and as they are meant; else none."""
    if not isinstance(manifest, dict) or manifest.get("kind") != "Secret":
        return []
    found = []
    for field in ("data", "stringData"):
        values = manifest.get(field)
        for value in values.values() if isinstance(values, dict) else ():
            text = str(value)
            found += [text, b64encode(text.encode()).decode(), _decoded(text)]
    return found


def _decoded(text: str) -> str:
    try:
        return b64decode(text, validate=True).decode()
    except ValueError:
        return ""


def path_secrets(url: str) -> list[str]:
    """What a hook's path and query may give away: chats tell their callers apart by nothing else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    values = [value for pair in parts.query.split("&") for value in pair.partition("=")[2:]]
    long = [part for part in (*parts.path.split("/"), *values) if len(part) >= LONG_PART]
    whole = [part for part in (parts.path, parts.query) if long and len(part) >= LONG_PART]
    return [*whole, *long]


def url_secrets(url: str) -> list[str]:
    """The user and password within a URL, in the forms in which they travel."""
    try:
        userinfo = urlsplit(url).netloc.rpartition("@")[0]
    except ValueError:
        return []
    if not userinfo:
        return []
    user, _, password = userinfo.partition(":")
    plain = [unquote(user), unquote(password)]
    return [userinfo, user, password, *plain, b64encode(":".join(plain).encode()).decode()]

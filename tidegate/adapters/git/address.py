"""Repository addresses: which are accepted, what identifies them, and how they are shown without secrets.

Accepted: https://, ssh://, user@host:path, file:// and absolute paths. Everything else that git
understands (ext::, git://, http://, options in disguise) can run programs or travels unprotected.
"""

import hashlib
import re
from typing import Literal, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from tidegate.domain.base import Model
from tidegate.domain.errors import InvalidInput

FIELD = "spec.source.repoURL"
BY_REFERENCE = "name it by git.credentials.<prefix>.token_env in the settings"
MEND = "use https://, ssh://, user@host:path or file://"

Transport = Literal["https", "ssh", "file"]

_SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9_.][\w.-]*)@)?(?P<host>[A-Za-z0-9][\w.-]*):(?P<path>[^-:].*)")
_HOST = re.compile(r"[A-Za-z0-9][\w.-]*|[0-9a-f:.]+", re.IGNORECASE)
_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<userinfo>.*)@", re.DOTALL)
_TOKEN = re.compile(
    r"(?:gh[a-z]_|github_pat_|gl[a-z]+-|ATBB|ATCTT|[a-z]+_pat_).+|(?=.*\d)[\w.~+/=-]{32,}", re.DOTALL
)
"""The forms of GitHub's, GitLab's and Bitbucket's tokens; and what is too long for a name, and has digits."""

_QUERY = re.compile(r"[?#].*", re.DOTALL)


class RepositoryAddress(Model):
    """A parsed repository URL. `url` is what git is given.

    A password in a URL is refused: the URL is part of the release's input, which its history keeps.
    """

    transport: Transport
    url: str
    host: str = ""
    username: str = ""

    @classmethod
    def parse(cls, text: str) -> "RepositoryAddress":
        """Accept one of the allowed forms, or raise InvalidInput."""
        if not text or text.startswith("-") or not text.isprintable() or any(c.isspace() for c in text):
            _refuse(text, "is not a repository URL")
        if text.startswith("/"):
            return cls(transport="file", url=text)
        if "://" in text:
            return _from_url(text)
        scp = _SCP.fullmatch(text)
        if scp is None:
            _refuse(text, "is not a repository URL that is allowed")
        return cls(transport="ssh", url=text, host=scp["host"].lower(), username=scp["user"] or "")

    @property
    def folder(self) -> str:
        """A folder name for the repository: readable, and unique by a hash."""
        slug = re.sub(r"[^A-Za-z0-9]+", "-", self.url.removesuffix(".git"))[-40:].strip("-")
        digest = hashlib.sha256(self.url.encode()).hexdigest()[:16]
        return f"{slug}-{digest}"

    def __str__(self) -> str:
        return redact_url(self.url)


def redact_url(url: str) -> str:
    """The URL without password, token and query, fit for logs and errors.

    An https user name goes too, for tokens are often passed as one. When in doubt (an `@` in the path) more
    is hidden rather than less.
    """
    match = _USERINFO.match(url)
    if match and not _is_plain_user(match["scheme"], match["userinfo"]):
        url = f"{match['scheme']}***@{url[match.end() :]}"
    return _QUERY.sub("?***", url) if "://" in url else url


def _is_plain_user(scheme: str, userinfo: str) -> bool:
    return scheme.lower() == "ssh://" and not re.search(r"[:/@]", userinfo)


def _from_url(text: str) -> RepositoryAddress:
    parts = _split(text)
    if parts.query or parts.fragment:
        _refuse(text, "has a query or a fragment")
    scheme = parts.scheme.lower()
    if scheme == "file":
        return _from_file(text, parts)
    if scheme not in ("https", "ssh"):
        _refuse(text, f"uses the transport {scheme!r}, which is not allowed")
    if ".." in unquote(parts.path).split("/"):
        _refuse(text, "climbs with '..'")
    if not _HOST.fullmatch(parts.hostname or ""):
        _refuse(text, "has no valid host")
    if parts.password is not None:
        _refuse(text, "carries a password", mend=BY_REFERENCE)
    username = unquote(parts.username or "")
    if username.startswith("-") or not username.isprintable():
        _refuse(text, "has no valid user name")
    if scheme == "https" and _is_token(username):
        _refuse(text, "carries what looks like a token as its user name", mend=BY_REFERENCE)
    origin = _origin(parts)
    shown_user = f"{parts.username}@" if scheme == "ssh" and parts.username else ""
    return RepositoryAddress(
        transport="https" if scheme == "https" else "ssh",
        url=f"{scheme}://{shown_user}{origin}{parts.path.rstrip('/')}",
        host=origin,
        username=username,
    )


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        _refuse(text, "is not a repository URL")
    return parts


def _origin(parts: SplitResult) -> str:
    """Host and port, as git names them when it asks for a password."""
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port}" if parts.port else host


def _from_file(text: str, parts: SplitResult) -> RepositoryAddress:
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        _refuse(text, "is not a local repository")
    return RepositoryAddress(transport="file", url=f"file://{parts.path}")


def _is_token(username: str) -> bool:
    """Hosts take a token in the place of a user, and the URL is part of the release's input."""
    return _TOKEN.fullmatch(username) is not None


def _refuse(text: str, problem: str, mend: str = MEND) -> NoReturn:
    shown = redact_url(text)[:200]
    raise InvalidInput(f"{shown!r} {problem}", field=FIELD, mend=mend)

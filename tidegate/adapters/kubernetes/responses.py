"""What an API server's refusal, or its silence, means to a release."""

import json
import re
from collections.abc import Sequence
from http import HTTPStatus

import urllib3

from tidegate.domain.errors import AccessDenied, Conflict, InvalidInput, TidegateError, Unreachable
from tidegate.domain.redaction import redacted

_CLIENTS_OBJECT = re.compile(r"^(<[^>]*>|\w+\(host=[^)]*\)): ")
_TIMED_OUT = (TimeoutError, urllib3.exceptions.TimeoutError)
_UNTYPED = "failed to create typed patch object"
"""A server-side apply that does not fit its schema: refused with a 500, which no retry will mend."""
_DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def error_of(
    status: int,
    body: bytes,
    *,
    neighbour: str,
    subject: str = "",
    retry_after: float | None = None,
    secrets: Sequence[str] = (),
) -> TidegateError:
    """The error for a status of 400 or more; its text has the object, the cluster and the API's message.

    `retry_after`: seconds that the answer asks us to stay away. `secrets`: what the request held, and the
    answer may repeat.
    """
    message = redacted(_message(body), secrets) or f"HTTP {status}"
    about = f"{subject}: {message}" if subject else message
    if status in _DENIED:
        return AccessDenied(neighbour, about)
    if status == HTTPStatus.CONFLICT:
        return Conflict(f"{subject or 'an object'} in {neighbour}: {message}")
    is_busy = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if is_busy and not message.startswith(_UNTYPED):
        return Unreachable(neighbour, f"HTTP {status}: {about}", retry_after)
    return InvalidInput(f"{subject or 'a request'} was refused by {neighbour}: {message}")


def reason_of(error: BaseException) -> str:
    """One line on why a connection failed: the innermost cause, without the client's own objects."""
    inner = error.args[-1] if error.args and isinstance(error.args[-1], Exception) else error
    if isinstance(inner, _TIMED_OUT) and not isinstance(inner, urllib3.exceptions.NewConnectionError):
        return "no answer in time"
    text = str(inner).strip().rpartition("\n")[2]
    return _CLIENTS_OBJECT.sub("", text) or type(inner).__name__


def _message(body: bytes) -> str:
    """A Status object's message on one line; at most 500 characters of anything else."""
    try:
        status = json.loads(body)
        text = status.get("message") or ""
    except (ValueError, AttributeError):
        text = body.decode(errors="replace")[:500]
    return " ".join(str(text).split())

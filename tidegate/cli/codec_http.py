"""The codec server's HTTP: POST /decode and /encode, as Temporal's UI and command line ask them.

It answers pages of known origins only, and with a token only those who bring it. Requests without an Origin
come from programs, not from pages: another site's script cannot leave it out.
"""

import hmac
import socket
from collections.abc import Callable, Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, cast

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

from tidegate.cli.payloads import EncryptionCodec
from tidegate.settings import SettingsError

MAX_BYTES = 16 * 1024 * 1024
"""Of a request: four times what Temporal lets through in one message."""

SECONDS = 30.0
"""How long one request may dawdle."""

ALLOWED_HEADERS = "Authorization, Content-Type, X-Namespace"


class Guard(NamedTuple):
    """Who may ask: pages of these origins, and whoever brings the token, where there is one."""

    origins: Collection[str]
    token: str = ""

    def allows_origin(self, origin: str | None) -> bool:
        """Whether a request from a page of this origin, or from none, is answered at all."""
        return origin is None or origin.lower() in self.origins

    def allows(self, authorization: str) -> bool:
        """Whether a request's Authorization is good enough."""
        wanted = f"Bearer {self.token}".encode()
        return not self.token or hmac.compare_digest(authorization.encode(), wanted)


class _Refused(Exception):
    """The request is not answered; its text says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class CodecServer(ThreadingHTTPServer):
    """Listens on host:port from the start; `serve_forever` answers. OSError when it cannot listen."""

    daemon_threads = True

    def __init__(self, address: str, codec: EncryptionCodec, guard: Guard) -> None:
        host, _, port = address.rpartition(":")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.codec = codec
        self.guard = guard
        super().__init__((host.strip("[]"), int(port)), _Handler)

    def convert(self, path: str, body: bytes) -> str:
        """The answer to one request."""
        actions: dict[str, Callable[[Payload], Payload]] = {
            "/decode": self.codec.opened,
            "/encode": self.codec.sealed,
        }
        action = actions.get(path.partition("?")[0])
        if action is None:
            raise _Refused(404, "there is /decode and /encode")
        payloads = _parsed(body)
        return MessageToJson(Payloads(payloads=map(action, payloads.payloads)), indent=None)


class _Handler(BaseHTTPRequestHandler):
    timeout = SECONDS
    server_version = "tidegate-codec"
    sys_version = ""

    def do_OPTIONS(self) -> None:
        if self._guard.allows_origin(self.headers["Origin"]):
            self._answer(204)
        else:
            self._answer(403, "this origin is not among codec_server.origins")

    def do_POST(self) -> None:
        try:
            self._check()
            server = cast(CodecServer, self.server)
            self._answer(200, server.convert(self.path, self._body()), "application/json")
        except _Refused as refusal:
            self._answer(refusal.status, str(refusal))
        except SettingsError as error:
            self._answer(422, str(error))

    @property
    def _guard(self) -> Guard:
        return cast(CodecServer, self.server).guard

    def _check(self) -> None:
        if not self._guard.allows_origin(self.headers["Origin"]):
            raise _Refused(403, "this origin is not among codec_server.origins")
        if not self._guard.allows(self.headers["Authorization"] or ""):
            raise _Refused(401, "the token is missing or wrong")

    def _body(self) -> bytes:
        length = self.headers["Content-Length"] or ""
        if not (length.isascii() and length.isdigit()):
            raise _Refused(411, "the request does not say how long it is")
        if int(length) > MAX_BYTES:
            raise _Refused(413, f"the request is larger than {MAX_BYTES} bytes")
        return self.rfile.read(int(length))

    def _answer(self, status: int, text: str = "", content_type: str = "text/plain") -> None:
        body = text.encode()
        self.close_connection = True  # a body that was refused may not have been read
        self.send_response(status)
        self._allow_origin()
        self.send_header("Content-Type", content_type)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _allow_origin(self) -> None:
        self.send_header("Vary", "Origin")
        origin = self.headers["Origin"]
        if origin is None or not self._guard.allows_origin(origin):
            return
        self.send_header("Access-Control-Allow-Origin", origin)
        self.send_header("Access-Control-Allow-Credentials", "true")
        self.send_header("Access-Control-Allow-Methods", "POST")
        self.send_header("Access-Control-Allow-Headers", ALLOWED_HEADERS)
        if self.headers["Access-Control-Request-Private-Network"]:
            self.send_header("Access-Control-Allow-Private-Network", "true")

    def log_message(self, format: str, *arguments: object) -> None:
        """The UI asks for every event it shows; what it asks for is nobody's business."""


def _parsed(body: bytes) -> Payloads:
    try:
        return Parse(body, Payloads(), ignore_unknown_fields=True)
    except (ParseError, UnicodeDecodeError, ValueError, RecursionError):
        raise _Refused(400, "the request is no JSON of payloads") from None

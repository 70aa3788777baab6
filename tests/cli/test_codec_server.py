"""The codec server, asked as Temporal's UI and command line ask it."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from temporalio.api.common.v1 import Payload, Payloads

from tidegate.adapters.encryption import Keyring
from tidegate.cli.codec_http import MAX_BYTES, CodecServer, Guard
from tidegate.cli.payloads import EncryptionCodec

ORIGIN = "http://ui.example:8233"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"podinfo"')
CODEC = EncryptionCodec(Keyring({"new": bytes(32)}, "new"))


@pytest.fixture
def endpoint() -> Iterator[str]:
    with _served(Guard(frozenset({ORIGIN}))) as server:
        yield _url(server)


@pytest.fixture
def guarded() -> Iterator[str]:
    with _served(Guard(frozenset({ORIGIN}), token="s3cret")) as server:
        yield _url(server)


@contextlib.contextmanager
def _served(guard: Guard) -> Iterator[CodecServer]:
    server = CodecServer("127.0.0.1:0", CODEC, guard)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _url(server: CodecServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def _body(*payloads: Payload) -> dict[str, object]:
    return MessageToDict(Payloads(payloads=payloads))


def _payloads(answer: httpx.Response) -> list[Payload]:
    assert answer.status_code == 200, answer.text
    return list(ParseDict(answer.json(), Payloads()).payloads)


def test_decode_opens_what_is_encrypted_and_leaves_the_rest(endpoint: str) -> None:
    answer = httpx.post(f"{endpoint}/decode", json=_body(CODEC.sealed(PLAIN), PLAIN))

    assert _payloads(answer) == [PLAIN, PLAIN]


def test_encode_encrypts(endpoint: str) -> None:
    (sealed,) = _payloads(httpx.post(f"{endpoint}/encode", json=_body(PLAIN)))

    assert CODEC.opened(sealed) == PLAIN
    assert sealed != PLAIN


def test_a_page_of_the_ui_may_ask(endpoint: str) -> None:
    answer = httpx.post(f"{endpoint}/decode", json=_body(PLAIN), headers={"Origin": ORIGIN})

    assert _payloads(answer) == [PLAIN]
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Vary"] == "Origin"


def test_the_ui_s_preflight_is_answered(endpoint: str) -> None:
    answer = httpx.options(f"{endpoint}/decode", headers={"Origin": ORIGIN})

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "X-Namespace" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", f"{ORIGIN}.evil.example", ""])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_a_page_of_another_origin_learns_nothing(endpoint: str, origin: str, method: str) -> None:
    sealed = _body(CODEC.sealed(PLAIN))
    answer = httpx.request(method, f"{endpoint}/decode", json=sealed, headers={"Origin": origin})

    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "payloads" not in answer.text


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Bearer s3cre", "s3cret", "Bearer gr\u00fcn"])
def test_a_wrong_token_is_refused(guarded: str, authorization: str) -> None:
    headers = [(b"Authorization", authorization.encode())]
    answer = httpx.post(f"{guarded}/decode", json=_body(PLAIN), headers=headers)

    assert answer.status_code == 401
    assert "s3cret" not in answer.text


def test_the_right_token_opens(guarded: str) -> None:
    headers = {"Authorization": "Bearer s3cret", "Origin": ORIGIN}
    answer = httpx.post(f"{guarded}/decode", json=_body(CODEC.sealed(PLAIN)), headers=headers)

    assert _payloads(answer) == [PLAIN]


def test_a_preflight_needs_no_token(guarded: str) -> None:
    assert httpx.options(f"{guarded}/decode", headers={"Origin": ORIGIN}).status_code == 204


def test_an_unknown_key_is_named(endpoint: str) -> None:
    foreign = EncryptionCodec(Keyring({"old": bytes(32)}, "old")).sealed(PLAIN)
    answer = httpx.post(f"{endpoint}/decode", json=_body(foreign))

    assert answer.status_code == 422
    assert "encrypted with key 'old', which is not here" in answer.text


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/", b"{}", 404),
        ("/decode/", b"{}", 404),
        ("/decode", b"not json", 400),
        ("/decode", b"\xff", 400),
        ("/decode", b"[" * 100_000, 400),
        ("/decode", b'{"payloads": 7}', 400),
    ],
)
def test_other_requests_are_refused(endpoint: str, path: str, content: bytes, status: int) -> None:
    assert httpx.post(f"{endpoint}{path}", content=content).status_code == status


@pytest.mark.parametrize(("length", "status"), [(str(MAX_BYTES + 1), 413), ("-1", 411), ("\xb2", 411)])
def test_a_length_that_cannot_be_is_refused_before_reading(endpoint: str, length: str, status: int) -> None:
    host, port = endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"POST /decode HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode("latin-1"))
        line = connection.makefile("rb").readline()
    assert line.split()[1] == str(status).encode()

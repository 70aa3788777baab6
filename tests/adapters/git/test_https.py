"""Credentials over https, against a real server with TLS and basic authentication."""

import base64
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.git import GitRepositories
from tidegate.domain.errors import AccessDenied, InvalidInput
from tidegate.settings import GitCredential, GitSettings

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")

TOKEN = "t0p-s3cret"
Origin = Any


class Handler(SimpleHTTPRequestHandler):
    """Serves a bare repository as plain files to those who know the token, or redirects."""

    seen: list[str]
    redirect: str

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        type(self).seen.append(given)
        if self.redirect:
            self._answer(302, "Location", self.redirect + self.path)
        elif given != "Basic " + base64.b64encode(f"ann:{TOKEN}".encode()).decode():
            self._answer(401, "WWW-Authenticate", 'Basic realm="git"')
        else:
            super().do_GET()

    def _answer(self, status: int, header: str, value: str) -> None:
        self.send_response(status)
        self.send_header(header, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += [
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-keyout",
        str(file),
        "-out",
        f"{file}.crt",
    ]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@contextmanager
def serving(folder: Path, certificate: Path, redirect: str = "") -> Iterator[tuple[str, list[str]]]:
    """A server's address, and the Authorization headers it was sent."""
    handler = type("TheHandler", (Handler,), {"seen": [], "redirect": redirect})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", handler.seen  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def published(origin: Origin, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a bare clone, ready for a plain file server."""
    origin.commit()
    bare = tmp_path / "published/repo.git"
    origin.repo.clone(str(bare), bare=True).git.update_server_info()
    monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate))
    return bare.parent


def repositories_for(settings: GitSettings, prefix: str, token: str = TOKEN) -> GitRepositories:
    credentials = {prefix: GitCredential(username_env="GIT_USER", token_env="GIT_TOKEN")}
    environ = {"GIT_USER": "ann", "GIT_TOKEN": token}
    return GitRepositories(settings.model_copy(update={"credentials": credentials}), environ)


def test_a_token_opens_a_repository_and_is_stored_nowhere(
    origin: Origin, published: Path, certificate: Path, settings: GitSettings
) -> None:
    sha = origin.repo.head.commit.hexsha
    with serving(published, certificate) as (address, _):
        repositories = repositories_for(settings, address)
        assert repositories.resolve(f"{address}/repo.git", "main").sha == sha
        assert (repositories.checkout(f"{address}/repo.git", sha) / "file.yaml").is_file()
    assert not [f for f in settings.cache.rglob("*") if f.is_file() and TOKEN.encode() in f.read_bytes()]


def test_a_refused_login_is_no_reason_to_try_again(
    published: Path, certificate: Path, settings: GitSettings
) -> None:
    with serving(published, certificate) as (address, _):
        repositories = repositories_for(settings, address, "wr0ng-s3cret")
        with pytest.raises(AccessDenied, match="Authentication failed") as caught:
            repositories.resolve(f"{address}/repo.git", "main")
    assert "wr0ng-s3cret" not in str(caught.value)


@pytest.mark.parametrize("user", ["", "ann@"])
def test_a_login_that_the_settings_lack_is_told_with_what_to_add(
    published: Path, certificate: Path, settings: GitSettings, user: str
) -> None:
    with serving(published, certificate) as (address, _):
        repositories = repositories_for(settings, "https://127.0.0.1")  # another port
        with pytest.raises(AccessDenied) as caught:
            repositories.resolve(f"{address.replace('//', f'//{user}')}/repo.git", "main")
    assert str(caught.value) == (
        f"Git repository {address}/repo.git denied access: it asks for a login and no [git.credentials] of "
        f'the settings fits; add [git.credentials."{address}"] with token_env'
    )


def test_a_missing_repository_is_invalid_input(
    published: Path, certificate: Path, settings: GitSettings
) -> None:
    with serving(published, certificate) as (address, _), pytest.raises(InvalidInput, match="not found"):
        repositories_for(settings, address).resolve(f"{address}/none.git", "main")


def test_a_redirect_to_another_host_learns_no_token(
    published: Path, certificate: Path, settings: GitSettings
) -> None:
    with (
        serving(published, certificate) as (elsewhere, seen),
        serving(published, certificate, redirect=elsewhere) as (address, _),
    ):
        with pytest.raises(AccessDenied):
            repositories_for(settings, address).resolve(f"{address}/repo.git", "main")
        assert set(seen) == {""}

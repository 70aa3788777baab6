"""The service proxy: from the API server to a ready endpoint and back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class _Echo(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        told = {"method": self.command, "path": self.path, "body": self.rfile.read(size).decode()}
        body = json.dumps({**told, "accept": self.headers.get("Accept")}).encode()
        self.send_response(418 if self.path.startswith("/teapot") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that the base class calls

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def service(core: Any, clients: Any, api: Any, namespace: str, echo: int) -> str:
    ports = [{"name": "http", "port": 80, "targetPort": 9898}]
    core.create_namespaced_service(namespace, {"metadata": {"name": "web"}, "spec": {"ports": ports}})
    core.create_namespaced_service(namespace, {"metadata": {"name": "idle"}, "spec": {"ports": ports}})
    for name, ready in (("web", True), ("idle", False)):
        body = {
            "metadata": {"name": f"{name}-x", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": echo}],
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": ready}}],
        }
        clients.DiscoveryV1Api(api).create_namespaced_endpoint_slice(namespace, body)
    return f"/api/v1/namespaces/{namespace}/services"


@pytest.mark.parametrize("reference", ["web", "web:http", "web:80", "http:web:80"])
def test_a_call_reaches_a_ready_endpoint(raw: Any, service: str, reference: str) -> None:
    code, told = raw("GET", f"{service}/{reference}/proxy/api/info", q="1 2")
    assert (code, told["method"], told["path"]) == (200, "GET", "/api/info?q=1+2")
    assert told["accept"] == "application/json"


def test_method_body_and_status_pass_through(raw: Any, service: str) -> None:
    code, told = raw("POST", f"{service}/web:80/proxy/teapot", {"cmd": "hey"})
    assert (code, told["method"], json.loads(told["body"])) == (418, "POST", {"cmd": "hey"})


def test_the_root_is_reached_without_a_path(raw: Any, service: str) -> None:
    assert raw("GET", f"{service}/web:80/proxy/")[1]["path"] == "/"


@pytest.mark.parametrize(
    ("reference", "code"), [("idle", 503), ("web:9", 503), ("none", 404), ("a:b:c:d", 400)]
)
def test_without_an_endpoint_the_call_is_refused(raw: Any, service: str, reference: str, code: int) -> None:
    answered, status = raw("GET", f"{service}/{reference}/proxy/")
    assert (answered, status["kind"]) == (code, "Status")

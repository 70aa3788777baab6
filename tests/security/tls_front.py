"""Envoy as what stands before a Temporal that asks for TLS, a client certificate and an API key."""

import socket
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.user import until
from tidegate.sandbox.ports import free_port
from tidegate.sandbox.processes import Process, find_program

LOG = "%REQ(AUTHORIZATION)%|%DOWNSTREAM_PEER_SUBJECT%|%REQ(TEMPORAL-NAMESPACE)%\n"


class TlsFront:
    """Listens with TLS on loopback, wants a certificate of its authority, and passes gRPC on in the clear."""

    def __init__(self, folder: Path, upstream: str) -> None:
        self._folder = folder
        self._upstream = upstream
        self._process: Process | None = None
        self.port = free_port()
        self.authority = folder / "ca.pem"
        self.client_certificate = folder / "client.pem"
        self.client_key = folder / "client.key"
        self.requests = folder / "requests"

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Make certificates, and listen."""
        self._make_certificates()
        program = find_program("envoy")
        assert program is not None
        file = self._folder / "envoy.yaml"
        file.write_text(yaml.safe_dump(self._configuration()))
        command = [str(program), "-c", str(file), "--use-dynamic-base-id", "--concurrency", "1", "-l", "warn"]
        command += ["--file-flush-interval-msec", "50"]
        self._process = Process("tls-front", command, self._folder / "envoy.log")
        await self._process.start(self._listens, within=60)

    async def until_seen(self, client: str) -> set[str]:
        """Who has called, once that one has: Envoy writes its log from time to time."""

        async def written() -> bool:
            return client in self._seen()

        await until(written)
        return self._seen()

    def _seen(self) -> set[str]:
        return {line.rpartition("|")[0] for line in self.requests.read_text().splitlines()}

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            await self._process.stop()

    async def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _make_certificates(self) -> None:
        new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        self._openssl(
            *new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"
        )
        for name, subject in (("server", "/CN=temporal.test"), ("client", "/CN=tidegate")):
            self._openssl(*new, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
            (self._folder / "ext").write_text(f"subjectAltName=DNS:{subject.removeprefix('/CN=')}\n")
            sign = ("x509", "-req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
            self._openssl(*sign, "-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", "ext")

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)

    def _configuration(self) -> dict[str, Any]:
        host, _, port = self._upstream.partition(":")
        upstream = {
            "name": "temporal",
            "type": "STATIC",
            "load_assignment": _assignment("temporal", host, int(port)),
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": _type("upstreams.http.v3.HttpProtocolOptions"),
                    "explicit_http_config": {"http2_protocol_options": {}},
                }
            },
        }
        listener = {
            "name": "tls",
            "address": _socket("127.0.0.1", self.port),
            "filter_chains": [{"filters": [self._http()], "transport_socket": self._tls()}],
        }
        return {"static_resources": {"listeners": [listener], "clusters": [upstream]}}

    def _http(self) -> dict[str, Any]:
        log = {
            "name": "file",
            "typed_config": {
                "@type": _type("access_loggers.file.v3.FileAccessLog"),
                "path": str(self.requests),
                "log_format": {"text_format_source": {"inline_string": LOG}},
            },
        }
        route = {"match": {"prefix": "/"}, "route": {"cluster": "temporal", "timeout": "0s"}}
        router = {"name": "router", "typed_config": {"@type": _type("filters.http.router.v3.Router")}}
        manager = {
            "@type": _type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "tls",
            "codec_type": "HTTP2",
            "access_log": [log],
            "http_filters": [router],
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        }
        return {"name": "http", "typed_config": manager}

    def _tls(self) -> dict[str, Any]:
        own = {"certificate_chain": self._file("server.pem"), "private_key": self._file("server.key")}
        context = {
            "@type": _type("transport_sockets.tls.v3.DownstreamTlsContext"),
            "require_client_certificate": True,
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_certificates": [own],
                "validation_context": {"trusted_ca": self._file("ca.pem")},
            },
        }
        return {"name": "tls", "typed_config": context}

    def _file(self, name: str) -> dict[str, str]:
        return {"filename": str(self._folder / name)}


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.extensions.{name}"


def _socket(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _assignment(name: str, host: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _socket(host, port)}}
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}

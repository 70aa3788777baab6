"""The real server that the emulator is compared with."""

from __future__ import annotations

from tests.sandbox.cluster_api.servers import Server
from tidegate.sandbox.control_plane import Cluster


def test_a_real_server_is_under_the_same_contract(real: Cluster) -> None:
    code, version = Server(real.url, real.token or "", real.certificate_authority).call("GET", "/version")
    assert (code, version["major"]) == (200, "1")

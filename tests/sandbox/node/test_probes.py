"""Where probes go."""

from __future__ import annotations

import pytest

from tidegate.sandbox.client import Object
from tidegate.sandbox.node.probes import ProbeError, probe_target

CONTAINER = {"ports": [{"name": "http", "containerPort": 9898}]}


def command(*words: str) -> Object:
    return {"exec": {"command": list(words)}}


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"httpGet": {"port": "http", "path": "/a"}}, "http://127.0.9.1:9898/a"),
        ({"httpGet": {"port": 80}}, "http://127.0.9.1:80/"),
        (command("podcli", "check", "http", "localhost:9898/readyz"), "http://127.0.9.1:9898/readyz"),
        (command("wget", "--quiet", "--spider", "http://localhost:80/x"), "http://127.0.9.1:80/x"),
        (command("/usr/bin/curl", "-sf", "http://127.0.0.1/x"), "http://127.0.9.1:80/x"),
        ({"tcpSocket": {"port": "http"}}, None),
    ],
)
def test_a_probe_asks_the_pod(probe: Object, expected: str | None) -> None:
    assert probe_target(probe, CONTAINER, "127.0.9.1").url == expected


@pytest.mark.parametrize(
    "probe", [{"grpc": {"port": 1}}, command("cat", "/x"), command(), {"httpGet": {"port": "admin"}}]
)
def test_a_probe_that_cannot_be_tried_fails(probe: Object) -> None:
    with pytest.raises(ProbeError):
        probe_target(probe, CONTAINER, "127.0.9.1")

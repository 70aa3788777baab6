"""Which hooks native load stands in for."""

from typing import Any

import pytest

from tidegate.decisions.hooks import check_hooks, is_native_load, qualified
from tidegate.domain.analysis import Webhook
from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput

HEY = "hey -z 1m -q 10 -c 2 http://podinfo-canary.test:9898/"


def canary(command: str) -> Canary:
    hook = {"name": "load-test", "url": "http://loadtester.test/", "metadata": {"cmd": command}}
    return Canary.parse(
        {
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {
                "targetRef": {"kind": "Deployment", "name": "podinfo"},
                "service": {"port": 9898},
                "analysis": {"stepWeight": 5, "webhooks": [hook]},
            },
        }
    )


@pytest.mark.parametrize(
    ("metadata", "mode", "expected"),
    [
        ({"cmd": HEY}, "native", True),
        ({"cmd": HEY, "type": "cmd"}, "native", True),
        ({"cmd": HEY}, "webhook", False),
        ({"cmd": HEY, "type": "bash"}, "native", False),
        ({"cmd": "wrk http://podinfo"}, "native", False),
        ({}, "native", False),
    ],
)
def test_native_load_stands_in_for_hey_alone(metadata: dict[str, str], mode: str, expected: bool) -> None:
    hook = Webhook.parse({"name": "x", "url": "http://loadtester.test/", "metadata": metadata})
    assert is_native_load(hook, mode) is expected


def test_an_unknown_flag_is_refused_with_its_path() -> None:
    with pytest.raises(InvalidInput, match=r"^spec.analysis.webhooks\[0\].metadata.cmd: has the flag -t,"):
        check_hooks(canary("hey -t 5 http://podinfo.test/"), "native")


def test_a_load_tester_may_be_given_any_command() -> None:
    check_hooks(canary("hey -t 5 http://podinfo.test/ | tee out"), "webhook")


@pytest.mark.parametrize("given_host", ["-host other.test", "-H 'Host: other.test'"])
def test_a_host_of_its_own_cannot_pass_a_proxy(given_host: str) -> None:
    check_hooks(canary(f"hey {given_host} http://podinfo.test/"), "native")
    with pytest.raises(InvalidInput, match="a proxy has to ignore"):
        check_hooks(canary(f"hey {given_host} http://podinfo.test/"), "native", "http://127.0.0.1:3128")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://podinfo-canary:9898/x?y=1", "http://podinfo-canary.test:9898/x?y=1"),
        ("http://podinfo-canary", "http://podinfo-canary.test"),
        ("http://podinfo-canary.prod:9898/", "http://podinfo-canary.prod:9898/"),
        ("http://127.0.0.1:9898/", "http://127.0.0.1:9898/"),
        ("http://[::1]:9898/", "http://[::1]:9898/"),
        ("http://localhost:9898/", "http://localhost:9898/"),
    ],
)
def test_a_bare_service_is_the_canary_s_neighbour(url: str, expected: str) -> None:
    assert qualified(url, "test") == expected


@pytest.mark.parametrize("extra", [{}, {"proxy": "http://127.0.0.1:3128"}])
def test_the_article_s_load_is_fine(extra: dict[str, Any]) -> None:
    check_hooks(canary(HEY), "native", **extra)

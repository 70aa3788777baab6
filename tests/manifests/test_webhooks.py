"""What a Canary's webhooks ask for, and better would not."""

from typing import Any

import pytest

from tidegate.manifests.bundle import read_contents

LABELS = {"app": "podinfo"}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "podinfo"},
    "spec": {"selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}, "spec": {}}},
}


def warnings(**webhook: Any) -> tuple[str, ...]:
    canary = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "podinfo"},
            "service": {"port": 9898},
            "analysis": {"stepWeight": 10, "webhooks": [{"name": "gate", **webhook}]},
        },
    }
    contents = read_contents([(DEPLOYMENT, "deployment.yaml"), (canary, "canary.yaml")], "test")
    assert contents.warnings == contents.bundles[0].warnings
    return contents.warnings


@pytest.mark.parametrize(
    ("webhook", "warned"),
    [
        ({"url": "https://gate.test/", "disableTLS": True}, True),
        ({"url": "https://gate.test/"}, False),
        ({"url": "http://gate.test/", "disableTLS": True}, False),
        ({"url": "https://gate.test/", "muteAlert": True}, False),
    ],
)
def test_an_unverified_certificate_is_warned_of(webhook: dict[str, Any], warned: bool) -> None:
    expected = "webhook gate: disableTLS leaves the certificate of its server unverified"
    assert warnings(**webhook) == ((expected,) if warned else ())

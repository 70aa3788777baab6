"""What a Canary may not ask for when its target is no Deployment, and a target that is not there."""

from typing import Any

import pytest

from tidegate.domain.errors import InvalidInput
from tidegate.manifests.bundle import read_contents

KINDS = {"DaemonSet": "apps/v1", "Service": "v1"}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def canary_of(samples: Any, kind: str) -> dict[str, Any]:
    canary: dict[str, Any] = samples.canary
    canary["spec"]["targetRef"] = {"apiVersion": KINDS[kind], "kind": kind, "name": "podinfo"}
    return canary


def refusal(*manifests: dict[str, Any]) -> str:
    with pytest.raises(InvalidInput) as raised:
        read_contents([(each, "manifests.yaml") for each in manifests], "test")
    return str(raised.value)


def test_one_that_is_missing_is_named(samples: Any, kind: str) -> None:
    canary = canary_of(samples, kind)
    del canary["spec"]["autoscalerRef"]
    told = refusal(canary, samples.template, samples.deployment)
    assert f"no {kind} podinfo among the manifests; add the {kind}" in told


def test_an_autoscaler_is_refused(samples: Any, kind: str) -> None:
    whose = {"DaemonSet": "follow the nodes", "Service": "are its team's own to scale"}[kind]
    told = refusal(canary_of(samples, kind))
    assert told.endswith(
        f"spec: has autoscalerRef, and its target is a {kind}, whose pods {whose}; remove it"
    )


def test_a_baseline_is_refused(samples: Any, kind: str) -> None:
    canary = canary_of(samples, kind)
    del canary["spec"]["autoscalerRef"]
    policy = {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "ReleasePolicy",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "canaryRef": {"name": "podinfo"},
            "comparison": {"with": "baseline", "metrics": [{"name": "latency"}]},
        },
    }
    spec = {"selector": {"app": "podinfo"}, "ports": [{"port": 9898}]}
    target = samples.deployment | {"apiVersion": KINDS[kind], "kind": kind}
    if kind == "Service":
        target |= {"spec": spec}
    told = refusal(canary, samples.template, target, policy)
    assert f"a {kind} has no baseline; compare with: primary" in told

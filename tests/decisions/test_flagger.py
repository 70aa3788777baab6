"""Which Deployments are a Flagger that leads a namespace's canaries."""

from typing import Any

import pytest

from tidegate.decisions.flagger import refuse_flagger, watches
from tidegate.domain.errors import InvalidInput


def controller(
    *args: str, image: str = "ghcr.io/fluxcd/flagger:1.44.0", replicas: int | None = 1, **container: Any
) -> dict[str, Any]:
    containers = [{"name": "flagger", "image": image, "args": list(args), **container}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "flagger", "namespace": "istio-system"},
        "spec": {"template": {"spec": {"containers": containers}}}
        | ({} if replicas is None else {"replicas": replicas}),
        "status": {},
    }


@pytest.mark.parametrize(
    "deployment",
    [
        controller(),
        controller("-log-level=info", "-mesh-provider=istio"),
        controller("-namespace=test"),
        controller("--namespace=test"),
        controller("-namespace", "test"),
        controller("-namespace="),
        controller("-namespace=other", "-namespace=test"),
        controller("-namespace=$(WATCHED)"),
        controller(command=["./flagger", "-namespace=test"]),
        controller(image="mirror.example.com:5000/fluxcd-flagger@sha256:0123"),
        controller("-namespaced=other"),
        controller(replicas=None),
        controller(replicas=2),
    ],
)
def test_a_flagger_that_is_not_scaled_to_0_leads_its_namespaces(deployment: dict[str, Any]) -> None:
    assert watches(deployment, "test")


@pytest.mark.parametrize(
    "deployment",
    [
        controller("-namespace=other"),
        controller("-namespace", "other"),
        controller("-namespace=test", "-namespace=other"),
        controller(replicas=0),
        controller(image="ghcr.io/fluxcd/flagger-loadtester:0.34.0"),
        controller(image="localhost:5000/flagger-loadtester"),
        {},
    ],
)
def test_one_that_leads_others_or_is_scaled_to_0_is_none(deployment: dict[str, Any]) -> None:
    assert not watches(deployment, "test")


def test_the_refusal_says_which_one_and_what_to_do() -> None:
    with pytest.raises(InvalidInput) as raised:
        refuse_flagger(controller(), "mesh02", "test", "podinfo")
    assert str(raised.value) == (
        "Canary test/podinfo: Flagger (Deployment istio-system/flagger in cluster mesh02) releases the "
        "canaries of namespace test; scale flagger to 0, or keep it to another namespace by its argument "
        "-namespace"
    )

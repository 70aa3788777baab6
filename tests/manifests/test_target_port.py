"""Services that would lead to nobody are refused, and those that may do so are warned of."""

from typing import Any

import pytest

from tidegate.domain.errors import InvalidInput
from tidegate.manifests.bundle import read_contents


def warned(samples: Any, *sidecars: dict[str, Any], **service: Any) -> tuple[str, ...]:
    """The warnings on the sample's manifests, whose container declares http, 9898."""
    rendered = samples.all
    for manifest, _ in rendered:
        if manifest["kind"] == "Canary":
            manifest["spec"]["service"] |= service
        if manifest["kind"] == "Deployment":
            manifest["spec"]["template"]["spec"]["initContainers"] = list(sidecars)
    return read_contents(rendered, "test").warnings


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (
            {"targetPort": "htp"},
            "no container of podinfo has a port named 'htp' (their ports are named http)",
        ),
        ({"targetPort": "9898"}, "no container of podinfo has a port named '9898'"),
        ({"targetPort": 0}, "is 0, which is no port; write a number from 1 to 65535"),
        ({"targetPort": 70000}, "is 70000, which is no port"),
    ],
)
def test_a_target_port_that_leads_to_nobody_is_refused(
    samples: Any, service: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=r"Canary test/podinfo: spec.service.targetPort: ") as refused:
        warned(samples, **service)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"port": 9899}, "spec.service.port is 9899, a port that no container of podinfo declares"),
        ({"port": 80, "targetPort": 9899}, "spec.service.targetPort is 9899, a port that no container"),
    ],
)
def test_a_number_that_no_container_declares_is_warned_of(
    samples: Any, service: dict[str, Any], said: str
) -> None:
    (line,) = warned(samples, **service)
    assert said in line
    assert "(they declare 9898): Kubernetes allows that; if nobody listens there, users get errors" in line


@pytest.mark.parametrize(
    "service", [{"port": 9898}, {"port": 80, "targetPort": 9898}, {"port": 80, "targetPort": "http"}]
)
def test_a_port_that_a_container_declares_is_not_spoken_of(samples: Any, service: dict[str, Any]) -> None:
    assert warned(samples, **service) == ()


def test_a_sidecar_among_the_init_containers_may_be_what_is_served(samples: Any) -> None:
    sidecar = {"name": "proxy", "restartPolicy": "Always", "ports": [{"name": "front", "containerPort": 80}]}
    assert warned(samples, sidecar, targetPort="front") == ()
    sidecar.pop("restartPolicy")
    with pytest.raises(InvalidInput):
        warned(samples, sidecar, targetPort="front")

"""The three Services, and how one that is there already becomes one of them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.domain.errors import InvalidInput
from tidegate.domain.marks import ASKED_FOR, annotations
from tidegate.domain.plan import Routing
from tidegate.domain.service import UnmanagedMetadata
from tidegate.manifests.istio import virtual_service
from tidegate.manifests.services import cannot_follow, services, taken_over

GOLDEN = Path(__file__).parent / "golden" / "services.yaml"
RED = {"labels": {"team": "red"}, "annotations": {"example.com/owner": "ann"}}


def made(samples: Any, *ports: dict[str, Any], **service: Any) -> Any:
    """The Services for a target whose containers have these ports beside their own."""
    target = samples.deployment
    target["spec"]["template"]["spec"]["containers"] += [
        {"name": "sidecar", "ports": list(ports)},
        {"name": "istio-proxy", "ports": [{"name": "admin", "containerPort": 15000}]},
    ]
    return services(samples.parsed(**service), target)


def test_the_services_are_exactly_these_objects(samples: Any) -> None:
    made_ = made(
        samples,
        {"name": "metrics", "containerPort": 9797},
        {"containerPort": 53, "protocol": "UDP"},
        port=80,
        targetPort="http",
        appProtocol="http2",
        portDiscovery=True,
        headless=True,
        trafficDistribution="PreferClose",
        apex={"annotations": {"example.com/owner": "ann"}, "labels": {"team": "red", "app": "mine"}},
        canary={"labels": {"side": "canary"}},
    )
    assert list(made_) == list(yaml.safe_load_all(GOLDEN.read_text()))


@pytest.mark.parametrize(
    ("service", "port", "found"),
    [
        ({}, {"name": "metrics", "containerPort": 9797}, [("metrics", "TCP", 9797)]),
        ({}, {"containerPort": 9797}, [("tcp-sidecar-0", "TCP", 9797)]),
        ({}, {"name": "dns", "containerPort": 9898, "protocol": "UDP"}, []),
        ({"targetPort": 8080}, {"name": "x", "containerPort": 8080}, []),
        ({"port": 80, "targetPort": 9898}, {"name": "x", "containerPort": 80}, []),
        ({"port": 80, "targetPort": "http"}, {"name": "http", "containerPort": 81}, []),
        ({"portName": "web", "port": 80, "targetPort": 9898}, {"name": "web", "containerPort": 81}, []),
    ],
)
def test_port_discovery_adds_what_is_not_the_released_port(
    samples: Any, service: dict[str, Any], port: dict[str, Any], found: list[Any]
) -> None:
    for each in made(samples, port, **service, portDiscovery=True):
        further = [(each["name"], each["protocol"], each["port"]) for each in each["spec"]["ports"][1:]]
        assert further == found
    assert len(made(samples, port, **service)[0]["spec"]["ports"]) == 1


def test_the_apexs_metadata_is_the_virtual_services_too(samples: Any) -> None:
    made_ = virtual_service(samples.parsed(apex=RED, canary=RED), "networking.istio.io/v1", Routing())
    assert made_["metadata"] == {"name": "podinfo", "namespace": "test", **RED}


def taken(wanted: Any, live: Any, **unmanaged: Any) -> Any:
    return taken_over(live, wanted, UnmanagedMetadata.parse(unmanaged))["metadata"]


def live_service(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "podinfo", **metadata}, "spec": {"selector": {"app": "podinfo"}}}


def test_what_the_canary_asks_for_is_added_to_what_is_there(samples: Any) -> None:
    wanted = made(samples, apex=RED)[0]
    after = taken(wanted, live_service(labels={"app": "x", "team": "blue"}, annotations={"a": "b"}))
    assert after["labels"] == {"app": "x", "team": "red"}
    assert {"a": "b", "example.com/owner": "ann"}.items() <= after["annotations"].items()


def test_what_the_canary_asks_for_no_more_goes(samples: Any) -> None:
    asked = made(samples, apex=RED, trafficDistribution="PreferClose")[0]
    first = taken_over(live_service(labels={"app": "x"}), asked)
    assert first["spec"]["trafficDistribution"] == "PreferClose"
    after = taken_over(first, made(samples)[0])
    assert after["metadata"] == live_service(labels={"app": "x"})["metadata"]
    assert "trafficDistribution" not in after["spec"]


def test_unmanaged_keys_stay_as_another_controller_left_them(samples: Any) -> None:
    wanted = made(samples, apex=RED)[0]
    live = live_service(labels={"team": "blue"})
    assert taken(wanted, live, labels=["team"])["labels"] == {"team": "blue"}
    assert taken(wanted, live_service(), labels=["team"])["labels"] == {"team": "red"}


def test_a_traffic_distribution_that_nobody_asked_for_stays(samples: Any) -> None:
    live = live_service()
    live["spec"]["trafficDistribution"] = "PreferClose"
    assert taken_over(live, made(samples)[0])["spec"]["trafficDistribution"] == "PreferClose"


@pytest.mark.parametrize("mark", ["", "[", "[]", '{"labels": "team"}'])
def test_a_mark_that_somebody_spoilt_takes_nothing_away(samples: Any, mark: str) -> None:
    live = live_service(labels={"team": "blue"}, annotations={ASKED_FOR: mark})
    after = taken_over(live, made(samples)[0])
    assert after["metadata"]["labels"] == {"team": "blue"}
    assert ASKED_FOR not in annotations(after)


@pytest.mark.parametrize(
    ("address", "headless", "told"),
    [
        ("10.0.0.7", True, "a cluster address"),
        ("None", False, "no cluster address"),
        ("None", True, ""),
        ("10.0.0.7", False, ""),
    ],
)
def test_a_service_cannot_become_headless_or_cease_to_be(
    samples: Any, address: str, headless: bool, told: str
) -> None:
    live = {"metadata": {"name": "podinfo"}, "spec": {"clusterIP": address}}
    said = cannot_follow(live, made(samples, headless=headless)[0])
    change = "which Kubernetes cannot change: delete it, and release again"
    assert said == (f"Service podinfo has {told}, {change}" if told else "")


def test_an_unknown_traffic_distribution_is_refused(samples: Any) -> None:
    with pytest.raises(InvalidInput, match=r"spec\.service\.trafficDistribution"):
        samples.parsed(trafficDistribution="Everywhere")

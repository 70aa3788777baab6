"""Which part of a Service's spec is a version, and how it comes into another Service."""

from typing import Any

import pytest

from tidegate.domain.leading import leading, led, reached

NEW: dict[str, Any] = {"selector": {"app": "v2"}, "ports": [{"port": 80}]}
LIVE: dict[str, Any] = {
    "type": "ClusterIP",
    "clusterIP": "10.0.0.1",
    "clusterIPs": ["10.0.0.1"],
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
    "sessionAffinity": "None",
    "internalTrafficPolicy": "Cluster",
    "selector": {"app": "v1"},
    "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}],
}
SHOWN: dict[str, Any] = LIVE | {"type": "NodePort", "ports": [LIVE["ports"][0] | {"nodePort": 30080}]}
ELSEWHERE = {"type": "ExternalName", "externalName": "example.com"}


@pytest.mark.parametrize(
    "same",
    [
        NEW | {"type": "ClusterIP"},
        NEW | {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "loadBalancerIP": "1.2.3.4"},
        NEW | {"clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"]},
        NEW | {"sessionAffinity": "None", "internalTrafficPolicy": "Cluster"},
        NEW | {"publishNotReadyAddresses": False, "trafficDistribution": None},
        NEW | {"ports": [{"port": 80, "targetPort": 80, "protocol": "TCP", "nodePort": 30080, "name": ""}]},
    ],
)
def test_how_a_service_is_reached_and_what_is_usual_are_no_other_version(same: Any) -> None:
    assert leading(same) == leading(NEW)


@pytest.mark.parametrize(
    "other",
    [
        NEW | {"selector": {"app": "v3"}},
        NEW | {"selector": {"app": "v2", "track": "stable"}},
        NEW | {"ports": [{"port": 81}]},
        NEW | {"ports": [{"port": 80, "targetPort": "http"}]},
        NEW | {"ports": [{"port": 80, "appProtocol": "grpc"}]},
        NEW | {"sessionAffinity": "ClientIP"},
        NEW | {"internalTrafficPolicy": "Local"},
        NEW | {"publishNotReadyAddresses": True},
        ELSEWHERE,
    ],
)
def test_where_its_requests_go_is_a_version(other: Any) -> None:
    assert leading(other) != leading(NEW)


def test_a_version_leaves_a_service_its_type_addresses_and_node_ports() -> None:
    after = led(SHOWN, leading(NEW))
    assert leading(after) == leading(NEW)
    assert (after["type"], after["clusterIP"], after["ports"][0]["nodePort"]) == (
        "NodePort",
        "10.0.0.1",
        30080,
    )


def test_a_version_takes_away_what_the_one_before_asked_for() -> None:
    assert "trafficDistribution" not in led(LIVE | {"trafficDistribution": "PreferClose"}, leading(NEW))


def test_an_external_name_has_no_address_and_gives_way_to_one() -> None:
    assert led(LIVE, leading(ELSEWHERE)) == ELSEWHERE
    assert led(ELSEWHERE, leading(NEW)) == leading(NEW)


@pytest.mark.parametrize(
    ("git", "live", "after"),
    [
        (NEW, LIVE, {key: LIVE[key] for key in LIVE if not key.startswith(("cluster", "ip"))}),
        (NEW | {"type": "NodePort"}, SHOWN, {"type": "NodePort", "ports": SHOWN["ports"]}),
        (NEW, SHOWN, {"type": "ClusterIP", "ports": LIVE["ports"]}),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30081}]},
            SHOWN,
            {"ports": [SHOWN["ports"][0] | {"nodePort": 30081}]},
        ),
        (
            NEW | {"externalTrafficPolicy": "Local", "type": "NodePort"},
            SHOWN,
            {"externalTrafficPolicy": "Local"},
        ),
        (ELSEWHERE, LIVE, LIVE),
        (NEW, ELSEWHERE, ELSEWHERE),
    ],
)
def test_git_says_how_a_service_is_reached_and_the_release_where_it_leads(
    git: Any, live: Any, after: Any
) -> None:
    found = reached(git, live)
    assert leading(found) == leading(live)
    assert {key: found.get(key) for key in after} == after
    assert "externalName" not in found or found["type"] == "ExternalName"

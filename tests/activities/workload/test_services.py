"""The Services on a cluster follow what their Canary asks for."""

from collections.abc import Callable
from typing import Any

from tidegate.domain.plan import Purpose

SERVICES = ("podinfo", "podinfo-primary", "podinfo-canary")
PORTS = [{"name": "http", "containerPort": 9898}, {"name": "metrics", "containerPort": 9797}]


def serving(**service: Any) -> Callable[..., None]:
    """The manifests with these fields of the Canary's service, and with two ports of the target."""

    def change(deployment: Any, hpa: Any, canary: Any) -> None:
        deployment["spec"]["template"]["spec"]["containers"][0]["ports"] = PORTS
        canary["spec"]["service"] |= service

    return change


def test_what_a_canary_asks_of_its_services_comes_and_goes_with_git(world: Any) -> None:
    world.commit("a", change=serving())
    world.initialise()
    asked = {"annotations": {"example.com/owner": "ann"}}
    fields = {"apex": asked, "trafficDistribution": "PreferClose", "portDiscovery": True}
    world.commit("b", change=serving(**fields, appProtocol="http"))
    assert world.plan("b").plan.purpose is Purpose.UPKEEP
    world.step("prepare", "b")
    apex = world.service("podinfo")
    assert apex["metadata"]["annotations"]["example.com/owner"] == "ann"
    assert "example.com/owner" not in world.service("podinfo-primary")["metadata"]["annotations"]
    assert apex["spec"]["trafficDistribution"] == "PreferClose"
    assert [(port["name"], port.get("appProtocol")) for port in apex["spec"]["ports"]] == [
        ("http", "http"),
        ("metrics", None),
    ]
    world.step("prepare", "a")
    apex = world.service("podinfo")
    assert "example.com/owner" not in apex["metadata"]["annotations"]
    assert "trafficDistribution" not in apex["spec"]
    assert [port["port"] for port in apex["spec"]["ports"]] == [9898]


def test_each_field_that_is_brought_to_git_around_the_same_version_is_told(world: Any) -> None:
    world.commit("a", change=serving())
    world.initialise()
    world.commit("b", change=serving(port=9899))
    changed = [f"Service {name}.test: port 9898 -> 9899, targetPort 9898 -> 9899" for name in SERVICES]
    assert list(world.step("prepare", "b").changed) == changed
    assert world.step("prepare", "b").changed == ()


def test_services_are_headless_from_the_start_or_not_at_all(world: Any) -> None:
    world.commit("a", change=serving(headless=True))
    world.initialise()
    assert world.service("podinfo-canary")["spec"]["clusterIP"] == "None"
    world.commit("b", change=serving())
    notes = world.step("prepare", "b").notes
    assert notes[0] == (
        "Service podinfo has no cluster address, which Kubernetes cannot change: delete it, and release again"
    )

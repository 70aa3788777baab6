"""What an uninstallation gives back, in which order, and what keeps it from beginning."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from tests.activities.workload.test_autoscaling import CRD, KEDA, is_paused, scaled
from tidegate.contracts import FENCE_ANNOTATION, Standing
from tidegate.domain.marks import COPIED_FOR, ORIGINAL, RELEASE, annotations
from tidegate.domain.release import Phase

ISTIO = "networking.istio.io/v1"
STEPS = ("raise_target", "hand_over", "remove")
SIDES = ("podinfo-primary", "podinfo-canary")


def uninstall(world: Any, *steps: str) -> list[Any]:
    return [world.uninstall(step) for step in steps or STEPS]


def made(world: Any) -> list[str]:
    """What is there of all that releases make, but for the routes and the Service that users call."""
    found = [world.deployment("podinfo-primary"), *(world.service(name) for name in SIDES)]
    found += [world.mesh.get(ISTIO, "DestinationRule", "test", name) for name in SIDES]
    found.append(world.workloads.get("autoscaling/v2", "HorizontalPodAutoscaler", "test", "podinfo-primary"))
    found += [
        each for each in world.workloads.list("v1", "ConfigMap", "test") if COPIED_FOR in annotations(each)
    ]
    return [f"{each['kind']} {each['metadata']['name']}" for each in found if each]


def internal(deployment: Any, hpa: Any, canary: Any) -> None:
    """Without a gateway: nobody but the mesh asks for it."""
    canary["spec"]["service"] = {"port": 9898}


def adopt(world: Any, routes: dict[str, Any] | None = None) -> None:
    """A target that serves by a Service, and perhaps routes, of its owner's; then the first release."""
    world.sync("a", replicas=2)
    metadata = {"name": "podinfo", "namespace": "test"}
    ports = [{"name": "web", "port": 9898, "targetPort": 9898}]
    spec = {"selector": {"app": "podinfo", "tier": "web"}, "ports": ports}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    world.workloads.apply(service, manager="kubectl")
    if routes:
        world.mesh.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}, manager="kubectl"
        )
        world.mesh.apply(
            {"apiVersion": ISTIO, "kind": "VirtualService", "metadata": metadata, "spec": routes},
            manager="kubectl",
        )
    world.step("prepare")
    world.route(0)
    world.step("scale_down")


ROUTES = {
    "hosts": ["podinfo", "shop.example.com"],
    "http": [{"route": [{"destination": {"host": "podinfo"}}]}],
}


def test_the_target_serves_what_the_primary_served(world: Any) -> None:
    world.initialise()
    world.commit("b", "podinfo:rejected")
    world.sync("b")
    (report,) = uninstall(world, "raise_target")
    target = world.deployment("podinfo")
    assert report.notes == ("podinfo runs what podinfo-primary runs, with 2 replicas",)
    assert (world.image("podinfo"), target["status"]["availableReplicas"]) == ("podinfo:1", 2)
    assert target["spec"]["template"]["metadata"]["labels"] == {"app": "podinfo"}
    assert (world.service("podinfo")["spec"]["selector"], world.weights()) == (
        {"app": "podinfo-primary"},
        [100, 0],
    )


def test_traffic_goes_over_while_the_primary_still_serves(world: Any) -> None:
    world.initialise()
    _, report = uninstall(world, "raise_target", "hand_over")
    assert report.notes == (
        "Service podinfo selects the pods of podinfo",
        "VirtualService podinfo leads to Service podinfo",
    )
    assert world.service("podinfo")["spec"]["selector"] == {"app": "podinfo"}
    (rule,) = world.routes()["spec"]["http"]
    assert rule["route"] == [{"destination": {"host": "podinfo"}, "weight": 100}]
    assert world.deployment("podinfo-primary")["status"]["availableReplicas"] == 2


def test_nothing_is_left_of_what_releases_made_but_the_door(world: Any) -> None:
    world.initialise()
    *_, report = uninstall(world)
    assert made(world) == []
    assert "VirtualService podinfo stays, since requests come in by it" in report.notes
    assert RELEASE not in annotations(world.routes())
    assert world.deployment("podinfo")["status"]["availableReplicas"] == 2


def test_routes_that_only_the_mesh_asks_for_go_too(world: Any) -> None:
    world.commit("a", change=internal)
    world.initialise()
    *_, report = uninstall(world)
    assert "VirtualService test/podinfo was removed" in report.notes
    assert world.routes() is None


@pytest.mark.parametrize("routes", [None, ROUTES])
def test_what_was_there_before_is_as_it_was(world: Any, routes: Any) -> None:
    adopt(world, routes)
    uninstall(world)
    service = world.service("podinfo")
    assert service["spec"]["selector"] == {"app": "podinfo", "tier": "web"}
    assert [port["name"] for port in service["spec"]["ports"]] == ["web"]
    assert list(annotations(service)) == [FENCE_ANNOTATION]
    if routes:
        assert world.routes()["spec"] == routes
        assert list(annotations(world.routes())) == [FENCE_ANNOTATION]


def test_routes_that_another_controller_had_split_are_not_gone_back_to(world: Any) -> None:
    split = [
        {"destination": {"host": side}, "weight": weight}
        for side, weight in zip(SIDES, (100, 0), strict=True)
    ]
    adopt(world, {"hosts": ["podinfo"], "gateways": ["mesh"], "http": [{"route": split}]})
    assert ORIGINAL in annotations(world.routes())
    uninstall(world)
    (rule,) = world.routes()["spec"]["http"]
    assert rule["route"] == [{"destination": {"host": "podinfo"}, "weight": 100}]


@pytest.mark.parametrize("step", STEPS)
def test_every_step_may_run_twice(world: Any, step: str) -> None:
    world.initialise()
    uninstall(world, *STEPS[: STEPS.index(step) + 1], step, *STEPS[STEPS.index(step) + 1 :])
    assert made(world) == []
    assert world.deployment("podinfo")["status"]["availableReplicas"] == 2


def test_one_that_was_cut_off_is_begun_again(world: Any) -> None:
    world.initialise()
    uninstall(world, "raise_target", "hand_over")
    uninstall(world)
    again = uninstall(world)
    assert again[0].notes == ("podinfo-primary does not serve: podinfo is left alone",)
    assert made(world) == []
    assert world.deployment("podinfo")["status"]["availableReplicas"] == 2


def test_a_canary_that_was_uninstalled_is_initialised_again(world: Any) -> None:
    world.initialise()
    uninstall(world)
    world.initialise()
    assert world.weights() == [100, 0]
    assert world.deployment("podinfo")["spec"]["replicas"] == 0


def refer(deployment: Any, hpa: Any, canary: Any) -> None:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [{"configMapRef": {"name": "config-primary-flags"}}]


def test_configuration_is_the_owner_s_again_and_a_difference_is_told(world: Any) -> None:
    def configure(value: str) -> None:
        metadata = {"name": "config-primary-flags", "namespace": "test"}
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}
        world.workloads.apply(manifest, manager="tidegate")

    configure("blue")
    world.commit("a", change=refer)
    world.initialise()
    configure("red")
    (report,) = uninstall(world, "raise_target")
    container = world.deployment("podinfo")["spec"]["template"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"configMapRef": {"name": "config-primary-flags"}}]
    (told,) = report.warnings
    assert told.startswith("ConfigMap config-primary-flags is not what podinfo-primary serves with")
    uninstall(world, "hand_over", "remove")
    assert made(world) == []


def test_keda_scales_the_target_again(world: Any) -> None:
    world.workloads.apply(CRD, manager="keda")
    world.commit("a", change=scaled)
    world.workloads.apply(world.git["a"][1], manager="tidegate")
    world.initialise()
    assert is_paused(world)
    uninstall(world)
    assert not is_paused(world)
    assert world.workloads.get(*KEDA, "podinfo-primary") is None


def judged(world: Any) -> None:
    world.step("scale_up")


def split(world: Any) -> None:
    world.step("scale_up")
    world.route(10)
    world.step("scale_down", turning_back=True)
    world.route(10)


def half_promoted(world: Any) -> None:
    world.commit("b", "podinfo:2")
    world.sync("b")
    world.step("promote", "b")


@pytest.mark.parametrize("cut_off", [judged, split, half_promoted])
def test_a_release_that_was_cut_off_is_recovered_first(world: Any, cut_off: Callable[..., None]) -> None:
    world.initialise()
    cut_off(world)
    with pytest.raises(ApplicationError, match=r"`tidegate recover podinfo@mesh02/test` puts it right first"):
        uninstall(world, "raise_target")


def test_a_target_that_is_gone_is_asked_for(world: Any) -> None:
    world.initialise()
    world.workloads.delete("apps/v1", "Deployment", "test", "podinfo")
    with pytest.raises(ApplicationError, match="there is no Deployment podinfo to take the traffic"):
        uninstall(world, "raise_target")


def test_a_primary_that_somebody_gave_the_traffic_again_is_not_removed(world: Any) -> None:
    world.initialise()
    uninstall(world, "raise_target", "hand_over")
    world.route(0)
    with pytest.raises(
        ApplicationError, match=r"VirtualService podinfo\.test leads to podinfo-primary again"
    ):
        uninstall(world, "remove")
    assert world.deployment("podinfo-primary") is not None


def test_a_late_step_changes_nothing(world: Any) -> None:
    world.initialise()
    late = world.fence()
    uninstall(world)
    world.initialise()
    for step in ("hand_over", "remove"):
        with pytest.raises(ApplicationError) as raised:
            world.uninstall(step, fence=late)
        assert raised.value.type in ("StaleCommand", "ReleaseFailed")
    assert world.weights() == [100, 0]


def test_kubectl_shows_that_a_canary_was_uninstalled(flagger: Any) -> None:
    flagger.initialise()
    standing = Standing(phase=Phase.INITIALIZED)
    flagger.publish(standing, (), at=datetime(2026, 1, 1, tzinfo=UTC), first=True)
    uninstall(flagger)
    live = flagger.workloads.get("flagger.app/v1beta1", "Canary", "test", "podinfo")
    assert (live["status"]["phase"], live["status"]["canaryWeight"]) == ("Terminated", 0)

"""The way back on the clusters alone: no manifests, no stranger's routes, nothing that a clock may undo."""

from copy import deepcopy
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.remains import faults, marked_canary
from tests.workflows.neighbours import release_request
from tidegate.contracts import CanaryRef
from tidegate.domain.marks import CANARY, RELEASE, REVISION, ROLLBACK, TARGET, annotations

NAMES = {"service": "podinfo", "target": "podinfo", "primary": "podinfo-primary"}


def _canary_in_use(world: Any) -> None:
    """Revision b has 30 % of the traffic, and the primary was promoted, but nothing was settled."""
    world.initialise()
    world.commit("b", "podinfo:2")
    world.sync("b")
    world.step("scale_up", "b")
    world.route(30, "b")
    world.step("promote", "b")


def _belongs_to(world: Any, release: str) -> None:
    """Mark the live routes as another release's."""
    live = deepcopy(world.routes())
    del live["metadata"]["managedFields"]
    live["metadata"]["annotations"] |= {RELEASE: release}
    world.mesh.apply(live, manager="somebody")


def test_routes_bear_the_marks_by_which_they_are_found_again(world: Any) -> None:
    world.initialise()
    marks = annotations(world.routes())
    assert (marks[RELEASE], marks[CANARY], marks[TARGET], marks[REVISION]) == (
        "release/mesh02/test/podinfo",
        "podinfo",
        "podinfo",
        "a",
    )
    assert marked_canary(world.routes(), release_request()) == CanaryRef(
        owner=release_request().owner_at("a"), namespace="test", name="podinfo", **NAMES
    )
    assert marked_canary(world.routes(), release_request(name="another")) is None


def test_the_whole_way_back_needs_no_manifests(world: Any) -> None:
    _canary_in_use(world)
    world.git_down = True
    world.route(0, "b", turning_back=True)
    restored = world.step("restore", "b", turning_back=True)
    world.step("scale_down", "b", turning_back=True)
    assert world.weights() == [100, 0]
    assert world.image("podinfo-primary") == "podinfo:1"
    assert world.deployment("podinfo")["spec"]["replicas"] == 0
    assert restored.notes == ("podinfo-primary was restored",)


def test_a_reference_of_an_earlier_version_still_finds_its_way_back(world: Any) -> None:
    _canary_in_use(world)
    world.named = False
    world.route(0, "b", turning_back=True)
    world.step("restore", "b", turning_back=True)
    world.step("scale_down", "b", turning_back=True)
    assert (world.weights(), world.image("podinfo-primary")) == ([100, 0], "podinfo:1")


def test_routes_that_lead_to_the_canary_alone_come_back_too(world: Any) -> None:
    world.initialise()
    world.step("scale_up")
    world.route(100)
    live = deepcopy(world.routes())
    route = live["spec"]["http"][0]["route"]
    live["spec"]["http"][0]["route"] = [each for each in route if each["weight"]]
    del live["metadata"]["managedFields"]
    world.mesh.apply(live, manager="somebody")
    world.git_down = True
    world.route(0, turning_back=True)
    assert world.weights() == [100, 0]


def test_deleted_routes_are_made_again_on_the_way_back(world: Any) -> None:
    world.initialise()
    world.mesh.delete("networking.istio.io/v1", "VirtualService", "test", "podinfo")
    world.route(0, turning_back=True)
    assert world.weights() == [100, 0]


def test_a_promotion_that_stands_tells_whose_it_is(world: Any) -> None:
    _canary_in_use(world)
    world.route(0, "b")
    world.step("scale_down", "b")
    report = world.step("restore", "b", turning_back=True)
    assert report.promoted_by > 0
    assert world.image("podinfo-primary") == "podinfo:2"


def test_another_releases_routes_are_not_taken_over(world: Any) -> None:
    world.initialise()
    world.step("scale_up")
    _belongs_to(world, "release/mesh01/test/podinfo")
    with pytest.raises(ApplicationError) as raised:
        world.route(10)
    assert raised.value.type == "InvalidInput"
    assert raised.value.message.startswith(
        "Canary test/podinfo: spec.service.name: VirtualService test/podinfo in cluster asm holds the routes "
        "of release/mesh01/test/podinfo; give one of the two another name or namespace"
    )


def test_the_way_back_leaves_another_releases_routes_alone(world: Any) -> None:
    world.initialise()
    world.step("scale_up")
    world.route(30)
    _belongs_to(world, "release/mesh01/test/podinfo")
    with pytest.raises(ApplicationError) as raised:
        world.route(0, turning_back=True)
    assert (raised.value.type, world.weights()) == ("StaleCommand", [70, 30])


def test_faults_are_what_is_not_as_between_two_releases(world: Any) -> None:
    def found() -> tuple[str, ...]:
        ref = world.ref("b")
        return faults(ref, world.routes(), world.deployment("podinfo-primary"), world.deployment("podinfo"))

    world.initialise()
    assert found() == ()
    _canary_in_use(world)
    assert ROLLBACK in annotations(world.deployment("podinfo-primary"))
    assert found() == (
        "traffic 70/30",
        "podinfo-primary has an unfinished promotion",
        "podinfo has 2 replicas",
    )


def test_before_there_is_a_primary_nothing_is_a_fault(world: Any) -> None:
    world.sync("a", replicas=2)
    assert faults(world.ref("a"), None, None, world.deployment("podinfo")) == ()

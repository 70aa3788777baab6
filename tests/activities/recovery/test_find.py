"""What a recovery finds: by the marks on the routes, else by Git, and with a cluster out of reach."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import release_request
from tidegate.contracts import Findings
from tidegate.domain.marks import RELEASE, annotations


def _found(findings: Findings) -> dict[str, tuple[str, ...]]:
    return {each.ref.full_name: each.faults for each in findings.canaries}


def _without_marks(world: Any) -> None:
    """As an earlier version wrote its routes."""
    live = world.routes()
    marks = {key: None for key in annotations(live) if key.startswith(RELEASE)}
    metadata = {"name": "podinfo", "namespace": "test", "annotations": dict.fromkeys(marks, "")}
    world.mesh.apply(
        {"apiVersion": live["apiVersion"], "kind": "VirtualService", "metadata": metadata}, manager="somebody"
    )


def _canary_in_use(world: Any) -> None:
    world.initialise()
    world.step("scale_up")
    world.route(30)


def test_marked_routes_are_found_without_git(world: Any) -> None:
    _canary_in_use(world)
    world.git_down = True
    findings = world.find(release_request("a"))
    assert _found(findings) == {"podinfo.test": ("traffic 70/30", "podinfo has 2 replicas")}
    assert (findings.epoch, findings.limits.drain_seconds) == (1000, 5)


def test_where_all_is_well_nothing_is_a_fault(world: Any) -> None:
    world.initialise()
    assert _found(world.find(release_request("a"))) == {"podinfo.test": ()}


def test_another_applications_canaries_are_left_out(world: Any) -> None:
    _canary_in_use(world)
    world.git["a"] = []
    assert _found(world.find(release_request("a", name="another"))) == {}


def test_without_marks_git_says_which_canaries_there_are(world: Any) -> None:
    _canary_in_use(world)
    _without_marks(world)
    findings = world.find(release_request("a"))
    assert _found(findings) == {"podinfo.test": ("traffic 70/30", "podinfo has 2 replicas")}


def test_without_marks_and_without_git_nothing_is_claimed(world: Any) -> None:
    _canary_in_use(world)
    _without_marks(world)
    world.git_down = True
    with pytest.raises(ApplicationError) as raised:
        world.find(release_request("a"))
    assert (raised.value.type, raised.value.non_retryable) == ("Unreachable", False)


def test_traffic_is_seen_while_the_workload_cluster_is_out_of_reach(world: Any) -> None:
    _canary_in_use(world)
    world.lose_workloads()
    ((traffic, outage),) = _found(world.find(release_request("a"))).values()
    assert traffic == "traffic 70/30"
    assert "mesh02 is out of reach" in outage

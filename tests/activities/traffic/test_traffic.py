"""Traffic's step against a cluster API: weights, drift, and commands that come too late."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from tidegate.contracts import FENCE_ANNOTATION
from tidegate.domain.manifest import Manifest
from tidegate.domain.marks import INITIALISING


def _edited(world: Any, **route: Any) -> None:
    """Somebody edits the first HTTP route by hand."""
    live = world.routes()
    http = [live["spec"]["http"][0] | route]
    manifest = {
        "apiVersion": live["apiVersion"],
        "kind": "VirtualService",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"http": http},
    }
    world.mesh.apply(manifest, manager="kubectl-edit")


def _split(primary: int, canary: int) -> list[Manifest]:
    return [
        {"destination": {"host": "podinfo-primary"}, "weight": primary},
        {"destination": {"host": "podinfo-canary"}, "weight": canary},
    ]


def test_a_route_is_written_in_full(world: Any) -> None:
    world.initialise()
    assert world.route(10, expected=0).warnings == ()
    assert world.routes()["spec"] == {
        "gateways": ["public-gateway.istio-system"],
        "hosts": ["app.example.com", "podinfo"],
        "http": [{"route": _split(90, 10)}],
    }


def test_a_canary_that_was_reset_after_its_end_gets_no_traffic(world: Any) -> None:
    world.initialise()
    world.route(25)
    world.route(0)
    world.step("scale_down")
    with pytest.raises(ApplicationError, match="podinfo is under no judgement: its release was at its end"):
        world.route(50, at_rest=True)
    assert world.weights() == [100, 0]


def test_a_stale_route_command_is_refused(world: Any) -> None:
    world.initialise()
    late = world.fence()
    world.route(0)
    with pytest.raises(ApplicationError) as raised:
        world.route(50, fence=late)
    assert (raised.value.type, raised.value.non_retryable) == ("StaleCommand", True)
    assert world.weights() == [100, 0]


def test_a_route_command_may_run_twice(world: Any) -> None:
    world.initialise()
    fence = world.fence()
    world.route(20, fence=fence, expected=0)
    world.route(20, fence=fence, expected=0)
    assert world.weights() == [80, 20]
    assert world.routes()["metadata"]["annotations"][FENCE_ANNOTATION] == str(fence)


def test_the_way_back_does_not_need_the_workload_cluster(world: Any) -> None:
    world.initialise()
    world.route(50, expected=0)
    world.lose_workloads()
    world.route(0)
    assert world.weights() == [100, 0]


def test_drift_is_said_and_corrected(world: Any) -> None:
    world.initialise()
    world.route(10, expected=0)
    _edited(world, route=_split(70, 30))
    assert world.route(15, expected=10).warnings == (
        "VirtualService podinfo.test was changed by kubectl-edit: weights 70/30 instead of 90/10; corrected",
    )
    assert world.weights() == [85, 15]


@pytest.mark.parametrize(
    ("mine", "theirs", "told"),
    [
        (10, _split(70, 30), "weights 70/30 instead of 90/10"),
        (10, _split(100, 0), "weights 100/0 instead of 90/10"),
        (0.5, _split(0, 100), "weights 0/100 instead of 99.5/0.5"),
    ],
)
def test_drift_is_said_on_the_way_back_too(
    world: Any, mine: float, theirs: list[dict[str, Any]], told: str
) -> None:
    world.initialise()
    world.route(mine, expected=0)
    _edited(world, route=theirs)
    assert world.route(0, expected=mine, turning_back=True).warnings == (
        f"VirtualService podinfo.test was changed by kubectl-edit: {told}; routed back",
    )
    assert world.weights() == [100, 0]


def test_routes_that_were_deleted_are_named_on_the_way_back(world: Any) -> None:
    world.initialise()
    world.route(10, expected=0)
    world.mesh.delete("networking.istio.io/v1", "VirtualService", "test", "podinfo")
    assert world.route(0, expected=10, turning_back=True).warnings == (
        "VirtualService podinfo.test was deleted by another writer; created anew",
    )


def test_the_way_back_says_nothing_of_what_its_own_release_wrote(world: Any) -> None:
    world.initialise()
    first, second, back = (world.fence() for _ in range(3))
    world.route(10, expected=0, fence=first)
    world.route(20, expected=10, after=first, fence=second)
    for _ in range(2):
        assert world.route(0, expected=10, after=first, fence=back, turning_back=True).warnings == ()


def test_other_drift_is_said_and_corrected_too(world: Any) -> None:
    world.initialise()
    world.route(10, expected=0)
    _edited(world, timeout="1s")
    assert world.route(15, expected=10).warnings == (
        "VirtualService podinfo.test was changed by kubectl-edit: rules changed; corrected",
    )
    assert set(world.routes()["spec"]["http"][0]) == {"route"}


def test_a_deleted_route_is_made_again(world: Any) -> None:
    world.initialise()
    world.mesh.delete("networking.istio.io/v1", "VirtualService", "test", "podinfo")
    assert world.route(5, expected=0).warnings == (
        "VirtualService podinfo.test was deleted by another writer; created anew",
    )
    assert world.weights() == [95, 5]


def test_before_the_first_routing_nothing_counts_as_drift(world: Any) -> None:
    world.initialise()
    _edited(world, route=_split(70, 30))
    assert world.route(0).warnings == ()
    assert world.weights() == [100, 0]


def test_without_a_primary_the_way_back_has_nothing_to_do(world: Any) -> None:
    assert world.route(0).notes == ("podinfo-primary does not serve yet: the traffic was left as it is",)
    assert world.routes() is None


def _refusal(world: Any) -> tuple[str | None, str]:
    with pytest.raises(ApplicationError) as raised:
        world.route(5)
    return raised.value.type, raised.value.message


def test_without_a_primary_no_traffic_is_split(world: Any) -> None:
    gone = "Deployment test/podinfo-primary was deleted by another writer during the release"
    assert _refusal(world) == ("ReleaseFailed", gone)
    assert world.routes() is None


def test_to_a_primary_that_does_not_serve_yet_no_traffic_is_split(world: Any) -> None:
    world.initialise()
    world.mesh.delete("networking.istio.io/v1", "VirtualService", "test", "podinfo")
    metadata = {"name": "podinfo-primary", "namespace": "test", "annotations": {INITIALISING: "true"}}
    begun = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    world.workloads.apply(begun, manager="test")
    assert _refusal(world) == ("ReleaseFailed", "podinfo-primary does not serve: no traffic can be split")
    assert world.routes() is None


def test_traffic_comes_back_while_git_is_out_of_reach(world: Any) -> None:
    world.initialise()
    world.route(30, expected=0)
    _edited(world, timeout="5s")
    world.git_down = True
    report = world.route(0, expected=30)
    assert world.weights() == [100, 0]
    assert world.routes()["spec"]["http"][0]["timeout"] == "5s"
    assert report.warnings == (
        "routed back without the manifests: Git repository file:///repo is out of reach: connection refused",
    )


def test_a_late_way_back_without_git_is_refused_too(world: Any) -> None:
    world.initialise()
    late = world.fence()
    world.route(30)
    world.git_down = True
    with pytest.raises(ApplicationError) as raised:
        world.route(0, fence=late)
    assert raised.value.type == "StaleCommand"


def test_no_traffic_is_moved_to_a_canary_without_its_manifests(world: Any) -> None:
    world.initialise()
    world.git_down = True
    with pytest.raises(ApplicationError) as raised:
        world.route(30)
    assert (raised.value.type, world.weights()) == ("Unreachable", [100, 0])

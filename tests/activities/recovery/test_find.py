"""What a recovery finds: by the marks on the routes, else by Git, and with a cluster out of reach."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.judged import unmarked
from tests.workflows.neighbours import release_request
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import Findings
from tidegate.domain.errors import AccessDenied
from tidegate.domain.marks import CANARY, RELEASE, TARGET, annotations
from tidegate.domain.workload import SERVICE
from tidegate.manifests import promotion


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


def test_a_daemon_set_is_found_by_the_marks_of_its_routes(daemons: Any) -> None:
    _canary_in_use(daemons)
    daemons.git_down = True
    (found,) = daemons.find(release_request("a")).canaries
    assert (found.ref.kind, found.ref.primary) == ("DaemonSet", "podinfo-primary")
    assert found.faults == ("traffic 70/30", "podinfo has a pod on each of its nodes")


def test_a_service_under_judgement_is_found_by_the_marks_of_its_routes(selections: Any) -> None:
    selections.initialise()
    assert _found(selections.find(release_request("a"))) == {"podinfo.test": ()}
    selections.step("scale_up")
    selections.git_down = True
    (found,) = selections.find(release_request("a")).canaries
    assert (found.ref.kind, found.ref.primary, found.ref.carrier) == (
        "Service",
        "podinfo-primary",
        "podinfo-canary",
    )
    assert found.faults == ("podinfo-canary is under judgement yet",)


def test_a_service_that_did_not_follow_its_primary_is_found(selections: Any) -> None:
    selections.initialise()
    selections.commit("b", "podinfo:2")
    for step in ("prepare", "scale_up", "promote"):
        selections.step(step, "b")
    primary = selections.service("podinfo-primary")
    selections.change_deployment("podinfo-primary", promotion.settled, "tidegate-canary")
    selections.change_deployment(
        "podinfo-canary", lambda live: SERVICE.at_rest(unmarked(live), primary), "tidegate-canary"
    )
    found = _found(selections.find(release_request("b")))
    assert found == {"podinfo.test": ("podinfo does not lead where podinfo-primary does",)}
    selections.step("scale_down", "b", turning_back=True)
    assert _found(selections.find(release_request("b"))) == {"podinfo.test": ()}


def test_a_daemon_set_without_pods_is_no_fault(daemons: Any) -> None:
    daemons.initialise()
    assert _found(daemons.find(release_request("a"))) == {"podinfo.test": ()}


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


def _marked_for_another_canary(world: Any) -> None:
    """Routes with the application's marks, beside those that somebody deletes."""
    live = world.routes()
    metadata = {"name": "other", "namespace": "test"}
    marks = {key: text for key, text in annotations(live).items() if key.startswith("tidegate.dev/")}
    other = live | {"metadata": metadata | {"annotations": marks | {CANARY: "other", TARGET: "other"}}}
    world.mesh.apply(other, manager="tidegate-canary")
    world.mesh.delete(live["apiVersion"], "VirtualService", "test", "podinfo")


def test_a_canary_whose_routes_were_deleted_beside_marked_ones_is_found(world: Any) -> None:
    world.initialise()
    _marked_for_another_canary(world)
    found = _found(world.find(release_request("a")))
    assert found["podinfo.test"] == ("VirtualService podinfo is missing",)
    assert list(found) == ["other.test", "podinfo.test"]
    assert list(_found(world.find(release_request("a"), by_marks_alone=True))) == ["other.test"]


def test_without_git_a_recovery_says_what_it_cannot_see(world: Any) -> None:
    _canary_in_use(world)
    world.git_down = True
    assert world.find(release_request("a"), by_marks_alone=True).warnings == ()
    (warning,) = world.find(release_request("a")).warnings
    assert warning.startswith("a canary whose VirtualService was deleted would not be seen")
    assert warning.endswith("Git repository https://git.test/podinfo.git is out of reach: connection refused")


def test_a_start_finds_split_traffic_without_git_and_without_the_workloads(world: Any) -> None:
    _canary_in_use(world)
    world.git_down = True
    world.lose_workloads()
    findings = world.find_traffic(release_request("a"))
    assert (_found(findings), findings.epoch) == ({"podinfo.test": ("traffic 70/30",)}, 1000)


def test_a_start_finds_nothing_where_traffic_is_whole_or_anothers(world: Any) -> None:
    assert world.find_traffic(release_request("a")) == Findings()
    world.initialise()
    assert world.find_traffic(release_request("a")) == Findings()
    world.route(30)
    assert world.find_traffic(release_request("a", name="another")) == Findings()


def test_a_start_without_a_mesh_finds_nothing(world: Any) -> None:
    (definition,) = [
        each
        for each in world.mesh.list("apiextensions.k8s.io/v1", "CustomResourceDefinition", "")
        if each["spec"]["names"]["kind"] == "VirtualService"
    ]
    name = definition["metadata"]["name"]
    world.mesh.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", name)
    assert world.find_traffic(release_request("a")) == Findings()


def test_a_start_that_may_not_list_routes_says_so(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise AccessDenied("cluster asm", "cannot list resource virtualservices")

    monkeypatch.setattr(Cluster, "list", denied)
    assert world.find_traffic(release_request("a")).warnings == (
        "no look at what an earlier release left: "
        "cluster asm denied access: cannot list resource virtualservices",
    )


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

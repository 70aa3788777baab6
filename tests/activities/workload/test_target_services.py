"""A Service is released on its clusters, step by step: copies lead to a version, and the target follows."""

import json
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.sync_objects import write
from tests.activities.canary_world import until
from tests.activities.workload.test_clusters import BOTH, initialise, steps, sync
from tidegate.decisions.sync_set import Replicas, SyncItem
from tidegate.domain.errors import AccessDenied
from tidegate.domain.marks import JUDGED_TEMPLATE, PRIMARY, ROLLBACK, TEMPLATE_HASH, annotations
from tidegate.domain.plan import Purpose

NAMES = ("podinfo", "podinfo-canary", "podinfo-primary")


def led(world: Any) -> list[str]:
    """The versions that target, canary and primary lead to."""
    found = (world.service(name)["spec"].get("selector", {}).get("app", "") for name in NAMES)
    return [each.removeprefix("podinfo-") for each in found]


def select(version: str) -> Any:
    def changed(live: Any) -> Any:
        return live | {"spec": live["spec"] | {"selector": {"app": f"podinfo-{version}"}}}

    return changed


def node_port(service: Any, hpa: Any, canary: Any) -> None:
    service["spec"]["type"] = "NodePort"
    service["spec"]["ports"][0]["nodePort"] = 30080


def external(service: Any, hpa: Any, canary: Any) -> None:
    service["spec"] = {"type": "ExternalName", "externalName": "podinfo.example.com"}


def release(world: Any, version: str = "2") -> Any:
    world.commit("b", f"podinfo:{version}")
    world.sync("b")
    world.step("prepare", "b")
    return world


def owner_of(world: Any) -> Any:
    """Flagger's Canary as the owner of what it has made."""
    world.workloads.apply(world.git["a"][2], manager="flagger")
    canary = world.workloads.get("flagger.app/v1beta1", "Canary", "test", "podinfo")
    known = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "podinfo"}
    return known | {"uid": canary["metadata"]["uid"], "controller": True}


@pytest.fixture
def released(selections: Any) -> Any:
    """The second version under judgement."""
    selections.initialise()
    release(selections).step("scale_up", "b")
    return selections


def test_the_primary_leads_to_ready_pods_before_the_target_follows(selections: Any) -> None:
    selections.sync("a")
    assert selections.plan("a").plan.purpose is Purpose.INITIALISATION
    report = selections.step("prepare")
    assert report.notes == ("podinfo-primary serves with the pods of app=podinfo-1",)
    selections.route(0)
    assert selections.step("scale_down").notes == ()
    assert led(selections) == ["1", "1", "1"]
    assert selections.plan("a").plan.purpose is Purpose.UPKEEP


def test_a_sync_leaves_the_target_to_the_release(selections: Any) -> None:
    selections.initialise()
    release(selections)
    assert led(selections) == ["1", "1", "1"]
    plan = selections.plan("b")
    assert plan.plan.purpose is Purpose.RELEASE
    assert plan.reason.startswith("where the Service leads ")


def test_only_the_canary_leads_to_what_is_judged(released: Any) -> None:
    assert led(released) == ["1", "2", "1"]
    assert {JUDGED_TEMPLATE, PRIMARY} <= annotations(released.service("podinfo-canary")).keys()
    assert released.look("b") == ()


def test_what_is_judged_is_asked_for_by_the_workloads_that_the_canary_leads_to(released: Any) -> None:
    asked = released.answerable("b", 'requests{tidegate_behind="test/podinfo-canary"}')
    assert 'destination_workload=~"podinfo-2"' in asked
    asked = released.answerable("b", 'requests{tidegate_behind="test/podinfo-primary"}')
    assert 'destination_workload=~"podinfo-1"' in asked


def test_two_versions_of_one_workload_are_told_apart_by_their_callers(selections: Any) -> None:
    def on_another_port(service: Any, hpa: Any, canary: Any) -> None:
        service["spec"]["ports"][0]["targetPort"] = 9999

    selections.initialise()
    selections.commit("b", change=on_another_port)
    selections.sync("b")
    selections.step("prepare", "b")
    selections.step("scale_up", "b")
    for side in ("podinfo-canary", "podinfo-primary"):
        asked = selections.answerable("b", f'requests{{tidegate_behind="test/{side}"}}')
        assert asked.startswith('requests{reporter="source",destination_service_namespace="test",')
        assert f'destination_service_name="{side}"' in asked


def test_a_promotion_leads_the_primary_first_and_the_target_last(released: Any) -> None:
    before = released.service("podinfo-primary")["spec"]["clusterIP"]
    assert released.step("promote", "b").notes == ("podinfo-primary runs b",)
    assert led(released) == ["1", "2", "2"]
    assert ROLLBACK in annotations(released.service("podinfo-primary"))
    released.route(0, "b")
    report = released.step("scale_down", "b")
    assert report.notes == (
        "Service podinfo.test leads to the pods of app=podinfo-2 now; before, to the pods of app=podinfo-1",
    )
    assert led(released) == ["2", "2", "2"]
    assert released.service("podinfo-primary")["spec"]["clusterIP"] == before
    marks = annotations(released.service("podinfo-canary"))
    assert not marks.keys() & {JUDGED_TEMPLATE, PRIMARY}
    assert released.plan("b").plan.purpose is Purpose.UPKEEP


def test_a_rollback_brings_primary_and_canary_back(released: Any) -> None:
    released.step("promote", "b")
    released.route(0, "b", turning_back=True)
    released.step("restore", "b", turning_back=True)
    assert led(released) == ["1", "2", "1"]
    released.step("scale_down", "b", turning_back=True)
    assert led(released) == ["1", "1", "1"]
    assert released.plan("b").plan.purpose is Purpose.RELEASE


def test_pods_that_are_not_ready_get_no_traffic(selections: Any) -> None:
    selections.initialise()
    release(selections, "broken")
    with pytest.raises(ApplicationError) as raised:
        selections.step("scale_up", "b", deadline_seconds=0.5)
    assert str(raised.value) == (
        "NotReady: Service test/podinfo-canary is not ready after 0.5s: it selects the pods of "
        "app=podinfo-broken, of which none is ready: 1 pod ErrImagePull: no podinfo:broken"
    )


def test_a_selector_without_pods_says_so(selections: Any) -> None:
    selections.initialise()
    release(selections, "nowhere")
    with pytest.raises(ApplicationError, match="of app=podinfo-nowhere, of which none is ready: there are"):
        selections.step("scale_up", "b", deadline_seconds=0.5)


def test_a_primary_whose_selector_was_taken_away_is_not_ready(selections: Any) -> None:
    selections.initialise()

    def bare(live: Any) -> Any:
        return live | {"spec": {key: value for key, value in live["spec"].items() if key != "selector"}}

    selections.change_deployment("podinfo-primary", bare, "kubectl-edit")
    (warning, *_) = selections.step("prepare").warnings
    assert warning == (
        "podinfo-primary is not ready: it leads to endpoints that it does not select; the release goes on"
    )


@pytest.mark.parametrize("step", ["scale_up", "promote"])
def test_whoever_may_not_see_endpoints_is_told_so(
    released: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    seen = released.workloads.list

    def refuse(version: str, kind: str, *more: Any) -> Any:
        if kind == "EndpointSlice":
            raise AccessDenied("EndpointSlices in test", "cannot list them")
        return seen(version, kind, *more)

    monkeypatch.setattr(released.workloads, "list", refuse)
    (warning,) = released.step(step, "b").warnings
    side = "podinfo-canary" if step == "scale_up" else "podinfo-primary"
    assert warning.startswith(f"whether Service {side}.test knows its pods was not looked at: ")


def test_pods_that_are_lost_in_the_analysis_fail_it(released: Any) -> None:
    released.change_deployment("podinfo-canary", select("2"), "tidegate-canary")
    released.workloads.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "podinfo-2", "namespace": "test"},
            "spec": {"replicas": 0},
        },
        manager="kubectl",
    )
    until(lambda: not released.workloads.list("v1", "Pod", "test", "app=podinfo-2"))
    (verdict,) = released.look("b")
    assert verdict.reason == (
        "no pod of podinfo-canary is ready: it selects the pods of app=podinfo-2, of which none is ready: "
        "there are none"
    )


def test_what_another_writer_makes_of_the_canary_is_never_promoted(released: Any) -> None:
    released.change_deployment("podinfo-canary", select("broken"), "kubectl-edit")
    with pytest.raises(ApplicationError, match="podinfo-canary was changed by kubectl-edit during the anal"):
        released.route(10, "b")
    with pytest.raises(ApplicationError, match="what was judged is not what Git describes"):
        released.step("promote", "b")


def test_what_another_writer_makes_of_the_target_is_corrected(released: Any) -> None:
    released.change_deployment("podinfo", select("broken"), "kubectl-edit")
    report = released.route(10, "b")
    assert report.warnings == (
        "Service podinfo.test was changed by kubectl-edit: it led to the pods of app=podinfo-broken; "
        "corrected",
    )
    assert led(released) == ["1", "2", "1"]


def test_what_another_writer_makes_of_the_primary_the_target_never_follows(selections: Any) -> None:
    selections.initialise()
    selections.change_deployment("podinfo-primary", select("broken"), "kubectl-edit")
    report = selections.step("prepare")
    assert led(selections) == ["1", "1", "broken"]
    assert report.warnings[-1] == (
        "Service podinfo-primary.test was changed by kubectl-edit: it leads to the pods of "
        "app=podinfo-broken, and not where it was promoted to; podinfo does not follow it: change it back"
    )
    selections.workloads.delete("v1", "Service", "test", "podinfo-canary")
    selections.step("prepare")
    assert selections.service("podinfo-canary") is not None


def test_a_primary_that_is_changed_in_the_analysis_leaves_the_target_where_it_leads(released: Any) -> None:
    released.change_deployment("podinfo-primary", select("broken"), "kubectl-edit")
    assert released.route(10, "b").warnings == ()
    assert led(released) == ["1", "2", "broken"]
    released.change_deployment("podinfo", select("broken"), "kubectl-edit")
    (warning,) = released.route(20, "b").warnings
    assert warning.endswith("it led to the pods of app=podinfo-broken; corrected")
    assert led(released) == ["1", "2", "broken"]
    for step in ("promote", "scale_down"):
        released.step(step, "b")
    assert led(released) == ["2", "2", "2"]


def test_a_primary_that_was_deleted_is_made_anew(released: Any) -> None:
    released.workloads.delete("v1", "Service", "test", "podinfo-primary")
    kept = json.loads(annotations(released.service("podinfo-canary"))[PRIMARY])
    address = kept["spec"]["clusterIP"]
    spec = {"clusterIP": address, "ports": [{"port": 80}]}
    metadata = {"name": "other", "namespace": "test"}
    released.workloads.apply(
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}, manager="kubectl"
    )
    report = released.step("restore", "b", turning_back=True)
    assert "was deleted by another writer; created anew as it was" in report.warnings[0]
    assert led(released) == ["1", "2", "1"]
    assert released.service("podinfo-primary")["spec"]["clusterIP"] != address


def test_a_canary_that_was_deleted_ends_the_analysis_and_is_made_by_the_next_release(released: Any) -> None:
    released.workloads.delete("v1", "Service", "test", "podinfo-canary")
    with pytest.raises(ApplicationError, match="podinfo-canary was deleted by another writer"):
        released.route(10, "b")
    released.step("scale_down", "b", turning_back=True)
    released.step("prepare", "b")
    assert led(released) == ["1", "1", "1"]


def test_what_flagger_promoted_last_is_what_a_takeover_begins_with(selections: Any, flagger: Any) -> None:
    owner = owner_of(flagger)
    for name, version in (("podinfo", "2"), ("podinfo-primary", "1"), ("podinfo-canary", "2")):
        owners = {} if name == "podinfo" else {"ownerReferences": [owner]}
        spec = {"selector": {"app": f"podinfo-{version}"}, "ports": [{"name": "http", "port": 9898}]}
        metadata = {"name": name, "namespace": "test"} | owners
        service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
        selections.workloads.apply(service, manager="flagger")
    selections.commit("b", "podinfo:2")
    selections.sync("b")
    assert selections.plan("b").plan.purpose is Purpose.RELEASE
    selections.step("prepare", "b")
    assert led(selections) == ["1", "2", "1"]
    found = [selections.service(name)["metadata"].get("ownerReferences") for name in NAMES]
    assert found == [None, None, None]


def test_node_ports_are_the_targets_alone(selections: Any) -> None:
    selections.commit("a", change=node_port)
    selections.initialise()
    shown = [(selections.service(name)["spec"]["type"]) for name in NAMES]
    assert shown == ["NodePort", "ClusterIP", "ClusterIP"]

    selections.commit("b", "podinfo:2", change=node_port)
    selections.sync("b")
    for step in ("prepare", "scale_up", "promote", "scale_down"):
        selections.step(step, "b")
    (port,) = selections.service("podinfo")["spec"]["ports"]
    assert (led(selections), port["nodePort"]) == (["2", "2", "2"], 30080)


def test_an_external_name_is_not_judged_by_pods(selections: Any) -> None:
    selections.initialise()
    selections.commit("b", change=external)
    selections.sync("b")
    selections.step("prepare", "b")
    report = selections.step("scale_up", "b")
    assert report.notes == (
        "podinfo-canary is ready with the external name podinfo.example.com",
        "podinfo-canary leads to the external name podinfo.example.com, and is not judged by pods",
    )
    assert selections.look("b") == ()
    selections.step("promote", "b")
    selections.step("scale_down", "b")
    assert {selections.service(name)["spec"]["type"] for name in NAMES} == {"ExternalName"}
    assert selections.plan("b").plan.purpose is Purpose.UPKEEP

    selections.commit("c")
    for step in ("prepare", "scale_up", "promote", "scale_down"):
        selections.sync("c")
        selections.step(step, "c")
    assert led(selections) == ["1", "1", "1"]


def test_an_external_name_gets_the_node_port_that_git_asks_for_with_the_next_start(selections: Any) -> None:
    selections.commit("a", change=external)
    selections.initialise()
    selections.commit("b", "podinfo:2", change=node_port)
    types = []
    for steps_ in (("prepare", "scale_up", "promote", "scale_down"), ()):
        selections.sync("b")
        for step in steps_:
            selections.step(step, "b")
        types.append(selections.service("podinfo")["spec"]["type"])
    assert (types, led(selections)) == (["ClusterIP", "NodePort"], ["2", "2", "2"])


def of_ports(*ports: dict[str, Any]) -> Any:
    def changed(service: Any, hpa: Any, canary: Any) -> None:
        service["spec"]["ports"] = list(ports)

    return changed


def test_a_port_of_one_name_may_change_its_number_again_and_again(selections: Any) -> None:
    selections.commit("a", change=of_ports({"name": "http", "port": 80}))
    selections.initialise()
    for revision, number in (("b", 8080), ("c", 9090)):
        selections.commit(revision, change=of_ports({"name": "http", "port": number}))
        assert selections.survey(revision).objects
        selections.sync(revision)
        for step in ("prepare", "scale_up", "promote", "scale_down"):
            selections.step(step, revision)
        assert [port["port"] for port in selections.service("podinfo")["spec"]["ports"]] == [number]


def test_a_version_that_the_server_would_refuse_is_refused_before_anything_changes(selections: Any) -> None:
    selections.initialise()
    twice = {"name": "http", "port": 80}, {"name": "http", "port": 8080}
    selections.commit("b", change=of_ports(*twice))
    with pytest.raises(ApplicationError, match=r"Service test/podinfo was refused .* Duplicate value"):
        selections.survey("b")


def test_a_target_that_was_deleted_is_made_anew_where_its_primary_leads(selections: Any) -> None:
    selections.initialise()
    selections.commit("b", "podinfo:broken", change=node_port)
    selections.workloads.delete("v1", "Service", "test", "podinfo")
    item = SyncItem(manifest=selections.git["b"][0], cluster="mesh02", replicas=Replicas.RELEASE)
    assert write(item, selections.workloads, selections.fence()) == "created"
    assert led(selections) == ["1", "1", "1"]
    (port,) = selections.service("podinfo")["spec"]["ports"]
    assert port["nodePort"] == 30080


def test_a_target_that_is_new_is_made_as_in_git(selections: Any) -> None:
    item = SyncItem(manifest=selections.git["a"][0], cluster="mesh02", replicas=Replicas.RELEASE)
    write(item, selections.workloads, selections.fence())
    assert selections.service("podinfo")["spec"]["selector"] == {"app": "podinfo-1"}


def test_two_clusters_are_promoted_and_follow_together(wide_selections: Any) -> None:
    def everywhere() -> list[list[str]]:
        found = []
        for cluster in BOTH:
            with wide_selections.within(cluster):
                found.append(led(wide_selections))
        return found

    initialise(wide_selections)
    wide_selections.commit("b", "podinfo:2")
    sync(wide_selections, "b")
    for step in ("prepare", "scale_up"):
        steps(wide_selections, step, "b")
    assert everywhere() == [["1", "2", "1"]] * 2
    steps(wide_selections, "promote", "b")
    steps(wide_selections, "scale_down", "b")
    assert everywhere() == [["2", "2", "2"]] * 2


def test_every_step_may_run_twice(selections: Any) -> None:
    selections.initialise()
    selections.commit("b", "podinfo:2")
    selections.sync("b")
    for step in ("prepare", "scale_up", "promote", "scale_down"):
        fence = selections.fence()
        for attempt in (1, 2):
            selections.step(step, "b", fence=fence, attempt=attempt)
    assert led(selections) == ["2", "2", "2"]
    assert TEMPLATE_HASH in annotations(selections.service("podinfo-primary"))

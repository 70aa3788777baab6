"""What an uninstallation gives back, in which order, and what keeps it from beginning."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities import endpoints
from tests.activities.canary_world import BROKEN
from tests.activities.workload.test_autoscaling import CRD, KEDA, is_paused, scaled
from tidegate.contracts import FENCE_ANNOTATION, FIELD_MANAGER, Standing
from tidegate.domain.manifest import dig
from tidegate.domain.marks import COPIED_FOR, ORIGINAL, RELEASE, annotations
from tidegate.domain.release import Phase
from tidegate.domain.workload import DAEMON_SET

ISTIO = "networking.istio.io/v1"
STEPS = ("raise_target", "hand_over", "remove")
SIDES = ("podinfo-primary", "podinfo-canary")
TIERED = {"app": "podinfo", "tier": "web"}


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


def tiered(deployment: Any, hpa: Any, canary: Any) -> None:
    deployment["spec"]["template"]["metadata"]["labels"]["tier"] = "web"


def own_service(
    world: Any, name: str = "podinfo", selector: Any = TIERED, marks: Any = None, target_port: Any = 9898
) -> None:
    ports = [{"name": "web", "port": 9898, "targetPort": target_port}]
    metadata = {"name": name, "namespace": "test", "annotations": marks or {}}
    spec = {"selector": selector, "ports": ports}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    world.workloads.apply(service, manager="kubectl")


def adopt(world: Any, routes: dict[str, Any] | None = None, **service: Any) -> None:
    """A target that serves by a Service, and perhaps routes, of its owner's; then the first release."""
    world.commit("a", change=tiered)
    world.sync("a", replicas=2)
    own_service(world, **service)
    if routes:
        metadata = {"name": "podinfo", "namespace": "test"}
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


@pytest.fixture
def rolled_back(selections: Any) -> Any:
    """The first version's pods serve, and Git asks for the second one's."""
    selections.initialise()
    selections.commit("b", "podinfo:2")
    selections.sync("b")
    for step in ("prepare", "scale_up"):
        selections.step(step, "b")
    for step in ("restore", "scale_down"):
        selections.step(step, "b", turning_back=True)
    return selections


def test_a_service_is_given_back_as_it_was_promoted_last(rolled_back: Any) -> None:
    raised, handed, _ = uninstall(rolled_back)
    assert raised.notes == ("podinfo runs what podinfo-primary runs, with the pods of app=podinfo-1",)
    assert handed.notes == ("VirtualService podinfo leads to Service podinfo",)
    assert rolled_back.service("podinfo")["spec"]["selector"] == {"app": "podinfo-1"}
    assert made(rolled_back) == []
    assert not any(mark.startswith("tidegate.dev/target") for mark in annotations(rolled_back.routes()))


def test_a_service_that_somebody_has_led_elsewhere_takes_no_traffic_from_there(rolled_back: Any) -> None:
    def elsewhere(live: Any) -> Any:
        return live | {"spec": live["spec"] | {"selector": {"app": "podinfo-broken"}}}

    rolled_back.change_deployment("podinfo", elsewhere, "kubectl")
    uninstall(rolled_back)
    assert rolled_back.service("podinfo")["spec"]["selector"] == {"app": "podinfo-1"}


def test_a_service_under_judgement_is_recovered_first(rolled_back: Any) -> None:
    rolled_back.step("scale_up", "b")
    with pytest.raises(ApplicationError, match="recover"):
        uninstall(rolled_back, "raise_target")


def test_what_a_service_kept_for_a_workload_does_not_keep_it_from_being_given_back(rolled_back: Any) -> None:
    """The target was a Deployment once, whose Service was there before its first release."""

    def once(live: Any) -> Any:
        kept = annotations(live) | {ORIGINAL: '{"selector": {"app": "podinfo"}}'}
        return live | {"metadata": live["metadata"] | {"annotations": kept}}

    rolled_back.change_deployment("podinfo", once, "tidegate-canary")
    uninstall(rolled_back)
    left = rolled_back.service("podinfo")
    assert left["spec"]["selector"] == {"app": "podinfo-1"}
    assert ORIGINAL not in annotations(left)
    assert made(rolled_back) == []


def test_a_service_goes_even_without_the_one_beside_it(rolled_back: Any) -> None:
    rolled_back.workloads.delete("v1", "Service", "test", "podinfo-canary")
    uninstall(rolled_back)
    assert made(rolled_back) == []


def test_a_daemon_set_is_given_back_on_its_nodes(daemons: Any) -> None:
    def on_fast_disks(target: Any, hpa: Any, canary: Any) -> None:
        target["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}

    daemons.commit("a", change=on_fast_disks)
    daemons.initialise()
    raised, *_ = uninstall(daemons)
    assert raised.notes == ("podinfo runs what podinfo-primary runs, with a pod on each of its nodes",)
    target = daemons.deployment("podinfo")
    assert target["spec"]["template"]["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert target["status"]["numberAvailable"] == 1
    assert made(daemons) == []
    assert not any(mark.startswith("tidegate.dev/target") for mark in annotations(daemons.routes()))


def test_a_daemon_set_whose_first_release_failed_gets_its_nodes_back(daemons: Any) -> None:
    daemons.commit("a")
    daemons.sync("a")
    daemons.change_deployment("podinfo", lambda live: DAEMON_SET.at_rest(live, live), FIELD_MANAGER)
    with pytest.raises(ApplicationError):
        daemons.step("prepare", "a", deadline_seconds=0.0)
    (raised,) = uninstall(daemons, "raise_target")
    assert raised.notes == ("podinfo-primary does not serve: podinfo is as in Git, on its nodes",)
    assert "nodeSelector" not in daemons.deployment("podinfo")["spec"]["template"]["spec"]


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
    assert service["spec"]["selector"] == TIERED
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


MESH_ONLY = ROUTES | {"hosts": ["podinfo"], "gateways": ["mesh"]}


@pytest.mark.parametrize("routes", [None, ROUTES, MESH_ONLY])
@pytest.mark.parametrize("step", STEPS)
def test_every_step_may_run_twice(world: Any, step: str, routes: Any) -> None:
    adopt(world, routes) if routes else world.initialise()
    uninstall(world, *STEPS[: STEPS.index(step) + 1], step, *STEPS[STEPS.index(step) + 1 :])
    assert made(world) == []
    if routes:
        assert world.routes()["spec"] == routes
        assert world.service("podinfo")["spec"]["selector"] == TIERED
    assert world.deployment("podinfo")["status"]["availableReplicas"] == 2


def test_one_that_was_cut_off_is_begun_again(world: Any) -> None:
    world.initialise()
    uninstall(world, "raise_target", "hand_over")
    uninstall(world)
    again = uninstall(world)
    assert again[0].nothing
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


def test_configuration_is_the_owner_s_again_once_it_is_what_the_primary_has(world: Any) -> None:
    def configure(value: str) -> None:
        metadata = {"name": "config-primary-flags", "namespace": "test"}
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}
        world.workloads.apply(manifest, manager="tidegate")

    configure("blue")
    world.commit("a", change=refer)
    world.initialise()
    configure("red")
    with pytest.raises(ApplicationError, match="ConfigMap config-primary-flags is not what podinfo-primary"):
        uninstall(world, "raise_target")
    assert world.deployment("podinfo")["spec"]["replicas"] == 0
    configure("blue")
    uninstall(world, "raise_target")
    container = world.deployment("podinfo")["spec"]["template"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"configMapRef": {"name": "config-primary-flags"}}]
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


def led_back(world: Any) -> None:
    own_service(world, selector={"app": "podinfo-primary"})


def target_gone(world: Any) -> None:
    world.workloads.delete("apps/v1", "Deployment", "test", "podinfo")


def target_down(world: Any) -> None:
    world.change_deployment(
        "podinfo", lambda live: live | {"spec": live["spec"] | {"replicas": 0}}, "kubectl"
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (led_back, r"Service podinfo\.test selects the pods of podinfo-primary again; uninstall once more"),
        (target_gone, "there is no Deployment podinfo to take the traffic"),
        (target_down, "podinfo-primary is kept, for podinfo does not serve: it is scaled to 0"),
    ],
)
def test_a_primary_that_somebody_made_the_only_one_in_the_drain_is_not_removed(
    world: Any, change: Callable[..., None], told: str
) -> None:
    world.initialise()
    uninstall(world, "raise_target", "hand_over")
    change(world)
    with pytest.raises(ApplicationError, match=told):
        uninstall(world, "remove")
    assert world.deployment("podinfo-primary")["status"]["availableReplicas"] == 2


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


def served(world: Any) -> Any:
    """What the owner has: the Service's spec, and the routes' when there are any."""
    routes = world.routes()
    return world.service("podinfo")["spec"], routes and routes["spec"]


def test_one_that_was_never_released_is_left_as_it_is(world: Any) -> None:
    split = [{"destination": {"host": "podinfo"}, "weight": 40}, {"destination": {"host": "b"}, "weight": 60}]
    world.commit("a", change=tiered)
    world.sync("a", replicas=1)
    own_service(world, marks={FENCE_ANNOTATION: "1.1"})
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}
    metadata = {"name": "podinfo", "namespace": "test", "annotations": {FENCE_ANNOTATION: "1.1"}}
    spec = {"hosts": ["podinfo"], "http": [{"route": split}, {"route": split[:1]}]}
    for each in (
        namespace,
        {"apiVersion": ISTIO, "kind": "VirtualService", "metadata": metadata, "spec": spec},
    ):
        world.mesh.apply(each, manager="kubectl")
    before = served(world)
    first, *_ = uninstall(world)
    assert first.nothing
    assert served(world) == before


@pytest.mark.parametrize("served", [False, True], ids=["without a Service", "with its owner's"])
def test_a_first_release_that_never_got_ready_gives_back_what_there_is(world: Any, served: bool) -> None:
    world.commit("ill", BROKEN)
    world.sync("ill", replicas=1)
    if served:
        own_service(world, selector={"app": "podinfo"})
    with pytest.raises(ApplicationError, match="podinfo-primary"):
        world.step("prepare", "ill", deadline_seconds=0.5)
    world.uninstall("raise_target")
    assert world.uninstall("hand_over").notes == ("no request was ever led to podinfo-primary",)
    assert "Deployment test/podinfo-primary was removed" in world.uninstall("remove").notes
    assert (world.deployment("podinfo-primary"), world.routes()) == (None, None)
    assert world.deployment("podinfo")["spec"]["replicas"] == 1
    assert (world.service("podinfo") is not None) == served


def test_what_was_uninstalled_is_its_owner_s_however_often_it_is_asked_for(world: Any) -> None:
    adopt(world, MESH_ONLY)
    uninstall(world)
    own_service(world, selector={"app": "podinfo"})
    before = served(world)
    first, *_ = uninstall(world)
    assert first.nothing
    assert served(world) == before


def test_ports_are_kept_at_a_second_installation_too(world: Any) -> None:
    adopt(world, ROUTES)
    uninstall(world)
    world.initialise()
    uninstall(world)
    assert [port["name"] for port in world.service("podinfo")["spec"]["ports"]] == ["web"]
    assert world.service("podinfo")["spec"]["selector"] == TIERED


def test_a_service_that_would_select_nobody_selects_the_target(world: Any) -> None:
    adopt(world, selector={"app": "podinfo", "tier": "old"}, target_port="gone")
    uninstall(world)
    spec = world.service("podinfo")["spec"]
    assert spec["selector"] == {"app": "podinfo"}
    assert [port["targetPort"] for port in spec["ports"]] == [9898]


def no_target(world: Any) -> None:
    world.workloads.delete("apps/v1", "Deployment", "test", "podinfo-primary")


def no_service(world: Any) -> None:
    uninstall(world, "raise_target")
    world.workloads.delete("v1", "Service", "test", "podinfo")


def no_pods(world: Any) -> None:
    """The Service is its owner's by now, and leads elsewhere."""
    uninstall(world, "raise_target")
    own_service(world, selector={"app": "other"})


@pytest.mark.parametrize(
    ("nobody", "told"),
    [
        (no_target, "podinfo cannot take the traffic: it is scaled to 0; get it ready first"),
        (no_service, "there is no Service podinfo to lead requests to the target; apply it"),
        (no_pods, "Service podinfo does not select the pods of podinfo; see to its selector"),
    ],
)
def test_routes_do_not_lead_to_nobody(world: Any, nobody: Callable[..., None], told: str) -> None:
    world.initialise()
    nobody(world)
    with pytest.raises(ApplicationError, match=told):
        uninstall(world, "hand_over")
    assert world.weights() == [100, 0]


def test_routes_wait_for_the_service_to_know_its_pods(world: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(endpoints, "PATIENCE_SECONDS", 0.3)
    world.initialise()
    uninstall(world, "raise_target")
    monkeypatch.setattr(endpoints, "pods_behind", lambda _: frozenset({"podinfo-primary-1"}))
    with pytest.raises(
        ApplicationError, match=r"Service podinfo\.test leads to 0 of 2 ready pods of podinfo"
    ):
        uninstall(world, "hand_over")
    assert world.weights() == [100, 0]


def test_the_services_of_the_sides_that_were_there_before_stay(world: Any) -> None:
    own_service(world, "podinfo-primary", {"app": "other"})
    own_service(world, "podinfo-canary", {"app": "podinfo"})
    world.initialise()
    uninstall(world, *STEPS, "remove")
    found = {name: world.service(name)["spec"] for name in SIDES}
    assert [found[name]["selector"] for name in SIDES] == [{"app": "other"}, {"app": "podinfo"}]
    assert [found[name]["ports"][0]["name"] for name in SIDES] == ["web", "web"]


def test_a_destination_rule_with_fields_of_others_stays(world: Any) -> None:
    world.initialise()
    metadata = {"name": "podinfo-primary", "namespace": "test"}
    spec = {"host": "podinfo-primary", "exportTo": ["."]}
    world.mesh.apply(
        {"apiVersion": ISTIO, "kind": "DestinationRule", "metadata": metadata, "spec": spec},
        manager="kubectl",
    )
    uninstall(world)
    assert made(world) == ["DestinationRule podinfo-primary"]


@pytest.mark.parametrize("again", [False, True])
def test_a_recovery_leaves_a_target_that_serves_by_itself(world: Any, again: bool) -> None:
    adopt(world, ROUTES)
    uninstall(world, "raise_target", "hand_over")
    world.git_down = True
    report = world.step("scale_down", turning_back=True)
    assert any(
        "podinfo keeps its pods, since Service podinfo selects them" in each for each in report.warnings
    )
    assert world.deployment("podinfo")["status"]["availableReplicas"] == 2
    if again:
        uninstall(world)
        assert world.routes()["spec"] == ROUTES


def test_a_primary_of_no_pods_leaves_a_target_of_one(world: Any) -> None:
    world.initialise()
    world.change_deployment(
        "podinfo-primary", lambda live: live | {"spec": live["spec"] | {"replicas": 0}}, "kubectl"
    )
    uninstall(world, "raise_target")
    assert world.deployment("podinfo")["spec"]["replicas"] == 1


def test_a_flagger_that_leads_the_canary_is_stopped_first(flagger: Any) -> None:
    flagger.initialise()
    labels = {"app": "flagger"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "flagger", "image": "flagger:1"}]},
    }
    metadata = {"name": "flagger", "namespace": "test", "labels": labels}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    flagger.workloads.apply(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}, manager="helm"
    )
    flagger.workloads.wait(
        "apps/v1",
        "Deployment",
        "test",
        "flagger",
        lambda live: dig(live, "status", "readyReplicas"),
        deadline_seconds=10,
        beat=lambda: None,
    )
    with pytest.raises(ApplicationError, match="releases the canaries of namespace test"):
        uninstall(flagger, "raise_target")
    assert flagger.deployment("podinfo")["spec"]["replicas"] == 0

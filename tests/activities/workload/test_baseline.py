"""A baseline's life on the clusters: made beside the canary, given traffic, and gone with nothing left."""

from copy import deepcopy
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities import baseline
from tests.workflows.neighbours import release_request
from tidegate.contracts import CanaryCommand, Fence, StepReport
from tidegate.domain.errors import AccessDenied, ReleaseFailed
from tidegate.domain.marks import BASELINE_OF, JUDGED_TEMPLATE, annotations

POLICY = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "ReleasePolicy",
    "metadata": {"name": "careful", "namespace": "test"},
    "spec": {
        "canaryRef": {"name": "podinfo"},
        "comparison": {"with": "baseline", "metrics": [{"name": "request-duration"}]},
    },
}
METRICS = [{"name": "request-duration", "thresholdRange": {"max": 500}}]


def commit(world: Any, revision: str, image: str, replicas: int = 3) -> None:
    """Manifests whose policy asks for a baseline."""

    def change(deployment: Any, _: Any, canary: Any) -> None:
        deployment["spec"] |= {"replicas": replicas}
        del canary["spec"]["autoscalerRef"]
        canary["spec"]["analysis"] |= {"metrics": METRICS}

    world.commit(revision, image, change)
    world.git[revision].append(POLICY)


@pytest.fixture
def serving(world: Any) -> Any:
    """Version 1 serves, version 2 is in the cluster, and is to have a baseline beside it."""
    commit(world, "a", "podinfo:1")
    commit(world, "b", "podinfo:2")
    world.initialise()
    world.sync("b")
    return world


@pytest.fixture
def beside(serving: Any) -> Any:
    """Version 1 serves, version 2 is scaled up, and so is a baseline."""
    serving.step("prepare", "b")
    serving.step("scale_up", "b")
    return serving


@pytest.fixture
def ill(serving: Any) -> Any:
    """None of the baseline's pods becomes ready."""
    serving.change_deployment("podinfo-primary", broken, "kubectl")
    with pytest.raises(ApplicationError, match="podinfo-baseline is not ready after"):
        serving.step("scale_up", "b", deadline_seconds=1)
    return serving


def rule(world: Any) -> Any:
    return world.mesh.get("networking.istio.io/v1", "DestinationRule", "test", "podinfo-baseline")


def left(world: Any) -> list[bool]:
    """Whether its Deployment, Service and DestinationRule are there."""
    found = world.deployment("podinfo-baseline"), world.service("podinfo-baseline"), rule(world)
    return [each is not None for each in found]


def test_it_runs_what_the_primary_runs_and_is_as_large_as_the_canary(beside: Any) -> None:
    made = beside.deployment("podinfo-baseline")
    assert (beside.image("podinfo-baseline"), beside.image("podinfo")) == ("podinfo:1", "podinfo:2")
    assert made["status"]["availableReplicas"] == made["spec"]["replicas"] == 3
    assert made["spec"]["selector"] == {"matchLabels": {"app": "podinfo-baseline"}}
    assert left(beside) == [True, True, True]


def test_its_pods_are_behind_its_own_service_alone(beside: Any) -> None:
    pods = beside.workloads.list("v1", "Pod", "test", "app=podinfo-baseline")
    assert len(pods) == 3
    selectors = {
        name: beside.service(name)["spec"]["selector"]
        for name in ("podinfo", "podinfo-primary", "podinfo-canary", "podinfo-baseline")
    }
    behind = {
        name
        for name, selector in selectors.items()
        for pod in pods
        if selector.items() <= pod["metadata"]["labels"].items()
    }
    assert behind == {"podinfo-baseline"}


def test_a_scale_up_that_runs_twice_changes_nothing(beside: Any) -> None:
    before = beside.deployment("podinfo-baseline")["spec"]
    beside.step("scale_up", "b")
    assert beside.deployment("podinfo-baseline")["spec"] == before


@pytest.mark.parametrize("turning_back", [True, False])
def test_nothing_of_it_is_left_when_its_traffic_has_gone(beside: Any, turning_back: bool) -> None:
    beside.route(10, "b", baseline=10)
    assert beside.weights() == [80, 10, 10]
    beside.route(0, "b", turning_back=turning_back)
    assert beside.weights() == [100, 0]
    assert left(beside) == [True, True, True]
    report = beside.step("scale_down", "b", turning_back=turning_back)
    assert "podinfo-baseline was removed" in report.notes
    assert (report.warnings, left(beside)) == ((), [False, False, False])


def test_it_is_removed_without_git(beside: Any) -> None:
    beside.route(10, "b", baseline=10)
    beside.git_down = True
    beside.route(0, "b", turning_back=True)
    beside.step("scale_down", "b", turning_back=True)
    assert (beside.weights(), left(beside)) == ([100, 0], [False, False, False])


def test_traffic_that_somebody_gave_it_again_leaves_it_first(beside: Any) -> None:
    beside.route(0, "b")
    routes = beside.routes()
    for weight, part in zip((60, 0), routes["spec"]["http"][0]["route"], strict=True):
        part["weight"] = weight
    routes["spec"]["http"][0]["route"] += [{"destination": {"host": "podinfo-baseline"}, "weight": 40}]
    del routes["metadata"]["managedFields"]
    beside.mesh.apply(routes, manager="kubectl", force=True)
    report = beside.step("scale_down", "b", turning_back=True)
    assert "traffic 60/0 and 40% to the baseline; corrected" in report.warnings[0]
    assert (beside.weights(), left(beside)) == ([100, 0], [False, False, False])


def test_a_late_scale_up_leaves_no_baseline_behind(beside: Any) -> None:
    late = beside.fence()
    beside.step("scale_down", "b", turning_back=True)
    with pytest.raises(ApplicationError) as raised:
        beside.step("scale_up", "b", fence=late)
    assert (raised.value.type, left(beside)) == ("StaleCommand", [False, False, False])


def test_one_that_comes_from_the_dead_in_the_middle_takes_its_own_away(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, bring = beside.fence(), baseline.bring

    def overtaken(site: Any, fence: Fence, replicas: int) -> None:
        beside.step("scale_down", "b", turning_back=True)
        assert left(beside) == [False, False, False]
        bring(site, fence, replicas)

    monkeypatch.setattr(baseline, "bring", overtaken)
    with pytest.raises(ApplicationError) as raised:
        beside.step("scale_up", "b", fence=late)
    assert (raised.value.type, left(beside)) == ("StaleCommand", [False, False, False])


def test_a_late_scale_down_takes_no_later_release_s_baseline(beside: Any) -> None:
    with pytest.raises(ApplicationError) as raised:
        beside.step("scale_down", "b", fence=Fence(epoch=1, sequence=1))
    assert (raised.value.type, left(beside)) == ("StaleCommand", [True, True, True])


def test_the_next_release_s_prepare_removes_a_stale_one(beside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drained: list[float] = []
    monkeypatch.setattr(baseline, "_stand_by", drained.append)
    beside.route(10, "b", baseline=10)
    beside.route(0, "b", turning_back=True)
    report = beside.step("prepare", "b")
    assert report.notes[:2] == (
        "podinfo-baseline was left by an earlier release",
        "podinfo-baseline was removed",
    )
    assert drained == [5]
    assert left(beside) == [False, False, False]


def test_the_drain_of_a_stale_one_takes_nothing_of_the_primary_s_deadline(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def prepared(_: Any, command: CanaryCommand) -> StepReport:
        given.append(command.deadline_seconds)
        return StepReport()

    monkeypatch.setattr(baseline, "_stand_by", lambda _: None)
    monkeypatch.setattr("activities.workload.prepare", prepared)
    beside.step("prepare", "b", deadline_seconds=60)
    beside.step("prepare", "b", deadline_seconds=60)
    assert given == [65, 60]


def test_one_of_a_service_that_has_another_name_by_now_goes_as_a_whole(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def renamed(deployment: Any, _: Any, canary: Any) -> None:
        canary["spec"]["service"] |= {"name": "web"}
        del canary["spec"]["autoscalerRef"]

    monkeypatch.setattr(baseline, "_stand_by", lambda _: None)
    beside.commit("c", "podinfo:2", renamed)
    ref = beside.ref
    monkeypatch.setattr(beside, "ref", lambda sha: ref(sha).model_copy(update={"service": "web"}))
    beside.step("prepare", "c")
    assert left(beside) == [False, False, False]


def test_a_recovery_finds_it(beside: Any) -> None:
    beside.route(0, "b")
    (remains,) = beside.find(release_request("b")).canaries
    assert "podinfo-baseline is left" in remains.faults


@pytest.mark.parametrize(
    ("take", "line"),
    [
        (lambda world: delete(world), "podinfo-baseline was deleted by another writer"),
        (lambda world: scale(world, 0), "podinfo-baseline was scaled to 0 by kubectl"),
    ],
)
def test_no_traffic_is_given_to_one_without_pods(beside: Any, take: Any, line: str) -> None:
    take(beside)
    with pytest.raises(ApplicationError) as raised:
        beside.route(10, "b", baseline=10)
    assert raised.value.type == "ReleaseFailed"
    assert line in str(raised.value)
    assert beside.weights() == [100, 0]


@pytest.mark.parametrize(("waited", "type_"), [(0.0, "Transient"), (61.0, "ReleaseFailed")])
def test_one_without_a_ready_pod_gets_no_traffic_and_ends_a_release_if_that_lasts(
    ill: Any, waited: float, type_: str
) -> None:
    ill.waited_seconds = waited
    with pytest.raises(
        ApplicationError, match="no pod of podinfo-baseline is ready to take traffic: 0 of 3"
    ) as raised:
        ill.route(10, "b", baseline=10)
    assert (raised.value.type, raised.value.non_retryable) == (type_, type_ == "ReleaseFailed")
    assert ill.weights() == [100, 0]


def test_what_is_left_of_one_that_somebody_has_deleted_goes_as_well(beside: Any) -> None:
    delete(beside)
    assert left(beside) == [False, True, True]
    (remains,) = beside.find(release_request("b")).canaries
    assert "podinfo-baseline is left" in remains.faults
    beside.step("scale_down", "b", turning_back=True)
    assert left(beside) == [False, False, False]


def test_a_stale_one_that_may_not_be_removed_holds_no_release_up(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any) -> Any:
        raise AccessDenied("cluster mesh02", "deployments is forbidden")

    monkeypatch.setattr(baseline, "_stand_by", lambda _: None)
    monkeypatch.setattr(baseline, "remove", denied)
    (line,) = beside.step("prepare", "b").warnings
    assert line.startswith("podinfo-baseline was left by an earlier release, and stays: ")


def test_its_service_and_rule_are_made_anew_at_the_next_weight(beside: Any) -> None:
    beside.workloads.delete("v1", "Service", "test", "podinfo-baseline")
    beside.mesh.delete("networking.istio.io/v1", "DestinationRule", "test", "podinfo-baseline")
    report = beside.route(10, "b", baseline=10)
    assert len([line for line in report.warnings if "podinfo-baseline.test was deleted" in line]) == 2
    assert left(beside) == [True, True, True]


@pytest.mark.parametrize(
    ("take", "line"),
    [
        (lambda world: delete(world), "podinfo-baseline was deleted by another writer"),
        (lambda world: scale(world, 0), "podinfo-baseline was scaled to 0 by kubectl"),
    ],
)
def test_nothing_is_judged_beside_one_that_is_gone(beside: Any, take: Any, line: str) -> None:
    assert beside.look("b", baseline=True) == ()
    take(beside)
    assert beside.look("b") == ()
    with pytest.raises(ReleaseFailed, match=line):
        beside.look("b", baseline=True)


def test_one_whose_pods_are_ill_is_a_failed_check(ill: Any) -> None:
    (verdict,) = ill.look("b", baseline=True)
    assert (verdict.check, verdict.result) == ("workload", "failed")
    assert verdict.reason.startswith("no pod of podinfo-baseline is ready: ")


def test_an_uninstallation_takes_one_away_that_was_left(beside: Any) -> None:
    beside.route(0, "b")
    beside.step("scale_down", "b", turning_back=True)
    beside.step("scale_up", "b")
    beside.change_deployment("podinfo", unjudged, "kubectl")
    for step in ("raise_target", "hand_over", "remove"):
        report = beside.uninstall(step)
    assert "Deployment test/podinfo-baseline was removed" in report.notes
    assert left(beside) == [False, False, False]


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_what_somebody_else_has_made_by_that_name_is_left_alone(world: Any, kind: str) -> None:
    commit(world, "a", "podinfo:1")
    commit(world, "b", "podinfo:2")
    world.initialise()
    world.sync("b")
    metadata = {"name": "podinfo-baseline", "namespace": "test"}
    labels = {"app": "theirs"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "a", "image": "theirs:1"}]},
    }
    theirs: dict[str, Any] = {
        "Deployment": {
            "apiVersion": "apps/v1",
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
        "Service": {"apiVersion": "v1", "spec": {"selector": labels, "ports": [{"port": 80}]}},
    }
    world.workloads.apply(theirs[kind] | {"kind": kind, "metadata": metadata}, manager="kubectl")
    world.step("prepare", "b")
    with pytest.raises(ApplicationError) as raised:
        world.step("scale_up", "b")
    assert "podinfo-baseline exists, and is no baseline of podinfo; rename or remove it" in str(raised.value)
    world.step("scale_down", "b", turning_back=True)
    live = world.deployment("podinfo-baseline") if kind == "Deployment" else world.service("podinfo-baseline")
    assert BASELINE_OF not in (live["metadata"].get("annotations") or {})


def test_without_the_policy_there_is_none(beside: Any) -> None:
    beside.route(0, "b")
    beside.step("scale_down", "b", turning_back=True)
    beside.git["b"].pop()
    beside.step("prepare", "b")
    report = beside.step("scale_up", "b")
    assert report.notes == ("podinfo is ready with 3 replicas",)
    assert left(beside) == [False, False, False]


def broken(live: Any) -> Any:
    changed = deepcopy(live)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "podinfo:broken"
    return changed


def unjudged(live: Any) -> Any:
    kept = {key: value for key, value in annotations(live).items() if key != JUDGED_TEMPLATE}
    return live | {"metadata": live["metadata"] | {"annotations": kept}}


def delete(world: Any) -> None:
    world.workloads.delete("apps/v1", "Deployment", "test", "podinfo-baseline")


def scale(world: Any, replicas: int) -> None:
    def changed(live: Any) -> Any:
        return live | {"spec": live["spec"] | {"replicas": replicas}}

    world.change_deployment("podinfo-baseline", changed, "kubectl")

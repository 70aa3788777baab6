"""The workload's steps against a cluster API: what each does, twice, late, or cut short."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError, CancelledError

from activities import endpoints
from tidegate.contracts import FENCE_ANNOTATION, Fence
from tidegate.domain.errors import Conflict
from tidegate.domain.marks import INITIALISING, JUDGED_TEMPLATE, ROLLBACK, TEMPLATE_HASH
from tidegate.domain.plan import Purpose

BROKEN = "podinfo:broken"


def _annotations(manifest: Any) -> Any:
    return manifest["metadata"]["annotations"]


def _without_autoscaler(deployment: Any, hpa: Any, canary: Any) -> None:
    _sized(3)(deployment, hpa, canary)


def _sized(replicas: int | None) -> Callable[..., None]:
    """The manifests without the canary's autoscaler; None: without a size."""

    def change(deployment: Any, hpa: Any, canary: Any) -> None:
        deployment["spec"] |= {} if replicas is None else {"replicas": replicas}
        del canary["spec"]["autoscalerRef"]

    return change


def test_a_first_prepare_makes_all_that_a_release_needs(world: Any) -> None:
    world.sync("a")
    report = world.step("prepare")
    primary = world.deployment("podinfo-primary")
    assert report.notes == ("podinfo-primary serves with 2 replicas",)
    assert primary["status"]["availableReplicas"] == 2
    assert INITIALISING not in _annotations(primary)
    assert [
        world.service(f"podinfo{suffix}")["spec"]["selector"] for suffix in ("", "-primary", "-canary")
    ] == [
        {"app": "podinfo-primary"},
        {"app": "podinfo-primary"},
        {"app": "podinfo"},
    ]
    clone = world.workloads.get("autoscaling/v2", "HorizontalPodAutoscaler", "test", "podinfo-primary")
    assert clone["spec"]["scaleTargetRef"]["name"] == "podinfo-primary"
    for host in ("podinfo-primary", "podinfo-canary"):
        rule = world.mesh.get("networking.istio.io/v1", "DestinationRule", "test", host)
        assert rule["spec"] == {"host": host}


def test_preparing_twice_changes_nothing_but_the_fence(world: Any) -> None:
    world.initialise()
    before = world.deployment("podinfo-primary")
    assert world.step("prepare").warnings == ()
    after = world.deployment("podinfo-primary")
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


@pytest.mark.parametrize(
    ("live", "without_autoscaler", "replicas"), [(3, False, 3), (1, False, 2), (0, True, 3), (4, True, 4)]
)
def test_an_adopted_target_lends_its_size(
    world: Any, live: int, without_autoscaler: bool, replicas: int
) -> None:
    world.commit("a", change=_without_autoscaler if without_autoscaler else None)
    world.sync("a", replicas=live)
    world.step("prepare")
    assert world.deployment("podinfo-primary")["spec"]["replicas"] == replicas
    assert world.deployment("podinfo")["spec"]["replicas"] == live


def test_an_existing_service_goes_over_to_the_primary(world: Any) -> None:
    world.sync("a", replicas=1)
    spec = {"selector": {"app": "podinfo", "tier": "web"}, "ports": [{"name": "web", "port": 9898}]}
    metadata = {"name": "podinfo", "namespace": "test"}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    world.workloads.apply(service, manager="kubectl")
    report = world.step("prepare")
    assert "Service podinfo.test was taken over: it selects app=podinfo-primary now" in report.notes
    assert world.service("podinfo")["spec"]["selector"] == {"app": "podinfo-primary"}
    assert [port["name"] for port in world.service("podinfo")["spec"]["ports"]] == ["http"]


def test_a_target_that_serves_is_left_alone_until_the_primary_serves(world: Any) -> None:
    world.commit("a", BROKEN)
    world.sync("a", replicas=1)
    with pytest.raises(ApplicationError) as raised:
        world.step("prepare", deadline_seconds=0.5)
    assert raised.value.type == "NotReady"
    assert str(raised.value).endswith(
        "0 of 2 updated replicas are available; 2 pods ErrImagePull: no podinfo:broken"
    )
    assert world.service("podinfo") is None
    assert world.route(0).notes == ("podinfo-primary does not serve yet: the traffic was left as it is",)
    assert world.routes() is None
    assert world.step("scale_down").warnings == (
        "podinfo was left alone: podinfo-primary does not serve yet",
    )
    assert world.deployment("podinfo")["spec"]["replicas"] == 1


def test_a_first_prepare_that_was_cut_short_is_taken_up_with_the_newer_template(world: Any) -> None:
    world.commit("a", BROKEN)
    world.sync("a")
    with pytest.raises(ApplicationError):
        world.step("prepare", deadline_seconds=0.2)
    world.commit("b", "podinfo:2")
    world.sync("b")
    assert world.plan("b").plan.purpose is Purpose.INITIALISATION
    world.step("prepare", "b")
    assert world.image("podinfo-primary") == "podinfo:2"
    assert world.plan("b").plan.purpose is Purpose.UPKEEP


def test_a_plan_says_what_changed_and_changes_nothing(world: Any) -> None:
    world.initialise()
    world.commit("b", "podinfo:2")
    before = world.deployment("podinfo-primary")
    result = world.plan("b")
    assert (result.plan.purpose, result.target) == (Purpose.RELEASE, "podinfo")
    assert "differs from" in result.reason
    assert world.deployment("podinfo-primary") == before


def test_a_scale_up_waits_for_pods_of_the_new_version(world: Any) -> None:
    world.initialise()
    world.commit("b", "podinfo:2")
    world.sync("b")
    assert world.step("scale_up", "b").notes == ("podinfo is ready with 2 replicas",)
    assert world.deployment("podinfo")["status"]["availableReplicas"] == 2
    assert world.image("podinfo") == "podinfo:2"


def _half(of: str) -> Callable[..., None]:
    def change(deployment: Any, hpa: Any, canary: Any) -> None:
        canary["spec"]["analysis"][f"{of}ReadyThreshold"] = 50

    return change


def test_half_of_the_targets_pods_are_enough_where_the_canary_says_so(world: Any) -> None:
    world.initialise()
    world.commit("b", "podinfo:half-broken", change=_half("canary"))
    world.sync("b")
    assert world.step("scale_up", "b").notes == (
        "podinfo is ready with 2 replicas",
        "podinfo: 1 of 2 replicas are available, and 50% are enough",
    )


def test_half_of_the_primarys_pods_are_enough_where_the_canary_says_so(world: Any) -> None:
    world.commit("a", "podinfo:half-broken", change=_half("primary"))
    world.sync("a")
    assert world.step("prepare").notes == (
        "podinfo-primary: 1 of 2 replicas are available, and 50% are enough",
        "podinfo-primary serves with 2 replicas",
    )
    assert world.step("prepare").warnings == ()


def test_a_threshold_of_one_side_is_not_the_others(world: Any) -> None:
    world.commit("a", "podinfo:half-broken", change=_half("canary"))
    world.sync("a")
    with pytest.raises(ApplicationError, match="1 of 2 updated replicas are available"):
        world.step("prepare", deadline_seconds=0.5)


def test_a_scale_up_says_that_the_canarys_service_knows_no_pod(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "PATIENCE_SECONDS", 0.5)
    world.initialise()
    world.commit("b", "podinfo:2")
    world.sync("b")
    world.workloads.delete("v1", "Service", "test", "podinfo-canary")
    assert world.step("scale_up", "b").warnings == ("Service podinfo-canary.test knows no pod after 0.5s",)


def test_without_an_autoscaler_the_target_is_as_large_as_the_primary(world: Any) -> None:
    world.commit("a", change=_without_autoscaler)
    world.initialise()
    world.step("scale_up")
    assert world.deployment("podinfo")["spec"]["replicas"] == 3


def test_a_target_that_does_not_start_is_told_with_its_pods_reason(world: Any) -> None:
    world.initialise()
    world.commit("b", BROKEN)
    world.sync("b")
    with pytest.raises(ApplicationError) as raised:
        world.step("scale_up", "b", deadline_seconds=0.5)
    assert raised.value.non_retryable
    assert raised.value.message == (
        "Deployment test/podinfo is not ready after 0.5s: 0 of 2 updated replicas are available; "
        "2 pods ErrImagePull: no podinfo:broken"
    )


def test_a_cancellation_ends_the_waiting_at_once(world: Any) -> None:
    world.initialise()
    world.commit("b", BROKEN)
    world.sync("b")
    with pytest.raises(CancelledError):
        world.step("scale_up", "b", deadline_seconds=60, cancel=True)


def test_a_deployment_that_only_has_the_primarys_name_is_no_primary(world: Any) -> None:
    world.commit("a", change=_named_as_the_primary)
    world.sync("a", replicas=1)
    world.commit("b")
    with pytest.raises(ApplicationError, match="it is not the primary of podinfo; rename or remove it"):
        world.plan("b")


def _named_as_the_primary(deployment: Any, hpa: Any, canary: Any) -> None:
    deployment["metadata"]["name"] = "podinfo-primary"


def _promoted(world: Any, image: str = "podinfo:2") -> None:
    world.initialise()
    world.commit("b", image)
    world.sync("b")
    world.step("promote", "b")


def test_a_promotion_rolls_the_primary_over_and_remembers_what_ran(world: Any) -> None:
    _promoted(world)
    primary = world.deployment("podinfo-primary")
    assert (world.image("podinfo-primary"), primary["spec"]["replicas"]) == ("podinfo:2", 2)
    assert primary["status"]["updatedReplicas"] == 2
    assert ROLLBACK in _annotations(primary)


def test_promoting_twice_keeps_the_first_record(world: Any) -> None:
    _promoted(world)
    record = _annotations(world.deployment("podinfo-primary"))[ROLLBACK]
    world.step("promote", "b")
    assert _annotations(world.deployment("podinfo-primary"))[ROLLBACK] == record


def _replicas(world: Any) -> int:
    replicas: int = world.deployment("podinfo-primary")["spec"]["replicas"]
    return replicas


@pytest.mark.parametrize(("size", "replicas"), [(5, 5), (1, 1), (None, 3), (0, 3)])
def test_a_promotion_without_an_autoscaler_brings_gits_size(
    world: Any, size: int | None, replicas: int
) -> None:
    world.commit("a", change=_sized(3))
    world.initialise()
    world.commit("b", "podinfo:2", change=_sized(size))
    world.sync("b")
    assert (world.step("prepare", "b").notes, _replicas(world)) == ((), 3)
    world.step("scale_up", "b")
    assert world.deployment("podinfo")["spec"]["replicas"] == 3
    notes = world.step("promote", "b").notes
    changed = () if replicas == 3 else (f"podinfo-primary has {replicas} replicas, as in Git: 3 before",)
    assert (notes, _replicas(world)) == (("podinfo-primary runs b", *changed), replicas)
    world.step("restore", "b")
    assert (world.image("podinfo-primary"), _replicas(world)) == ("podinfo:1", 3)


@pytest.mark.parametrize("size", [5, 1])
def test_an_unchanged_template_of_another_size_is_brought_by_prepare(world: Any, size: int) -> None:
    world.commit("a", change=_sized(3))
    world.initialise()
    world.commit("b", change=_sized(size))
    assert world.plan("b").plan.purpose is Purpose.UPKEEP
    report = world.step("prepare", "b")
    assert report.notes == (f"podinfo-primary has {size} replicas, as in Git: 3 before",)
    assert (report.warnings, world.step("prepare", "b").notes) == ((), ())
    assert world.deployment("podinfo-primary")["status"]["replicas"] == size


def test_an_autoscaled_primary_keeps_its_autoscalers_size(world: Any) -> None:
    world.initialise()
    world.commit("b", "podinfo:2", change=lambda deployment, *_: deployment["spec"].update(replicas=9))
    for step in ("prepare", "promote", "scale_down", "prepare"):
        world.step(step, "b")
    assert _replicas(world) == 2


def test_a_restored_primary_runs_what_it_ran(world: Any) -> None:
    _promoted(world)
    report = world.step("restore", "b")
    assert report.notes == ("podinfo-primary was restored",)
    assert world.image("podinfo-primary") == "podinfo:1"
    assert ROLLBACK not in _annotations(world.deployment("podinfo-primary"))
    assert world.plan("a").plan.purpose is Purpose.UPKEEP


def test_a_primary_is_restored_though_the_new_version_never_started(world: Any) -> None:
    world.initialise()
    world.commit("b", BROKEN)
    with pytest.raises(ApplicationError, match=r"pods? ErrImagePull: no podinfo:broken"):
        world.step("promote", "b", deadline_seconds=0.5)
    world.step("restore", "b")
    assert world.deployment("podinfo-primary")["status"]["availableReplicas"] == 2
    assert world.image("podinfo-primary") == "podinfo:1"


def test_restoring_without_a_promotion_only_raises_the_fence(world: Any) -> None:
    world.initialise()
    late = world.fence()
    fence = world.fence()
    report = world.step("restore", fence=fence)
    assert (report.notes, report.warnings) == ((), ())
    assert _annotations(world.deployment("podinfo-primary"))[FENCE_ANNOTATION] == str(fence)
    world.commit("b", "podinfo:2")
    with pytest.raises(ApplicationError) as raised:
        world.step("promote", "b", fence=late)
    assert raised.value.type == "StaleCommand"
    assert world.image("podinfo-primary") == "podinfo:1"


def test_a_restore_that_is_tried_again_waits_for_the_primary(world: Any) -> None:
    _promoted(world)
    world.step("restore", "b")
    assert world.step("restore", "b", attempt=2).notes == ("podinfo-primary was restored",)


def test_an_unfinished_promotion_is_undone_by_the_next_prepare(world: Any) -> None:
    _promoted(world)
    assert world.plan("b").plan.purpose is Purpose.RELEASE
    report = world.step("prepare", "b")
    assert report.warnings == ("podinfo-primary was left by an unfinished promotion; it was restored",)
    assert world.image("podinfo-primary") == "podinfo:1"


def test_a_scale_down_ends_the_promotion_for_good(world: Any) -> None:
    _promoted(world)
    world.step("scale_up", "b")
    assert world.step("scale_down", "b").notes == ("podinfo is scaled to 0",)
    assert world.deployment("podinfo")["status"].get("replicas", 0) == 0
    world.step("restore", "b")
    assert world.image("podinfo-primary") == "podinfo:2"
    assert world.plan("b").plan.purpose is Purpose.UPKEEP


def test_a_scale_down_on_the_way_back_leaves_an_unrestored_promotion_undoable(world: Any) -> None:
    _promoted(world)
    world.step("scale_up", "b")
    world.step("scale_down", "b", turning_back=True)
    assert world.plan("b").plan.purpose is Purpose.RELEASE
    world.step("prepare", "b")
    assert world.image("podinfo-primary") == "podinfo:1"


def test_a_late_scale_up_is_refused(world: Any) -> None:
    world.initialise()
    with pytest.raises(ApplicationError) as raised:
        world.step("scale_up", fence=Fence(epoch=1, sequence=1))
    assert raised.value.type == "StaleCommand"
    assert world.deployment("podinfo")["spec"]["replicas"] == 0


def _write_primary(world: Any, primary: Any, manager: str) -> None:
    world.change_deployment("podinfo-primary", lambda _: primary, manager)


def test_a_primary_that_is_not_ready_does_not_stop_a_prepare(world: Any) -> None:
    world.initialise()
    primary = world.deployment("podinfo-primary")
    primary["spec"]["template"]["spec"]["containers"][0]["image"] = BROKEN
    _write_primary(world, primary, "kubectl")
    report = world.step("prepare")
    assert len(report.warnings) == 1
    assert report.warnings[0].startswith("podinfo-primary is not ready: ")
    assert report.warnings[0].endswith("; the release goes on")


def test_a_revision_is_not_lost_to_a_failure_and_a_primary_that_is_not_ready(world: Any) -> None:
    _judged(world)
    world.step("restore", "b")
    world.step("scale_down", "b")
    primary = world.deployment("podinfo-primary")
    primary["spec"]["template"]["spec"]["containers"][0]["image"] = BROKEN
    _write_primary(world, primary, "kubectl")
    assert world.plan("b").plan.purpose is Purpose.RELEASE


def test_a_primary_whose_controller_is_a_moment_behind_is_no_complaint(world: Any) -> None:
    world.initialise()
    for _ in range(5):
        primary = world.deployment("podinfo-primary")
        primary["spec"]["minReadySeconds"] = primary["spec"].get("minReadySeconds", 0) ^ 1
        _write_primary(world, primary, "kubectl")
        said = " ".join(world.step("prepare").warnings)
        assert "has not seen the new spec" not in said


def test_a_primary_of_another_controller_is_released_against_and_then_recorded(world: Any) -> None:
    world.initialise()
    primary = world.deployment("podinfo-primary")
    for key in (TEMPLATE_HASH, FENCE_ANNOTATION):
        primary["metadata"]["annotations"].pop(key)
    _write_primary(world, primary, "flagger")
    assert world.plan("a").plan.purpose is Purpose.RELEASE
    world.step("promote")
    world.step("scale_down")
    assert world.plan("a").plan.purpose is Purpose.UPKEEP


def _judged(world: Any) -> Fence:
    """A release under analysis: the fence of its scale-up."""
    world.initialise()
    world.commit("b", "podinfo:2")
    world.sync("b")
    fence: Fence = world.fence()
    world.step("scale_up", "b", fence=fence)
    return fence


def _change_target(world: Any, change: Callable[[Any], None], manager: str = "kubectl-set") -> None:
    def changed(live: Any) -> Any:
        change(live["spec"])
        return live

    fence = Fence.parse(_annotations(world.deployment("podinfo"))[FENCE_ANNOTATION])
    for _ in range(50):  # the Deployment controller writes its status at the same time
        with contextlib.suppress(Conflict):
            world.change_deployment("podinfo", changed, manager, fence)
            return
    raise AssertionError("the target could not be changed")


def _other_image(spec: Any) -> None:
    spec["template"]["spec"]["containers"][0]["image"] = "podinfo:3"


def _other_size(spec: Any) -> None:
    spec["replicas"] = 4


def test_a_target_changed_during_its_analysis_is_not_promoted(world: Any) -> None:
    _judged(world)
    _change_target(world, _other_image)
    _change_target(world, _other_size, manager="kube-controller-manager")
    with pytest.raises(ApplicationError) as raised:
        world.step("promote", "b")
    assert (raised.value.type, raised.value.message) == (
        "ReleaseFailed",
        "Deployment test/podinfo was changed by kubectl-set during the analysis: "
        "what was judged is not what Git describes",
    )
    assert world.image("podinfo-primary") == "podinfo:1"


def test_a_scale_up_that_is_tried_again_keeps_what_it_found_first(world: Any) -> None:
    fence = _judged(world)
    _change_target(world, _other_image)
    world.step("scale_up", "b", fence=fence, attempt=2)
    with pytest.raises(ApplicationError, match="was changed by kubectl-set during the analysis"):
        world.step("promote", "b")


def test_a_change_after_the_promotion_does_not_stop_its_next_attempt(world: Any) -> None:
    _judged(world)
    fence = world.fence()
    world.step("promote", "b", fence=fence)
    _change_target(world, _other_image)
    assert world.step("promote", "b", fence=fence, attempt=2).notes == ("podinfo-primary runs b",)


def test_neither_a_sync_of_the_same_revision_nor_an_autoscaler_changes_what_is_judged(world: Any) -> None:
    world.initialise()
    world.commit("b", "podinfo:2")
    world.sync("b")
    world.sync("b", replicas=0)
    world.step("scale_up", "b")
    judged = _annotations(world.deployment("podinfo"))[JUDGED_TEMPLATE]
    world.sync("b")
    _change_target(world, _other_size, manager="kube-controller-manager")
    assert _annotations(world.deployment("podinfo"))[JUDGED_TEMPLATE] == judged
    world.step("promote", "b")
    assert world.image("podinfo-primary") == "podinfo:2"


def test_the_next_release_is_judged_by_its_own_template(world: Any) -> None:
    _judged(world)
    _change_target(world, _other_image)
    world.step("scale_down", "b", turning_back=True)
    assert JUDGED_TEMPLATE not in _annotations(world.deployment("podinfo"))
    world.sync("b")
    world.step("scale_up", "b")
    world.step("promote", "b")
    assert world.image("podinfo-primary") == "podinfo:2"


def test_a_target_that_was_deleted_is_not_told_as_scaled_down(world: Any) -> None:
    world.initialise()
    world.workloads.delete("apps/v1", "Deployment", "test", "podinfo")
    report = world.step("scale_down", turning_back=True)
    assert (report.notes, report.warnings) == ((), ("there is no podinfo to scale down",))

"""Somebody else deletes or edits what a release needs, while it is under way."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from tidegate.domain.errors import Unreachable
from tidegate.domain.marks import PRIMARY, annotations
from tidegate.manifests import promotion

APPS = ("apps/v1", "Deployment", "test")
RULES = ("networking.istio.io/v1", "DestinationRule", "test")


@pytest.fixture
def released(world: Any) -> Any:
    """Version 2 has its pods and a tenth of the traffic, beside a primary that runs version 1."""
    world.initialise()
    world.commit("b", "podinfo:2")
    world.sync("b")
    world.step("scale_up", "b")
    world.route(10, "b")
    return world


def edit(world: Any, name: str, change: Any) -> None:
    def edited(live: Any) -> Any:
        change(live["spec"])
        return live

    world.change_deployment(name, edited, "kubectl-edit")


def run_another_image(spec: Any) -> None:
    spec["template"]["spec"]["containers"][0]["image"] = "podinfo:9"


def test_a_target_that_was_edited_before_its_scale_up_is_not_judged(world: Any) -> None:
    """Between the plan and the scale-up a gate may wait for days."""
    world.initialise()
    world.commit("b", "podinfo:2")
    world.sync("b")
    synced = world.plan("b").plan.synced
    edit(world, "podinfo", run_another_image)

    refused = "podinfo was changed by kubectl-edit before its scale-up: what would be judged is not what Git"
    with pytest.raises(ApplicationError, match=refused):
        world.step("scale_up", "b", synced=synced)
    assert world.deployment("podinfo")["spec"]["replicas"] == 0


def test_a_target_as_the_sync_left_it_is_judged(world: Any) -> None:
    world.initialise()
    world.commit("b", "podinfo:2")
    world.sync("b")
    synced = world.plan("b").plan.synced
    assert list(synced) == [""]
    world.step("scale_up", "b", synced=synced)
    assert world.deployment("podinfo")["status"]["availableReplicas"] == 2


def test_a_primary_that_somebody_deleted_is_made_anew_as_it_was(released: Any) -> None:
    before = released.deployment("podinfo-primary")
    released.workloads.delete(*APPS, "podinfo-primary")
    report = released.step("restore", "b", turning_back=True)

    after = released.deployment("podinfo-primary")
    assert report.warnings == (
        "Deployment test/podinfo-primary was deleted by another writer; created anew as it was",
    )
    assert after["spec"] == before["spec"]
    assert after["status"]["availableReplicas"] == 2


def test_a_promotion_names_whose_edit_of_the_primary_it_writes_over(released: Any) -> None:
    edit(released, "podinfo-primary", run_another_image)
    assert released.step("promote", "b").warnings == (
        "Deployment test/podinfo-primary was changed by kubectl-edit during the release; the promotion has "
        "written over it",
    )
    assert released.image("podinfo-primary") == "podinfo:2"


def test_an_edit_that_a_promotion_wrote_over_is_named_when_that_is_undone(released: Any) -> None:
    edit(released, "podinfo-primary", run_another_image)
    released.step("promote", "b")
    assert released.step("restore", "b", turning_back=True).warnings == (
        "Deployment test/podinfo-primary was changed by another writer during the release; restored",
    )
    assert released.image("podinfo-primary") == "podinfo:1"


def test_a_promotion_says_nothing_where_nobody_edited_the_primary(released: Any) -> None:
    assert [released.step("promote", "b").warnings for _ in range(2)] == [(), ()]


def test_a_primary_that_somebody_edited_is_put_back_and_the_writer_named(released: Any) -> None:
    edit(released, "podinfo-primary", run_another_image)
    report = released.step("restore", "b", turning_back=True)

    assert report.warnings == (
        "Deployment test/podinfo-primary was changed by kubectl-edit during the release; restored",
    )
    assert released.image("podinfo-primary") == "podinfo:1"


@pytest.mark.parametrize("copy_epoch", [0, 999])
def test_a_primary_that_was_mended_since_another_release_is_left_alone(
    released: Any, copy_epoch: int
) -> None:
    """0: a recovery, which cannot tell a repair from an accident during the release."""
    edit(released, "podinfo-primary", run_another_image)
    report = released.step("restore", "b", turning_back=True, copy_epoch=copy_epoch)

    assert report.warnings == (
        "Deployment test/podinfo-primary was changed by kubectl-edit since a release was cut off; "
        "left as it is",
    )
    assert released.image("podinfo-primary") == "podinfo:9"


def test_a_deleted_primary_comes_back_from_whichever_copy_there_is(released: Any) -> None:
    released.workloads.delete(*APPS, "podinfo-primary")
    released.step("restore", "b", turning_back=True, copy_epoch=0)
    assert released.image("podinfo-primary") == "podinfo:1"


def test_a_recovery_undoes_a_promotion_without_a_word_on_the_copy(released: Any) -> None:
    released.step("promote", "b")
    report = released.step("restore", "b", turning_back=True, copy_epoch=0)
    assert (released.image("podinfo-primary"), report.warnings) == ("podinfo:1", ())


def test_an_edit_before_the_promotion_does_not_come_back_with_its_undoing(released: Any) -> None:
    edit(released, "podinfo-primary", run_another_image)
    released.step("promote", "b")
    released.step("restore", "b", turning_back=True)
    assert released.image("podinfo-primary") == "podinfo:1"


def test_what_all_canaries_of_a_release_were_promoted_to_is_kept(released: Any) -> None:
    fence = released.fence()
    released.step("promote", "b", fence=fence)
    report = released.step("restore", "b", turning_back=True, stands=True)
    assert (released.image("podinfo-primary"), report.promoted_by) == ("podinfo:2", fence.epoch)
    assert not promotion.is_unfinished(released.deployment("podinfo-primary"))
    released.step("restore", "b", turning_back=True)
    assert released.image("podinfo-primary") == "podinfo:2"


def test_what_this_release_has_not_promoted_is_restored_all_the_same(released: Any) -> None:
    edit(released, "podinfo-primary", run_another_image)
    released.step("restore", "b", turning_back=True, stands=True)
    assert released.image("podinfo-primary") == "podinfo:1"


def test_a_promotion_that_stands_is_not_undone_by_what_was_kept_before_it(released: Any) -> None:
    fence = released.fence()
    released.step("promote", "b", fence=fence)
    released.change_deployment("podinfo-primary", promotion.settled, "tidegate-canary")
    report = released.step("restore", "b", turning_back=True)
    assert (released.image("podinfo-primary"), report.warnings) == ("podinfo:2", ())
    assert report.promoted_by == fence.epoch


def test_what_is_kept_is_never_a_version_whose_promotion_may_be_undone(released: Any) -> None:
    """As when a run is reset to where its target was scaled up."""
    released.step("promote", "b")
    released.step("scale_up", "b")
    released.step("restore", "b", turning_back=True)
    assert released.image("podinfo-primary") == "podinfo:1"


def test_nothing_is_kept_of_the_primary_once_the_release_is_over(released: Any) -> None:
    assert PRIMARY in annotations(released.deployment("podinfo"))
    released.step("scale_down", "b", turning_back=True)
    assert PRIMARY not in annotations(released.deployment("podinfo"))


def test_what_stands_around_is_there_again_with_the_next_weight(released: Any) -> None:
    released.workloads.delete("v1", "Service", "test", "podinfo-primary")
    released.mesh.delete(*RULES, "podinfo-canary")
    report = released.route(20, "b", expected=10)

    assert report.warnings == (
        "Service podinfo-primary.test was deleted by another writer; created anew",
        "DestinationRule podinfo-canary.test was deleted by another writer; created anew",
    )
    assert released.service("podinfo-primary")["spec"]["selector"] == {"app": "podinfo-primary"}
    assert released.route(30, "b", expected=20).warnings == ()


def test_what_was_corrected_is_told_though_another_look_fails(
    released: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_reach(*_: Any) -> str:
        raise Unreachable("cluster asm", "no answer")

    monkeypatch.setattr("activities.surroundings._present", out_of_reach)
    released.workloads.delete("v1", "Service", "test", "podinfo-primary")
    told = "Service podinfo-primary.test was deleted by another writer; created anew"
    assert released.route(20, "b", expected=10).warnings == (told,)

    released.workloads.delete("v1", "Service", "test", "podinfo-primary")
    corrected, unseen = released.step("restore", "b", turning_back=True).warnings
    assert (corrected, "was not looked at: cluster asm" in unseen) == (told, True)


def test_the_way_back_looks_after_what_stands_around(released: Any) -> None:
    released.workloads.delete("v1", "Service", "test", "podinfo")
    report = released.step("restore", "b", turning_back=True)
    assert report.warnings == ("Service podinfo.test was deleted by another writer; created anew",)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (
            lambda world: world.workloads.delete(*APPS, "podinfo-primary"),
            "Deployment test/podinfo-primary was deleted by another writer during the release",
        ),
        (
            lambda world: world.workloads.delete(*APPS, "podinfo"),
            "Deployment test/podinfo was deleted by another writer during the release",
        ),
        (
            lambda world: edit(world, "podinfo", lambda spec: spec.update(replicas=0)),
            "Deployment test/podinfo was scaled to 0 by kubectl-edit during the analysis",
        ),
    ],
)
def test_no_more_traffic_goes_where_nobody_takes_it(released: Any, harm: Any, reason: str) -> None:
    harm(released)
    with pytest.raises(ApplicationError) as raised:
        released.route(20, "b", expected=10)
    assert (raised.value.type, raised.value.message) == ("ReleaseFailed", reason)
    assert released.weights() == [90, 10]


def test_a_routing_whose_answer_was_lost_is_not_taken_for_somebody_elses(released: Any) -> None:
    fence = released.fence()
    released.route(20, "b", fence=fence, expected=10)
    assert released.route(20, "b", fence=fence, expected=10).warnings == ()

"""The Canary's object in a cluster that has Flagger's kind: who sees it, and who must not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.activities.canary_world import World
from tidegate.contracts import Event, Standing
from tidegate.decisions.sync_set import TRACKING_ANNOTATION
from tidegate.domain.canary import API_VERSION
from tidegate.domain.errors import AccessDenied
from tidegate.domain.manifest import Manifest
from tidegate.domain.release import Phase

NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, UTC)


def canary(world: World) -> Any:
    return world.workloads.get(API_VERSION, "Canary", "test", "podinfo")


def events(world: World) -> list[Manifest]:
    return world.workloads.list("v1", "Event", "test")


def noted(text: str, seconds: int = 0) -> Event:
    return Event(at=NOON + timedelta(seconds=seconds), text=text, phase=Phase.PROGRESSING)


def show(world: World, phase: Phase, weight: int = 0, *told: Event, seconds: int = 0, **more: Any) -> None:
    at = NOON + timedelta(seconds=seconds)
    world.publish(Standing(phase=phase, weight=weight), told, at=at, **{"first": False, **more})


def give_to_harbour(world: World) -> None:
    """Let the application harbour track the object."""
    live = canary(world)
    live["metadata"]["annotations"][TRACKING_ANNOTATION] = "harbour:flagger.app/Canary:test/podinfo"
    world.workloads.apply(
        {key: live[key] for key in ("apiVersion", "kind", "spec")}
        | {"metadata": {key: live["metadata"][key] for key in ("name", "namespace", "annotations")}},
        manager="somebody",
    )


def test_a_cluster_without_the_kind_has_nothing_to_show(world: World) -> None:
    world.initialise()
    assert (world.plan("a").plan.published, world.plan("a").warnings) == (None, ())


def test_a_plan_knows_the_revisions_that_a_status_tells_of(flagger: World) -> None:
    flagger.initialise()
    running = flagger.plan("a").plan.published
    flagger.commit("b", image="podinfo:2")
    published = flagger.plan("b").plan.published
    assert running
    assert published
    assert running.revision == running.promoted == published.promoted != published.revision


def test_the_object_is_made_with_its_status_and_its_events(flagger: World) -> None:
    show(flagger, Phase.PROGRESSING, 10, noted("Advance podinfo.test canary weight 10"), first=True)
    live = canary(flagger)
    assert live["spec"]["targetRef"]["name"] == "podinfo"
    assert live["metadata"]["annotations"][TRACKING_ANNOTATION].startswith("podinfo:")
    assert (live["status"]["phase"], live["status"]["canaryWeight"]) == ("Progressing", 10)
    (event,) = events(flagger)
    assert event["message"] == "Advance podinfo.test canary weight 10"
    assert event["involvedObject"]["uid"] == live["metadata"]["uid"]


def test_shown_twice_it_is_there_once(flagger: World) -> None:
    for _ in range(2):
        show(flagger, Phase.PROGRESSING, 10, noted("Advance"), first=True)
    assert len(events(flagger)) == 1


def test_a_late_attempt_changes_nothing(flagger: World) -> None:
    show(flagger, Phase.FAILED, 0, first=True, seconds=60)
    show(flagger, Phase.PROGRESSING, 10)
    assert canary(flagger)["status"]["phase"] == "Failed"


def test_an_object_that_others_brought_is_taken_over(flagger: World) -> None:
    theirs = {
        "apiVersion": API_VERSION,
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": "test", "labels": {"team": "tides"}},
        "spec": {"targetRef": {"kind": "Deployment", "name": "podinfo"}, "analysis": {"interval": "9m"}},
    }
    flagger.workloads.apply(theirs, manager="argocd-controller")
    show(flagger, Phase.INITIALIZING, first=True)
    live = canary(flagger)
    assert (live["spec"]["analysis"]["interval"], live["metadata"]["labels"]) == ("1s", {"team": "tides"})
    assert live["status"]["phase"] == "Initializing"


def test_an_object_of_another_application_is_left_alone(flagger: World) -> None:
    show(flagger, Phase.INITIALIZED, first=True)
    give_to_harbour(flagger)
    result = flagger.plan("a")
    assert result.plan.published is None
    assert (
        "kubectl will not show Canary podinfo.test: it belongs to the application harbour" in result.warnings
    )


def test_a_worker_that_may_not_read_canaries_says_what_is_missing(
    flagger: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(api_version: str, kind: str, *where: str) -> Manifest | None:
        if kind == "Canary":
            raise AccessDenied("cluster mesh02", "no")
        return get(api_version, kind, *where)

    get = flagger.workloads.get
    monkeypatch.setattr(flagger.workloads, "get", denied)
    result = flagger.plan("a")
    assert (result.plan.published, result.warnings) == (
        None,
        (
            "kubectl will not show Canary podinfo.test: cluster mesh02 denied access: no; "
            "grant what deploy/kubernetes/access/canaries has",
        ),
    )


def test_an_object_that_was_deleted_is_made_again(flagger: World) -> None:
    show(flagger, Phase.PROGRESSING, 10, first=True)
    flagger.workloads.delete(API_VERSION, "Canary", "test", "podinfo")
    show(flagger, Phase.PROGRESSING, 20, seconds=1)
    assert canary(flagger)["status"]["canaryWeight"] == 20


LATER = NOON + timedelta(minutes=1)


def turned_back(world: World, *, promoted: bool = False, **more: Any) -> Any:
    """The status after the way back of a canary that was cut off under way, at 10 %."""
    world.initialise()
    world.commit("b", image="podinfo:2")
    world.sync("b")
    world.step("scale_up", "b")
    published = world.plan("b").plan.published
    assert published
    applied = published.promoted if promoted else published.revision
    show(world, Phase.PROGRESSING, 10, first=True, applied=applied)
    return way_back(world, **more)


def way_back(world: World, at: datetime | None = LATER, **more: Any) -> Any:
    world.step("scale_down", "b", turning_back=True, at=at, **more)
    return canary(world)["status"]


@pytest.mark.parametrize(("promoted", "phase"), [(False, "Failed"), (True, "Succeeded")])
def test_the_way_back_of_a_canary_that_was_cut_off_ends_its_status(
    flagger: World, promoted: bool, phase: str
) -> None:
    status = turned_back(flagger, promoted=promoted)
    assert (status["phase"], status["canaryWeight"]) == (phase, 0)


def test_its_moment_is_the_commands_and_not_the_workers(flagger: World) -> None:
    status = turned_back(flagger)
    assert status["lastTransitionTime"] == "2026-11-23T12:01:00Z"
    show(flagger, Phase.PROGRESSING, 0, seconds=61)
    assert canary(flagger)["status"]["phase"] == "Progressing"


def test_a_promotion_that_could_not_be_undone_is_shown_as_failed(flagger: World) -> None:
    flagger.initialise()
    flagger.commit("b", image="podinfo:2")
    flagger.sync("b")
    flagger.step("scale_up", "b")
    published = flagger.plan("b").plan.published
    assert published
    show(flagger, Phase.PROMOTING, 10, first=True, applied=published.revision)
    flagger.step("promote", "b")
    assert way_back(flagger)["phase"] == "Failed"


def test_a_way_back_without_a_target_changes_no_status(flagger: World) -> None:
    """It writes nothing whose token would tell that it comes too late."""
    flagger.initialise()
    show(flagger, Phase.PROGRESSING, 10, first=True)
    flagger.workloads.delete("apps/v1", "Deployment", "test", "podinfo")
    assert way_back(flagger)["phase"] == "Progressing"


def test_the_way_back_leaves_the_object_of_another_application(flagger: World) -> None:
    flagger.initialise()
    show(flagger, Phase.PROGRESSING, 10, first=True)
    give_to_harbour(flagger)
    assert way_back(flagger)["phase"] == "Progressing"

"""What an earlier revision or attempt left: an autoscaler nobody asks for, a primary half made."""

from copy import deepcopy
from typing import Any

import pytest

from tidegate.contracts import FENCE_ANNOTATION, FIELD_MANAGER
from tidegate.decisions.sync_set import TRACKING_ANNOTATION
from tidegate.domain.marks import INITIALISING, annotations

V2 = "autoscaling/v2"


def _without_autoscaler(deployment: Any, hpa: Any, canary: Any) -> None:
    deployment["spec"]["replicas"] = 3
    del canary["spec"]["autoscalerRef"]


def _autoscaler(world: Any, name: str = "podinfo-primary") -> Any:
    return world.workloads.get(V2, "HorizontalPodAutoscaler", "test", name)


def _someones_autoscaler(world: Any) -> None:
    """Made by hand for the primary."""
    spec = deepcopy(_autoscaler(world)["spec"])
    metadata = {"name": "by-hand", "namespace": "test"}
    world.workloads.apply(
        {"apiVersion": V2, "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec},
        manager="kubectl",
    )


def test_the_autoscaler_that_no_canary_asks_for_goes_once_the_promotion_stands(world: Any) -> None:
    world.initialise()
    _someones_autoscaler(world)
    world.commit("b", "podinfo:2", _without_autoscaler)
    world.sync("b")
    world.step("prepare", "b")
    assert _autoscaler(world) is not None
    report = world.step("scale_down", "b")
    assert _autoscaler(world) is None
    assert _autoscaler(world, "by-hand") is not None
    assert report.notes[0] == (
        "HorizontalPodAutoscaler podinfo-primary is no longer asked for; it was removed"
    )
    assert world.deployment("podinfo-primary")["spec"]["replicas"] == 3


def test_an_autoscaler_of_the_primary_that_git_brings_stays(world: Any) -> None:
    world.initialise()
    spec = deepcopy(_autoscaler(world)["spec"])
    marks = {TRACKING_ANNOTATION: "podinfo:autoscaling/HorizontalPodAutoscaler:test/in-git"}
    metadata = {"name": "in-git", "namespace": "test", "annotations": marks}
    manifest = {"apiVersion": V2, "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}
    world.workloads.fenced_apply(manifest, world.fence(), manager=FIELD_MANAGER)
    world.step("scale_down")
    assert _autoscaler(world, "in-git") is not None


@pytest.mark.parametrize("turning_back", [True, False])
def test_the_autoscaler_stays_where_it_is_asked_for_or_the_release_did_not_stand(
    world: Any, turning_back: bool
) -> None:
    world.initialise()
    if turning_back:
        world.commit("a", "podinfo:2", _without_autoscaler)
    world.step("scale_down", turning_back=turning_back)
    assert _autoscaler(world) is not None


def test_a_late_attempt_does_not_unfinish_the_primary_that_another_has_made(world: Any) -> None:
    world.sync("a")
    fence = world.fence()
    before = world.workloads.get
    world.step("prepare", fence=fence)
    made = world.deployment("podinfo-primary")
    assert INITIALISING not in annotations(made)
    # It read the primary before it was finished, and only now comes to write.
    stale = deepcopy(made)
    stale["metadata"]["annotations"][INITIALISING] = "true"
    answers = [stale]
    world.workloads.get = lambda *asked: (
        answers.pop() if asked[1] == "Deployment" and answers else before(*asked)
    )
    world.step("prepare", fence=fence)
    assert INITIALISING not in annotations(world.deployment("podinfo-primary"))


def test_no_object_that_a_prepare_writes_obeys_an_older_one(world: Any) -> None:
    late = world.fence()
    world.initialise()
    objects = [
        world.deployment("podinfo-primary"),
        _autoscaler(world),
        *(world.service(name) for name in ("podinfo", "podinfo-primary", "podinfo-canary")),
        *(
            world.mesh.get("networking.istio.io/v1", "DestinationRule", "test", name)
            for name in ("podinfo-primary", "podinfo-canary")
        ),
    ]
    assert all(annotations(each)[FENCE_ANNOTATION] > str(late) for each in objects)

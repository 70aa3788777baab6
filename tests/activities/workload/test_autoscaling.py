"""The primary's autoscaler follows Git with the promotion, and goes back with it; KEDA pauses in between."""

from collections.abc import Callable
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from tidegate.domain.marks import SCALED_BY, annotations
from tidegate.domain.plan import Purpose
from tidegate.manifests.scaled_object import PAUSED
from tidegate.sandbox.inventory import definitions

V2 = ("autoscaling/v2", "HorizontalPodAutoscaler", "test")
KEDA = ("keda.sh/v1alpha1", "ScaledObject", "test")
CRD = next(each for each in definitions() if each["spec"]["group"] == "keda.sh")


def bounded(highest: int, **replicas: int) -> Callable[..., None]:
    """The manifests with another upper bound, and with the primary's own."""

    def change(deployment: Any, hpa: Any, canary: Any) -> None:
        hpa["spec"]["maxReplicas"] = highest
        if replicas:
            canary["spec"]["autoscalerRef"]["primaryScalerReplicas"] = replicas

    return change


def bounds(world: Any) -> tuple[int, int]:
    spec = world.workloads.get(*V2, "podinfo-primary")["spec"]
    return spec["minReplicas"], spec["maxReplicas"]


def release(world: Any, *steps: str, revision: str = "b") -> Any:
    return [world.step(step, revision) for step in steps][-1]


def test_the_primary_begins_with_the_bounds_of_its_own(world: Any) -> None:
    world.commit("a", change=bounded(4, minReplicas=3, maxReplicas=9))
    world.initialise()
    assert bounds(world) == (3, 9)
    assert world.deployment("podinfo-primary")["spec"]["replicas"] == 3
    world.step("scale_up")
    assert world.deployment("podinfo")["spec"]["replicas"] == 2


def test_an_initialisation_brings_the_bounds_of_git(world: Any) -> None:
    world.initialise()
    world.workloads.delete("apps/v1", "Deployment", "test", "podinfo-primary")
    world.commit("b", change=bounded(7))
    assert world.plan("b").plan.purpose is Purpose.INITIALISATION
    world.step("prepare", "b")
    assert bounds(world) == (2, 7)


def test_an_edit_of_the_autoscaler_comes_with_the_promotion(world: Any) -> None:
    world.initialise()
    world.commit("b", "podinfo:2", bounded(7))
    world.sync("b")
    release(world, "prepare", "scale_up")
    world.route(10, "b")
    assert bounds(world) == (2, 4)
    assert "HorizontalPodAutoscaler podinfo-primary is as in Git now" in release(world, "promote").notes
    assert bounds(world) == (2, 7)
    release(world, "scale_down", "restore")
    assert bounds(world) == (2, 7)


@pytest.mark.parametrize("undo", ["restore", "prepare"])
def test_a_promotion_that_does_not_stand_is_undone_with_its_autoscaler(world: Any, undo: str) -> None:
    world.initialise()
    world.commit("b", "podinfo:2", bounded(7))
    world.sync("b")
    release(world, "prepare", "scale_up", "promote", "promote", undo)
    assert (bounds(world), world.image("podinfo-primary")) == ((2, 4), "podinfo:1")


def test_an_edit_of_the_autoscaler_alone_comes_at_once(world: Any) -> None:
    world.initialise()
    world.commit("b", change=bounded(7))
    assert world.plan("b").plan.purpose is Purpose.UPKEEP
    report = release(world, "prepare")
    assert report.notes == ("HorizontalPodAutoscaler podinfo-primary is as in Git now",)
    assert (bounds(world), release(world, "prepare").notes) == ((2, 7), ())


def test_an_autoscaler_that_was_deleted_meanwhile_does_not_hold_the_way_back(world: Any) -> None:
    world.initialise()
    world.commit("b", "podinfo:2", bounded(7))
    world.sync("b")
    release(world, "prepare", "scale_up", "promote")
    world.workloads.delete(*V2, "podinfo-primary")
    release(world, "restore")
    assert world.image("podinfo-primary") == "podinfo:1"


def test_a_late_promotion_does_not_bring_its_autoscaler(world: Any) -> None:
    world.initialise()
    world.commit("b", "podinfo:2", bounded(7))
    world.sync("b")
    release(world, "prepare", "scale_up")
    late = world.fence()
    release(world, "restore")
    with pytest.raises(ApplicationError):
        world.step("promote", "b", fence=late)
    assert bounds(world) == (2, 4)


def scaled(deployment: Any, hpa: Any, canary: Any) -> None:
    """A ScaledObject in the HPA's place."""
    trigger = {"type": "prometheus", "metadata": {"query": 'up{app="podinfo"}', "threshold": "1"}}
    hpa |= {"apiVersion": KEDA[0], "kind": KEDA[1]}
    hpa["spec"] = {"scaleTargetRef": {"name": "podinfo"}, "minReplicaCount": 2, "triggers": [trigger]}
    canary["spec"]["autoscalerRef"] = {"kind": "ScaledObject", "name": "podinfo"}


@pytest.fixture
def keda(world: Any) -> Any:
    """A canary that KEDA scales, initialised."""
    world.workloads.apply(CRD, manager="keda")
    world.commit("a", change=scaled)
    world.workloads.apply(world.git["a"][1], manager="tidegate")
    world.initialise()
    return world


def is_paused(world: Any) -> bool:
    return PAUSED in annotations(world.workloads.get(*KEDA, "podinfo"))


def test_keda_is_paused_but_while_the_target_is_judged(keda: Any) -> None:
    assert is_paused(keda)
    keda.commit("b", "podinfo:2", scaled)
    keda.sync("b")
    release(keda, "prepare", "scale_up")
    assert not is_paused(keda)
    assert annotations(keda.deployment("podinfo"))[SCALED_BY] == "podinfo"
    release(keda, "promote", "scale_down")
    assert is_paused(keda)
    assert SCALED_BY not in annotations(keda.deployment("podinfo"))


def test_a_target_gets_no_pods_before_keda_goes_on(keda: Any) -> None:
    """KEDA would take them away; the target is marked, so that the way back pauses it again."""
    keda.workloads.delete(*KEDA, "podinfo")
    with pytest.raises(ApplicationError, match="ScaledObject test/podinfo"):
        keda.step("scale_up")
    target = keda.deployment("podinfo")
    assert (target["spec"]["replicas"], annotations(target)[SCALED_BY]) == (0, "podinfo")


def test_keda_is_paused_on_the_way_back_without_git(keda: Any) -> None:
    keda.step("scale_up")
    keda.git_down = True
    keda.step("scale_down", turning_back=True)
    assert is_paused(keda)


def test_the_primary_has_a_scaled_object_of_its_own(keda: Any) -> None:
    made = keda.workloads.get(*KEDA, "podinfo-primary")
    assert PAUSED not in annotations(made)
    assert made["spec"]["scaleTargetRef"]["name"] == "podinfo-primary"
    assert made["spec"]["triggers"][0]["metadata"]["query"] == 'up{app="podinfo-primary"}'
    assert keda.workloads.get(*V2, "podinfo-primary") is None


def test_an_hpa_that_gave_way_to_keda_goes(world: Any) -> None:
    world.initialise()
    world.workloads.apply(CRD, manager="keda")
    world.commit("b", "podinfo:2", scaled)
    world.workloads.apply(world.git["b"][1], manager="tidegate")
    world.sync("b")
    release(world, "prepare", "scale_up", "promote", "scale_down")
    assert world.workloads.get(*V2, "podinfo-primary") is None
    assert world.workloads.get(*KEDA, "podinfo-primary") is not None


def given_up(deployment: Any, hpa: Any, canary: Any) -> None:
    del canary["spec"]["autoscalerRef"]


@pytest.mark.parametrize("after", [bounded(4), given_up])
def test_a_scaled_object_that_was_given_up_goes_once_the_promotion_stands(keda: Any, after: Any) -> None:
    keda.workloads.delete(*KEDA, "podinfo")
    keda.commit("b", "podinfo:2", after)
    keda.sync("b")
    release(keda, "prepare", "scale_up")
    assert keda.route(10, "b").warnings == ()
    assert keda.workloads.get(*V2, "podinfo-primary") is None
    release(keda, "promote")
    assert keda.workloads.get(*KEDA, "podinfo-primary") is not None
    told = "ScaledObject podinfo-primary is no longer asked for; it was removed"
    assert told in release(keda, "scale_down").notes
    assert keda.workloads.get(*KEDA, "podinfo-primary") is None
    assert (keda.workloads.get(*V2, "podinfo-primary") is None) == (after is given_up)


@pytest.mark.parametrize("undo", ["restore", "prepare"])
def test_a_promotion_from_keda_that_does_not_stand_leaves_keda_alone(keda: Any, undo: str) -> None:
    keda.workloads.delete(*KEDA, "podinfo")
    keda.commit("b", "podinfo:2", bounded(4))
    keda.sync("b")
    release(keda, "prepare", "scale_up", "promote", undo)
    assert keda.image("podinfo-primary") == "podinfo:1"
    assert keda.workloads.get(*V2, "podinfo-primary") is None
    assert keda.workloads.get(*KEDA, "podinfo-primary") is not None


def test_a_scaled_object_gives_way_at_once_where_nothing_is_released(keda: Any) -> None:
    keda.commit("b", change=bounded(4))
    keda.sync("b")
    release(keda, "prepare", "scale_down")
    assert keda.workloads.get(*V2, "podinfo-primary") is not None
    assert keda.workloads.get(*KEDA, "podinfo-primary") is None


@pytest.mark.parametrize("after", [bounded(4), given_up])
def test_a_scaled_object_that_would_keep_the_target_at_0_is_named(keda: Any, after: Any) -> None:
    keda.commit("b", "podinfo:2", after)
    keda.sync("b")
    told = (
        "ScaledObject test/podinfo keeps podinfo at 0 replicas, and the Canary no longer refers to it; delete"
    )
    with pytest.raises(ApplicationError, match=told):
        release(keda, "prepare")


def test_a_cluster_without_keda_is_told_so(world: Any) -> None:
    world.commit("a", change=scaled)
    world.sync("a")
    with pytest.raises(ApplicationError, match=r"does not serve ScaledObject \(keda\.sh/v1alpha1\)"):
        world.step("prepare")

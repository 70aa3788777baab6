"""A DaemonSet's release on its clusters, step by step: pods go by Flagger's node selector, and come back."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from tests.activities.canary_world import BROKEN
from tests.activities.workload.test_configuration import configure, contents, refer
from tidegate.domain.errors import NotReady
from tidegate.domain.marks import JUDGED_TEMPLATE, PRIMARY, ROLLBACK, annotations
from tidegate.domain.plan import Purpose
from tidegate.domain.workload import DAEMON_SET, NO_NODE

FAST = {"disk": "ssd"}
NOWHERE = {NO_NODE: "true"}


def on_fast_disks(target: Any, hpa: Any, canary: Any) -> None:
    target["spec"]["template"]["spec"]["nodeSelector"] = FAST


def lenient(target: Any, hpa: Any, canary: Any) -> None:
    canary["spec"]["analysis"] |= {"primaryReadyThreshold": 50, "canaryReadyThreshold": 50}


def nodes(world: Any, name: str = "podinfo") -> Any:
    return world.deployment(name)["spec"]["template"]["spec"].get("nodeSelector")


def pods(world: Any, name: str = "podinfo") -> int:
    found: int = world.deployment(name)["status"]["currentNumberScheduled"]
    return found


@pytest.fixture
def released(daemons: Any) -> Any:
    """The second version beside the first one's primary, under judgement."""
    daemons.initialise()
    daemons.commit("b", "podinfo:2")
    daemons.sync("b")
    daemons.step("scale_up", "b")
    return daemons


def test_the_primary_serves_on_every_node_before_the_target_goes(daemons: Any) -> None:
    daemons.sync("a")
    report = daemons.step("prepare")
    assert report.notes == ("podinfo-primary serves with a pod on each of its nodes",)
    assert (pods(daemons), pods(daemons, "podinfo-primary")) == (2, 2)
    assert nodes(daemons) is None

    daemons.route(0)
    assert daemons.step("scale_down").notes == ("podinfo is scaled to 0",)
    assert (pods(daemons), nodes(daemons)) == (0, NOWHERE)
    assert pods(daemons, "podinfo-primary") == 2


def test_the_node_selector_of_git_is_kept_and_comes_back(daemons: Any) -> None:
    daemons.commit("a", change=on_fast_disks)
    daemons.initialise()
    assert (nodes(daemons), nodes(daemons, "podinfo-primary")) == (FAST | NOWHERE, FAST)
    daemons.commit("b", "podinfo:2", change=on_fast_disks)
    daemons.sync("b")
    assert pods(daemons) == 0

    assert daemons.step("scale_up", "b").notes == ("podinfo is ready with a pod on each of its nodes",)
    assert (nodes(daemons), pods(daemons)) == (FAST, 1)


def test_what_flagger_left_scaled_to_zero_is_scaled_up(daemons: Any) -> None:
    daemons.initialise()

    def as_flagger_leaves_it(live: Any) -> Any:
        live["metadata"]["annotations"] = {}
        return live

    daemons.change_deployment("podinfo", as_flagger_leaves_it, "flagger")
    assert daemons.plan("a").plan.purpose is Purpose.UPKEEP
    daemons.step("scale_up")
    assert (pods(daemons), nodes(daemons)) == (2, None)


def test_a_promotion_writes_template_and_strategy_without_the_selector(daemons: Any) -> None:
    daemons.initialise()

    def surging(target: Any, hpa: Any, canary: Any) -> None:
        rolling = {"maxSurge": 1, "maxUnavailable": 0}
        target["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
        on_fast_disks(target, hpa, canary)

    daemons.commit("b", "podinfo:2", change=surging)
    daemons.sync("b")
    daemons.step("scale_up", "b")
    daemons.step("promote", "b")
    primary = daemons.deployment("podinfo-primary")
    assert (daemons.image("podinfo-primary"), nodes(daemons, "podinfo-primary")) == ("podinfo:2", FAST)
    assert primary["spec"]["updateStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert pods(daemons, "podinfo-primary") == 1

    daemons.step("scale_down", "b")
    assert daemons.plan("b").plan.purpose is Purpose.UPKEEP


def test_an_unfinished_promotion_is_undone(released: Any) -> None:
    released.step("promote", "b")
    assert ROLLBACK in annotations(released.deployment("podinfo-primary"))
    assert "podinfo-primary was restored" in released.step("restore", "b").notes
    assert released.image("podinfo-primary") == "podinfo:1"
    released.step("scale_down", "b", turning_back=True)
    assert (pods(released), pods(released, "podinfo-primary")) == (0, 2)


def test_a_deleted_primary_is_made_anew_as_it_was(released: Any) -> None:
    before = released.deployment("podinfo-primary")
    released.workloads.delete("apps/v1", "DaemonSet", "test", "podinfo-primary")
    (warning,) = released.step("restore", "b").warnings
    assert warning == ("DaemonSet test/podinfo-primary was deleted by another writer; created anew as it was")
    assert released.deployment("podinfo-primary")["spec"] == before["spec"]


def test_what_is_judged_is_marked_and_unmarked(released: Any) -> None:
    assert {JUDGED_TEMPLATE, PRIMARY} <= annotations(released.deployment("podinfo")).keys()
    released.step("scale_down", "b", turning_back=True)
    assert not {JUDGED_TEMPLATE, PRIMARY} & annotations(released.deployment("podinfo")).keys()


def test_a_target_that_was_edited_in_the_analysis_is_not_promoted(released: Any) -> None:
    def edited(live: Any) -> Any:
        live["spec"]["template"]["spec"]["nodeSelector"] = FAST
        return live

    released.change_deployment("podinfo", edited, "kubectl-edit")
    with pytest.raises(ApplicationError, match="was changed by kubectl-edit during the analysis"):
        released.step("promote", "b")


def test_pods_that_somebody_takes_away_in_the_analysis_end_it(released: Any) -> None:
    released.change_deployment("podinfo", lambda live: DAEMON_SET.at_rest(live, live), "kubectl-edit")
    with pytest.raises(ApplicationError, match="was scaled to 0 by kubectl-edit during the analysis"):
        released.route(10, "b")


def test_pods_that_are_not_ready_are_named(daemons: Any) -> None:
    daemons.initialise()
    daemons.commit("b", BROKEN)
    daemons.sync("b")
    with pytest.raises(ApplicationError) as raised:
        daemons.step("scale_up", "b", deadline_seconds=0.5)
    assert raised.value.type == NotReady.__name__
    assert str(raised.value).endswith("0 of 2 pods are available; 2 pods ErrImagePull: no podinfo:broken")


def test_a_selector_that_no_node_has_is_named(daemons: Any) -> None:
    daemons.initialise()

    def elsewhere(target: Any, hpa: Any, canary: Any) -> None:
        target["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "none"}

    daemons.commit("b", "podinfo:2", change=elsewhere)
    daemons.sync("b")
    with pytest.raises(ApplicationError, match="no node takes its pods"):
        daemons.step("scale_up", "b", deadline_seconds=0.5)


def test_a_threshold_lets_some_pods_be_missing(daemons: Any) -> None:
    daemons.initialise()
    daemons.commit("b", "podinfo:half-broken", change=lenient)
    daemons.sync("b")
    _, few = daemons.step("scale_up", "b").notes
    assert few == "podinfo: 1 of 2 replicas are available, and 50% are enough"


def test_a_changed_configuration_alone_is_a_release(daemons: Any) -> None:
    configure(daemons, "blue")
    daemons.commit("a", change=refer)
    daemons.initialise()
    first = contents(daemons)["metadata"]["name"]
    configure(daemons, "green")
    result = daemons.plan("a")
    assert (result.plan.purpose, "ConfigMap config has changed" in result.reason) == (Purpose.RELEASE, True)

    daemons.step("scale_up")
    daemons.step("promote")
    assert contents(daemons)["data"] == {"value": "green"}
    daemons.step("scale_down")
    assert daemons.workloads.get("v1", "ConfigMap", "test", first) is None


def test_a_target_that_becomes_another_kind_is_not_served_beside_the_first(daemons: Any) -> None:
    daemons.initialise()
    daemons.kind = "Deployment"
    daemons.commit("b")
    with pytest.raises(ApplicationError) as raised:
        daemons.plan("b")
    assert str(raised.value).endswith(
        "DaemonSet test/podinfo-primary still serves, and the target is a Deployment now: run `tidegate "
        "uninstall` at the revision that was released last, start again, and then delete the DaemonSet "
        "podinfo"
    )


def test_a_workload_that_a_service_replaces_as_the_target_still_serves(daemons: Any) -> None:
    """There is a Service of the primary's name, and it is that workload's."""
    daemons.initialise()
    daemons.kind = "Service"
    daemons.commit("b")
    with pytest.raises(ApplicationError, match="DaemonSet test/podinfo-primary still serves, and the target"):
        daemons.plan("b")

"""One canary on two clusters: what waits for both, and whose word counts when a promotion was cut off."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import release_request
from tidegate.contracts import StepReport
from tidegate.domain.manifest import ObjectRef
from tidegate.domain.marks import FURTHER, annotations
from tidegate.domain.plan import Purpose
from tidegate.manifests import promotion

BOTH = ("mesh02", "mesh03")
NEW, OLD = "podinfo:2", "podinfo:1"
PRIMARY = ObjectRef(api_version="apps/v1", kind="Deployment", namespace="test", name="podinfo-primary")


def steps(wide: Any, name: str, revision: str = "a", clusters: Any = BOTH, **more: Any) -> list[StepReport]:
    """A step in clusters, by one command."""
    fence, reports = wide.fence(), []
    for cluster in clusters:
        with wide.within(cluster):
            reports.append(wide.step(name, revision, fence=fence, **more))
    return reports


def sync(wide: Any, revision: str) -> None:
    for cluster in BOTH:
        with wide.within(cluster):
            wide.sync(revision)


def primaries(wide: Any) -> list[str]:
    found = []
    for cluster in BOTH:
        with wide.within(cluster):
            found.append(wide.image("podinfo-primary"))
    return found


def initialise(wide: Any, revision: str = "a") -> None:
    sync(wide, revision)
    steps(wide, "prepare", revision)
    wide.route(0, revision)
    steps(wide, "scale_down", revision)


@pytest.fixture
def promoted(wide: Any) -> Any:
    """Both primaries run the new version, and nothing of it is final."""
    initialise(wide)
    wide.epoch += 1000
    wide.commit("b", NEW)
    sync(wide, "b")
    steps(wide, "prepare", "b")
    steps(wide, "scale_up", "b")
    steps(wide, "promote", "b")
    assert primaries(wide) == [NEW, NEW]
    return wide


def test_the_routes_wait_for_the_primaries_of_both_and_name_the_clusters(wide: Any) -> None:
    sync(wide, "a")
    assert wide.plan("a").plan.purpose is Purpose.INITIALISATION
    steps(wide, "prepare", clusters=("mesh02",))
    (note,) = wide.route(0).notes
    assert (note, wide.routes()) == (
        "podinfo-primary does not serve yet: the traffic was left as it is",
        None,
    )
    steps(wide, "prepare", clusters=("mesh03",))
    wide.route(0)
    assert annotations(wide.routes())[FURTHER] == "mesh03"
    assert wide.plan("a").plan.purpose is Purpose.UPKEEP


def test_no_canary_gets_traffic_while_one_cluster_has_no_target(wide: Any) -> None:
    initialise(wide)
    steps(wide, "scale_up")
    with wide.within("mesh03"):
        wide.workloads.delete("apps/v1", "Deployment", "test", "podinfo")
    with pytest.raises(ApplicationError, match="mesh03: Deployment test/podinfo was deleted by"):
        wide.route(10)
    assert wide.weights() == [100, 0]


def test_a_cluster_joins_by_a_release_of_the_same_version_and_of_no_other(wide: Any) -> None:
    wide.further = ()
    wide.initialise()
    wide.further = ("mesh03",)
    wide.commit("b", NEW)
    with pytest.raises(ApplicationError, match="there is no primary in mesh03 yet"):
        wide.plan("b")
    assert wide.plan("a").plan.purpose is Purpose.INITIALISATION
    sync(wide, "a")
    steps(wide, "prepare", "a")
    assert annotations(wide.routes())[FURTHER] == "mesh03"
    initialise(wide)
    assert (primaries(wide), wide.weights()) == ([OLD, OLD], [100, 0])


def test_a_promotion_that_is_final_nowhere_is_undone_in_both(promoted: Any) -> None:
    steps(promoted, "restore", "b")
    assert primaries(promoted) == [OLD, OLD]


def test_a_promotion_that_is_final_in_the_destination_stands_in_both(promoted: Any) -> None:
    steps(promoted, "scale_down", "b", clusters=("mesh02",))
    home, further = steps(promoted, "restore", "b")
    assert primaries(promoted) == [NEW, NEW]
    assert home.promoted_by == further.promoted_by != 0
    assert further.notes == ("podinfo-primary keeps what was promoted: in cluster mesh02 it is final",)


@pytest.mark.parametrize("attempt", [1, 20])
def test_a_further_cluster_waits_until_the_destination_has_decided(
    promoted: Any, monkeypatch: pytest.MonkeyPatch, attempt: int
) -> None:
    fence = promoted.fence()
    told: list[str] = []

    def decides(said: str) -> None:
        if not told:
            home = promoted.clusters.cluster("mesh02")
            home.fenced_update(PRIMARY, fence, promotion.settled, manager="tidegate-canary")
        told.append(said)

    monkeypatch.setattr("activities.agreement.late_heartbeat", lambda: decides)
    with promoted.within("mesh03"):
        promoted.step("restore", "b", fence=fence, attempt=attempt)
    assert told[0] == "what podinfo-primary runs is not decided yet in cluster mesh02"
    assert primaries(promoted) == [NEW, NEW]


def test_it_goes_back_when_that_never_decides(promoted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.agreement._PATIENCE_SECONDS", 0.5)
    steps(promoted, "restore", "b", clusters=("mesh03",))
    assert primaries(promoted) == [NEW, OLD]


def test_without_the_destination_a_further_cluster_decides_nothing(promoted: Any) -> None:
    promoted.lose_workloads()
    with pytest.raises(ApplicationError) as error:
        steps(promoted, "restore", "b", clusters=("mesh03",), attempt=20)
    assert error.value.type == "Unreachable"


def test_a_release_after_that_follows_the_destination_too(promoted: Any) -> None:
    steps(promoted, "scale_down", "b", clusters=("mesh02",))
    steps(promoted, "prepare", "b")
    assert primaries(promoted) == [NEW, NEW]
    assert promoted.plan("b").plan.purpose is Purpose.UPKEEP


def test_a_recovery_sees_the_faults_of_each_cluster_by_the_mark_alone(promoted: Any) -> None:
    steps(promoted, "scale_down", "b", clusters=("mesh02",))
    promoted.route(50, "b")
    (remains,) = promoted.find(release_request("b")).canaries
    assert remains.ref.owner.further_clusters == ("mesh03",)
    assert set(remains.faults) == {
        "traffic 50/50",
        "mesh02: podinfo has 2 replicas",
        "mesh03: podinfo-primary has an unfinished promotion",
        "mesh03: podinfo has 2 replicas",
    }


def test_an_uninstallation_gives_back_both_and_the_routes_last(wide: Any) -> None:
    initialise(wide)
    for step in ("raise_target", "hand_over"):
        for cluster in BOTH:
            with wide.within(cluster):
                wide.uninstall(step)
    for cluster in reversed(BOTH):
        assert FURTHER in annotations(wide.routes())
        with wide.within(cluster):
            wide.uninstall("remove")
            assert (wide.deployment("podinfo-primary"), wide.image("podinfo")) == (None, OLD)
    assert FURTHER not in annotations(wide.routes())

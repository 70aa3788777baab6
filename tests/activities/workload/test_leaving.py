"""A cluster that never served can be left, one that serves cannot; one that is gone holds up no way back."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.rollout import await_rollout
from tests.activities.canary_world import BROKEN
from tests.activities.workload.test_clusters import BOTH, NEW, OLD, initialise, steps, sync
from tests.workflows.neighbours import release_request
from tidegate.domain.errors import AccessDenied, TidegateError, Unreachable
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.domain.marks import FURTHER, annotations


@pytest.fixture
def joining(wide: Any) -> Any:
    """mesh02 serves, and mesh03 was named with another version: the routes bear its mark already."""
    wide.further = ()
    wide.initialise()
    wide.further, wide.epoch = ("mesh03",), wide.epoch + 1000
    wide.commit("b", NEW)
    wide.route(0, "b")
    sync(wide, "b")
    with pytest.raises(ApplicationError, match="or leave mesh03 out"):
        wide.plan("b")
    wide.epoch += 1000
    return wide


def marks(wide: Any) -> str | None:
    return annotations(wide.routes()).get(FURTHER)


def mark(wide: Any, clusters: str) -> None:
    """Have the routes name these clusters."""

    def marked(live: Manifest) -> Manifest:
        return live | {
            "metadata": live["metadata"] | {"annotations": annotations(live) | {FURTHER: clusters}}
        }

    wide.mesh.fenced_update(ref_of(wide.routes()), wide.fence(), marked, manager="tidegate-canary")


def gone(wide: Any, monkeypatch: pytest.MonkeyPatch, error: TidegateError) -> None:
    """mesh03 answers so."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(wide.clusters.cluster("mesh03"), "get", refuse)


def test_a_cluster_that_did_not_join_is_left_and_the_next_release_goes_on(joining: Any) -> None:
    assert marks(joining) == "mesh03"
    joining.further = ()
    (warning,) = joining.survey("b").warnings
    assert warning.startswith("cluster mesh03 is left, and keeps what was applied there: podinfo with 1 rep")
    assert "`kubectl --context mesh03 -n test delete deployment podinfo`" in warning
    joining.route(0, "b")
    assert marks(joining) is None
    assert joining.plan("b").plan.purpose == "release"


def test_one_whose_primary_never_got_ready_is_left_as_well(wide: Any) -> None:
    wide.further = ()
    wide.initialise()
    wide.further, wide.epoch = ("mesh03",), wide.epoch + 1000
    wide.commit("a", BROKEN)
    wide.route(0)
    with pytest.raises(ApplicationError, match="podinfo-primary"):
        steps(wide, "prepare", clusters=("mesh03",), deadline_seconds=0.5)
    assert marks(wide) == "mesh03"
    wide.further = ()
    wide.survey("a")
    wide.route(0)
    assert marks(wide) is None


def test_a_service_that_never_led_to_anybody_is_left_as_well(wide_selections: Any) -> None:
    wide = wide_selections
    wide.further = ()
    wide.initialise()
    wide.further, wide.epoch = ("mesh03",), wide.epoch + 1000
    wide.commit("a", "podinfo:nowhere")
    wide.route(0)
    with pytest.raises(ApplicationError, match="podinfo-primary is not ready"):
        steps(wide, "prepare", clusters=("mesh03",), deadline_seconds=0.5)
    wide.further = ()
    (warning,) = wide.survey("a").warnings
    assert "`kubectl --context mesh03 -n test delete service podinfo-primary`" in warning
    wide.route(0)
    assert marks(wide) is None


def test_a_service_that_was_cut_off_after_the_one_beside_it_is_not(wide_selections: Any) -> None:
    initialise(wide_selections)
    with wide_selections.within("mesh03"):
        wide_selections.workloads.delete("v1", "Service", "test", "podinfo-primary")
    wide_selections.further = ()
    with pytest.raises(ApplicationError, match="serves in mesh03 too"):
        wide_selections.survey("a")


@pytest.mark.parametrize("made", [True, False], ids=["half-made", "not begun"])
@pytest.mark.parametrize("routed", [True, False], ids=["with routes", "without"])
def test_a_late_step_makes_nobody_serve_in_a_cluster_that_was_left(
    wide: Any, monkeypatch: pytest.MonkeyPatch, made: bool, routed: bool
) -> None:
    """Its worker was cut off while it waited for the primary's pods."""
    if routed:
        wide.further = ()
        wide.initialise()
        wide.further, wide.epoch = ("mesh03",), wide.epoch + 1000
        wide.route(0)
    else:
        sync(wide, "a")
        wide.commit("ill", BROKEN)
        with pytest.raises(ApplicationError, match="podinfo-primary"):
            steps(wide, "prepare", "ill", clusters=("mesh02",), deadline_seconds=0.5)

    def left_meanwhile(*arguments: Any) -> tuple[str, ...]:
        primary = wide.deployment("podinfo-primary")
        if not made:
            wide.workloads.delete("apps/v1", "Deployment", "test", "podinfo-primary")
        wide.at, wide.further, wide.epoch = "", (), wide.epoch + 1000
        wide.survey("a")
        wide.route(0)
        if not made:
            metadata = {key: primary["metadata"][key] for key in ("name", "namespace", "annotations")}
            wide.workloads.create(primary | {"metadata": metadata, "status": {}}, manager="tidegate-canary")
        return await_rollout(*arguments)

    monkeypatch.setattr("activities.readiness.await_rollout", left_meanwhile)
    with wide.within("mesh03"):
        with pytest.raises(ApplicationError, match="obeyed command") as raised:
            wide.step("prepare")
        assert raised.value.type == "StaleCommand"
        assert wide.service("podinfo-primary") is None


def test_one_that_serves_is_not(wide: Any) -> None:
    initialise(wide)
    wide.further = ()
    with pytest.raises(ApplicationError, match="podinfo-primary serves in mesh03 too, which the Application"):
        wide.survey("a")


def test_one_that_was_cut_off_after_its_services_is_not(wide: Any) -> None:
    initialise(wide)
    with wide.within("mesh03"):
        wide.workloads.delete("apps/v1", "Deployment", "test", "podinfo-primary")
    wide.further = ()
    with pytest.raises(ApplicationError, match="serves in mesh03 too"):
        wide.survey("a")


def test_one_that_is_away_is_waited_for(wide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    initialise(wide)
    gone(wide, monkeypatch, Unreachable("cluster mesh03", "gone"))
    wide.further = ()
    with pytest.raises(ApplicationError, match=r"mesh03 too.*: cluster mesh03 is out") as raised:
        wide.survey("a")
    assert not raised.value.non_retryable


@pytest.mark.parametrize(
    "error", [Unreachable("cluster mesh03", "gone"), AccessDenied("cluster mesh03", "no")]
)
def test_one_that_gives_no_answer_is_refused_with_the_way_to_forget_it(
    wide: Any, monkeypatch: pytest.MonkeyPatch, error: TidegateError
) -> None:
    initialise(wide)
    gone(wide, monkeypatch, error)
    wide.further, wide.waited_seconds = (), 301.0
    with pytest.raises(
        ApplicationError, match=f"may serve in mesh03 too.*: {error}; .* gone for good"
    ) as raised:
        wide.survey("a")
    assert raised.value.type == "InvalidInput"
    assert f"{FURTHER} of VirtualService test/podinfo in cluster asm" in str(raised.value)


def test_an_uninstallation_needs_nobody_in_a_cluster_that_did_not_join(joining: Any) -> None:
    for step in ("raise_target", "hand_over"):
        for cluster in BOTH:
            with joining.within(cluster):
                joining.uninstall(step)
    for cluster in reversed(BOTH):
        with joining.within(cluster):
            joining.uninstall("remove")
            assert joining.deployment("podinfo-primary") is None
    assert (marks(joining), joining.image("podinfo")) == (None, OLD)


@pytest.fixture
def half_made(wide: Any) -> Any:
    """A first release made mesh03's primary; that of mesh02 did not get ready, so there are no routes."""
    sync(wide, "a")
    wide.commit("ill", BROKEN)
    with pytest.raises(ApplicationError, match="podinfo-primary"):
        steps(wide, "prepare", "ill", clusters=("mesh02",), deadline_seconds=0.5)
    steps(wide, "prepare", clusters=("mesh03",))
    assert wide.routes() is None
    wide.further = ()
    return wide


def test_a_cluster_that_served_before_there_were_routes_is_not_left(half_made: Any) -> None:
    with pytest.raises(ApplicationError, match="podinfo-primary serves in mesh03 too, which the Application"):
        half_made.survey("a")
    half_made.further = ("mesh03",)
    half_made.survey("a")


def test_such_a_cluster_is_forgotten_by_the_mark_on_the_primary(
    half_made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone(half_made, monkeypatch, AccessDenied("cluster mesh03", "no"))
    with pytest.raises(ApplicationError, match="Deployment test/podinfo-primary in cluster mesh02"):
        half_made.survey("a")


def test_a_recovery_finds_such_a_cluster(half_made: Any) -> None:
    (remains,) = half_made.find(release_request("a")).canaries
    assert remains.ref.owner.further_clusters == ("mesh03",)
    assert "mesh03: VirtualService podinfo is missing" in remains.faults


def test_once_there_are_routes_their_mark_alone_counts(wide: Any) -> None:
    initialise(wide)
    mark(wide, "")
    assert annotations(wide.deployment("podinfo-primary"))[FURTHER] == "mesh03"
    wide.further = ()
    wide.survey("a")
    (remains,) = wide.find(release_request("a")).canaries
    assert remains.ref.owner.further_clusters == ()


def names_mesh09(wide: Any, _: pytest.MonkeyPatch) -> str:
    """It is out of the settings."""
    mark(wide, "mesh03,mesh09")
    return "mesh09: "


def denies(wide: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    gone(wide, monkeypatch, AccessDenied("cluster mesh03", "expired"))
    return "mesh03: cluster mesh03 denied access: expired"


@pytest.mark.parametrize("lose", [names_mesh09, denies])
def test_a_recovery_names_a_cluster_that_is_gone_and_routes_the_traffic_home(
    wide: Any, monkeypatch: pytest.MonkeyPatch, lose: Any
) -> None:
    initialise(wide)
    wide.epoch += 1000
    wide.route(50)
    fault = lose(wide, monkeypatch)
    (remains,) = wide.find(release_request("a"), by_marks_alone=True).canaries
    assert "traffic 50/50" in remains.faults
    assert [each for each in remains.faults if each.startswith(fault)]
    wide.further = remains.ref.owner.further_clusters
    wide.route(0, turning_back=True)
    assert wide.weights() == [100, 0]

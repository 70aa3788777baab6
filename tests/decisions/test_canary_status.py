"""What kubectl reads of a canary, in Flagger's fields and words, and by Flagger's own schema."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from tests.tiers import DEFINITIONS
from tidegate.contracts import ApplicationRef, CanaryRef, Fence, PublishCommand, SourceRef, Standing
from tidegate.decisions.canary_status import canary_status, ended_status, terminated_status
from tidegate.domain.plan import Published
from tidegate.domain.release import Phase
from tidegate.sandbox.cluster_api.structural import problems, prune

SOURCE = SourceRef(repo_url="https://git.test/podinfo.git", sha="a" * 40, path=".")
OWNER = ApplicationRef(application="podinfo", cluster="mesh02", namespace="test", source=SOURCE)
REF = CanaryRef(owner=OWNER, namespace="test", name="podinfo")
NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, UTC)
LATER = NOON + timedelta(minutes=1)
PUBLISHED = Published(
    revision="new", promoted="old", configuration={"ConfigMap flags": "0a1b", "Secret key": "2c"}
)


def told(phase: Phase, at: datetime = NOON, **standing: Any) -> PublishCommand:
    return PublishCommand(
        ref=REF,
        fence=Fence(epoch=1, sequence=1),
        at=at,
        published=PUBLISHED,
        standing=Standing(phase=phase, **standing),
    )


def test_a_status_has_flaggers_fields() -> None:
    command = told(Phase.PROGRESSING, weight=20, failed_checks=1, iterations=3)
    assert canary_status(command, None) == {
        "phase": "Progressing",
        "canaryWeight": 20,
        "failedChecks": 1,
        "iterations": 3,
        "lastAppliedSpec": "new",
        "lastPromotedSpec": "old",
        "lastTransitionTime": "2026-11-23T12:00:00Z",
        "trackedConfigs": {"configmap/flags": "0a1b", "secret/key": "2c"},
        "conditions": [
            {
                "type": "Promoted",
                "status": "Unknown",
                "reason": "Progressing",
                "message": "New revision detected, progressing canary analysis.",
                "lastUpdateTime": "2026-11-23T12:00:00.250000Z",
                "lastTransitionTime": "2026-11-23T12:00:00Z",
            }
        ],
    }


@pytest.mark.parametrize(
    ("phase", "shown", "promoted", "spec"),
    [
        (Phase.INITIALIZING, "Initializing", "Unknown", "old"),
        (Phase.INITIALIZED, "Initialized", "True", "new"),
        (Phase.WAITING, "Waiting", "Unknown", "old"),
        (Phase.PROGRESSING, "Progressing", "Unknown", "old"),
        (Phase.PAUSED, "Progressing", "Unknown", "old"),
        (Phase.WAITING_PROMOTION, "WaitingPromotion", "Unknown", "old"),
        (Phase.PROMOTING, "Promoting", "Unknown", "old"),
        (Phase.FINALISING, "Finalising", "Unknown", "old"),
        (Phase.SUCCEEDED, "Succeeded", "True", "new"),
        (Phase.UNCHANGED, "Succeeded", "True", "new"),
        (Phase.ROLLING_BACK, "Progressing", "Unknown", "old"),
        (Phase.FAILED, "Failed", "False", "old"),
        (Phase.ABORTED, "Failed", "False", "old"),
        (Phase.SUPERSEDED, "Failed", "False", "old"),
        (Phase.INVALID, "Failed", "False", "old"),
    ],
)
def test_every_phase_has_flaggers_word_and_the_published_schema(
    phase: Phase, shown: str, promoted: str, spec: str
) -> None:
    status = canary_status(told(phase, weight=50, failed_checks=1), {})
    (condition,) = status["conditions"]
    assert (status["phase"], status["lastPromotedSpec"]) == (shown, spec)
    assert (condition["status"], condition["reason"]) == (promoted, shown)
    check_schema(status)


def check_schema(status: dict[str, Any]) -> None:
    if not DEFINITIONS.is_dir():
        pytest.skip(f"needs the published CustomResourceDefinitions in {DEFINITIONS}")
    canaries = next(yaml.safe_load_all((DEFINITIONS / "flagger.yaml").read_text()))
    schema = canaries["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert list(problems(status, schema)) == []
    assert prune(deepcopy(status), schema) == []


def test_an_end_says_why() -> None:
    status = canary_status(told(Phase.FAILED, reason="rolled back: success rate 66% < 99%"), {})
    assert status["conditions"][0]["message"] == "rolled back: success rate 66% < 99%"


def test_what_others_keep_in_the_status_stays() -> None:
    ready = {"type": "Ready", "status": "True", "reason": "Well"}
    before = {"sessionAffinityCookie": "tide-1", "conditions": [ready]}
    status = canary_status(told(Phase.PROGRESSING), before)
    assert (status["sessionAffinityCookie"], status["conditions"][0]) == ("tide-1", ready)


@pytest.mark.parametrize("before", ["nonsense", {"conditions": "none"}, {"conditions": [1]}, {"phase": 7}])
def test_a_status_that_somebody_has_broken_is_written_anew(before: object) -> None:
    assert canary_status(told(Phase.PROGRESSING), before)["phase"] == "Progressing"


def test_the_same_standing_is_not_written_again() -> None:
    before = canary_status(told(Phase.PROGRESSING, weight=10), {})
    assert canary_status(told(Phase.PROGRESSING, LATER, weight=10), before) == before


def test_the_condition_changes_its_time_with_its_status_alone() -> None:
    before = canary_status(told(Phase.PROGRESSING, weight=10), {})
    waits = canary_status(told(Phase.WAITING_PROMOTION, LATER, weight=50), before)
    assert waits["lastTransitionTime"] == "2026-11-23T12:01:00Z"
    assert waits["conditions"][0]["lastTransitionTime"] == "2026-11-23T12:00:00Z"
    ends = canary_status(told(Phase.SUCCEEDED, LATER), waits)
    assert ends["conditions"][0]["lastTransitionTime"] == "2026-11-23T12:01:00Z"


def test_a_late_attempt_does_not_go_back_to_what_was() -> None:
    ended = canary_status(told(Phase.FAILED, LATER), {})
    assert canary_status(told(Phase.PROGRESSING, NOON, weight=10), ended) == ended


@pytest.mark.parametrize("at", ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00.5", "soon", None])
def test_the_times_of_other_writers_bar_nobody(at: str | None) -> None:
    before = {"phase": "Succeeded", "conditions": [{"type": "Promoted", "lastUpdateTime": at}]}
    assert canary_status(told(Phase.PROGRESSING), before)["phase"] == "Progressing"


def test_nothing_to_release_leaves_an_initialised_canary_so() -> None:
    before = canary_status(told(Phase.INITIALIZED), {})
    assert canary_status(told(Phase.UNCHANGED, LATER), before)["phase"] == "Initialized"


@pytest.mark.parametrize(("runs", "phase"), [("old", "Failed"), ("new", "Succeeded"), ("", "Failed")])
def test_a_canary_that_was_cut_off_ends_as_its_primary_says(runs: str, phase: str) -> None:
    before = canary_status(told(Phase.PROGRESSING, weight=30, iterations=2), {})
    status = ended_status(before, runs, LATER)
    assert (status["phase"], status["canaryWeight"], status["iterations"]) == (phase, 0, 0)
    assert status["conditions"][0]["reason"] == phase
    check_schema(status)


def test_a_promotion_that_was_not_undone_yet_is_no_success() -> None:
    before = canary_status(told(Phase.PROMOTING), {})
    status = ended_status(before, None, LATER)
    assert (status["phase"], status["lastPromotedSpec"]) == ("Failed", "old")


def test_a_late_end_changes_nothing_of_what_was_shown_since() -> None:
    shown = canary_status(told(Phase.PROGRESSING, at=LATER), {})
    assert ended_status(shown, "old", NOON) == shown
    assert terminated_status(shown, NOON) == shown


def test_a_canary_that_is_not_under_way_has_no_other_end() -> None:
    before = canary_status(told(Phase.SUCCEEDED), {})
    assert ended_status(before, "old", LATER) == before
    assert ended_status({}, "old", LATER) == {}


def test_an_uninstalled_canary_is_terminated_once() -> None:
    status = terminated_status(canary_status(told(Phase.SUCCEEDED), {}), LATER)
    assert (status["phase"], status["conditions"][0]["status"]) == ("Terminated", "Unknown")
    check_schema(status)
    assert terminated_status(status, LATER + timedelta(minutes=1)) == status
    assert terminated_status({}, LATER) == {}

"""What people see, letter by letter, on a terminal of 80 columns."""

import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tidegate.cli.changes import changes
from tidegate.cli.observation import Observation, Retry
from tidegate.cli.output import Output
from tidegate.cli.views import costs, outcome_view, plan_view, release_view
from tidegate.contracts import (
    CanaryOutcome,
    CanaryStatus,
    Note,
    ObjectOutcome,
    ReleaseOutcome,
    ReleaseStatus,
    StageTiming,
)
from tidegate.decisions.narration import release_reason
from tidegate.domain.freeze_rule import FreezeRule
from tidegate.domain.plan import Bake, Freeze, Plan, Prepare, Promote, Purpose, Route
from tidegate.domain.release import Outcome, Phase, worst
from tidegate.domain.verdict import LoadReport, Result, Verdict

SHA = "3f2a1b9c" + "0" * 32
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

VERDICTS = (
    Verdict(
        check="request-success-rate",
        result=Result.PASSED,
        reason="success rate 99.93% >= 99%",
        value=99.93,
        unit="%",
    ),
    Verdict(check="latency", result=Result.FAILED, reason="P99 612ms > 500ms", value=612.0, unit="ms"),
    Verdict(check="errors", result=Result.INCONCLUSIVE, reason="no values found"),
)
CANARY = CanaryStatus(
    canary="podinfo.test",
    cluster="mesh02",
    revision=SHA,
    phase=Phase.PROGRESSING,
    weight=15,
    stage=8,
    stages=26,
    doing="Bake 2s at 15%, 3 checks, load",
    waiting_for="the bake",
    verdicts=VERDICTS,
    load=LoadReport(requests=84, seconds=2, rate=42, codes={"200": 83, "500": 1}, p99_ms=23.2),
    failed_checks=1,
    threshold=5,
    notes=(
        Note(at=NOON, text="Halt podinfo.test advancement " + "latency 612ms > 500ms, " * 4, warning=True),
    ),
)
RELEASE = ReleaseStatus(
    application="podinfo",
    cluster="mesh02",
    namespace="test",
    revision="latest",
    sha=SHA,
    phase=Phase.RELEASING,
    queued=("v3",),
    warnings=("hpa.yaml: autoscaling/v2beta1 is no longer served",),
)
SEEN = Observation(
    workflow_id="release/mesh02/test/podinfo",
    run_id="1",
    started=NOON,
    release=RELEASE,
    canaries=(CANARY,),
    retries=(Retry(activity="metrics.judge", attempt=3, failure="prometheus is out of reach: refused"),),
)


def drawn(renderable: RenderableType) -> str:
    console = Console(
        file=io.StringIO(), width=80, force_terminal=False, markup=False, highlight=False, emoji=False
    )
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are shown in the reader's own zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def test_a_release_in_mid_bake() -> None:
    assert (
        drawn(release_view(SEEN, now=NOON + timedelta(seconds=65)))
        == """\
podinfo 3f2a1b9c to mesh02/test  Releasing  1m05s
  warning: hpa.yaml: autoscaling/v2beta1 is no longer served
  queued behind it: v3

podinfo.test  Progressing
  progress  ━━━━━━━━━─────────────────────  stage 8/26
  traffic   ██████████████████████████▒▒▒▒  85/15 primary/canary
  now       Bake 2s at 15%, 3 checks, load
  ✓ request-success-rate 99.93% success rate 99.93% >= 99%
  ✗ latency              612 ms P99 612ms > 500ms
  ? errors                      no values found
  failed checks 1/5
  load      84 requests, 42.0/s, P99 23.2 ms, 200: 83, 500: 1
  waits for the bake
  12:00:00 warning: Halt podinfo.test advancement latency 612ms > 500ms, latency
612ms > 500ms, latency 612ms > 500ms, latency 612ms > 500ms,
retrying metrics.judge, attempt 3: prometheus is out of reach: refused"""
    )


def test_a_release_that_no_worker_answers_for() -> None:
    silent = SEEN.model_copy(update={"release": None, "canaries": (), "retries": ()})
    assert (
        drawn(release_view(silent, now=NOON + timedelta(hours=2, minutes=3)))
        == "release/mesh02/test/podinfo  no worker answers  2h03m"
    )


def test_a_paused_canary_says_so() -> None:
    paused = CANARY.model_copy(update={"paused": True})
    assert "podinfo.test  Progressing, paused" in drawn(
        release_view(SEEN.model_copy(update={"canaries": (paused,)}))
    )


def test_a_release_that_was_rolled_back() -> None:
    outcome = ReleaseOutcome(
        application="podinfo",
        outcome=Outcome.ROLLED_BACK,
        reason="podinfo.test: failed checks threshold reached 5",
        revision="latest",
        sha=SHA,
        seconds=65,
        canaries=(
            CanaryOutcome(
                canary="podinfo.test",
                outcome=Outcome.ROLLED_BACK,
                reason="failed checks threshold reached 5",
                seconds=61,
                stages=(
                    StageTiming(stage="Scale up target", seconds=1.5),
                    StageTiming(stage="Bake 2s at 5%, 1 check", seconds=10.04),
                ),
            ),
        ),
        objects=tuple(
            ObjectOutcome(object=f"Deployment test/{name}", cluster="mesh02", action=action)
            for name, action in (("a", "configured"), ("b", "unchanged"), ("c", "unchanged"))
        ),
    )
    assert (
        drawn(outcome_view(outcome))
        == """\
podinfo 3f2a1b9c: rolled back in 1m05s; podinfo.test: failed checks threshold
reached 5
  podinfo.test took 10.0s in bake, 1.5s in scale up target
  synced 1 configured, 2 unchanged"""
    )


BROKEN = "2 of 2 failed checks"


def _ended(name: str, outcome: Outcome, reason: str) -> CanaryOutcome:
    return CanaryOutcome(canary=name, outcome=outcome, reason=reason, seconds=8)


@pytest.mark.parametrize(
    ("canaries", "said"),
    [
        (
            [
                _ended("backend.pair", Outcome.ROLLED_BACK, BROKEN),
                _ended("frontend.pair", Outcome.ROLLED_BACK, f"rolled back with backend: {BROKEN}"),
            ],
            f"""\
pair 3f2a1b9c: rolled back; backend.pair: {BROKEN}
  backend.pair: rolled back in 8s
  frontend.pair: rolled back in 8s; with backend""",
        ),
        (
            [
                _ended("backend.pair", Outcome.PROMOTED, "backend.pair passed its analysis"),
                _ended("frontend.pair", Outcome.UNCHANGED, "nothing to release"),
            ],
            """\
pair 3f2a1b9c: promoted; backend.pair promoted, frontend.pair unchanged
  backend.pair: promoted in 8s; backend.pair passed its analysis
  frontend.pair: unchanged in 8s; nothing to release""",
        ),
        (
            [
                _ended("backend.pair", Outcome.ABORTED, "pager"),
                _ended("frontend.pair", Outcome.ROLLED_BACK, "rolled back with backend: pager"),
            ],
            """\
pair 3f2a1b9c: rolled back; rolled back with backend: pager
  backend.pair: aborted in 8s; pager
  frontend.pair: rolled back in 8s""",
        ),
    ],
    ids=["rolled back", "promoted", "aborted"],
)
def test_the_outcome_of_a_pair_says_which_failed_and_says_it_once(
    canaries: list[CanaryOutcome], said: str
) -> None:
    outcome = ReleaseOutcome(
        application="pair",
        outcome=worst([canary.outcome for canary in canaries]),
        reason=release_reason(canaries, 4),
        revision="latest",
        sha=SHA,
        canaries=tuple(canaries),
    )
    assert drawn(outcome_view(outcome)) == said


def test_the_time_is_told_by_kind_of_stage_the_longest_first() -> None:
    stages = [
        StageTiming(stage="Route 90/10", seconds=0.1),
        StageTiming(stage="Bake 2s at 10%, 1 check", seconds=2.04),
        StageTiming(stage="Route 80/20", seconds=0.2),
        StageTiming(stage="Bake 2s at 20%, 1 check", seconds=2.0),
        StageTiming(stage="Promote to primary", seconds=0.7),
    ]
    assert costs(stages) == "4.0s in 2 bakes, 0.7s in promote to primary, 0.3s in 2 routes"


HOLIDAYS = FreezeRule.parse({"schedule": "0 0 20 12 *", "duration": "336h", "reason": "holidays"})


def test_a_plan() -> None:
    plan = Plan(
        purpose=Purpose.RELEASE,
        stages=(
            Prepare(),
            Freeze(rules=(HOLIDAYS,)),
            Route(primary=90, canary=10),
            Bake(seconds=30, weight=10, checks=("latency",), hooks=("load-test",)),
            Promote(),
        ),
        threshold=2,
    )
    assert (
        drawn(plan_view("podinfo.test", plan, NOON))
        == """\
podinfo.test  release, 5 stages
  1  Prepare primary and routes
  2  Gate freeze: holidays; open now, closes 2026-12-20 00:00:00 UTC
  3  Route 90/10
  4  Bake 30s at 10%, 1 check, load
  5  Promote to primary
  earliest end after 30s, readiness on top; 2 failed checks roll it back"""
    )


def test_the_first_look_is_told_in_full() -> None:
    note = CANARY.notes[0].text
    assert [line.text for line in changes(None, SEEN)] == [
        "podinfo 3f2a1b9c to mesh02/test: Releasing",
        "queued behind it: v3",
        "warning: hpa.yaml: autoscaling/v2beta1 is no longer served",
        f"podinfo.test: warning: {note}",
        "podinfo.test: Progressing",
        "podinfo.test: stage 8/26: Bake 2s at 15%, 3 checks, load; traffic 85/15",
        "podinfo.test: load: 84 requests, 42.0/s, P99 23.2 ms, 200: 83, 500: 1",
        "podinfo.test: ✓ request-success-rate: success rate 99.93% >= 99%",
        "podinfo.test: ✗ latency: P99 612ms > 500ms",
        "podinfo.test: ? errors: no values found",
        "podinfo.test: failed checks 1/5",
        "podinfo.test: waits for the bake",
        "retrying metrics.judge, attempt 3: prometheus is out of reach: refused",
    ]


def test_what_did_not_change_is_not_told_again() -> None:
    assert changes(SEEN, SEEN) == []


@pytest.mark.parametrize(
    ("update", "lines"),
    [
        ({"stage": 9, "doing": "Route 80/20", "weight": 20}, ["stage 9/26: Route 80/20; traffic 80/20"]),
        ({"failed_checks": 2}, ["failed checks 2/5"]),
        ({"paused": True}, ["Progressing, paused; traffic stays 85/15"]),
        ({"paused": True, "phase": Phase.PAUSED}, ["Paused; traffic stays 85/15"]),
        ({"phase": Phase.PROMOTING}, ["Promoting"]),
        ({"weight": 0}, ["traffic 100/0"]),
        ({"baseline": 15}, ["traffic 70/15, baseline 15"]),
        ({"waiting_for": "the target"}, ["waits for the target"]),
        ({"waiting_for": ""}, []),
        ({"notes": (*CANARY.notes, Note(at=NOON, text="Advance"))}, ["Advance"]),
    ],
)
def test_a_change_is_one_line(update: dict[str, object], lines: list[str]) -> None:
    changed = SEEN.model_copy(update={"canaries": (CANARY.model_copy(update=update),)})
    assert [line.text for line in changes(SEEN, changed)] == [f"podinfo.test: {line}" for line in lines]


def test_a_note_has_the_time_at_which_it_was_made() -> None:
    assert [line.at for line in changes(None, SEEN)].count(CANARY.notes[0].at) == 1


def test_a_worker_that_falls_silent_is_told_once() -> None:
    silent = SEEN.model_copy(update={"release": None, "canaries": (), "retries": ()})
    assert [line.text for line in changes(SEEN, silent)] == ["no worker answers"]
    assert changes(silent, silent) == []


def test_without_a_terminal_no_line_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).result(Group(Text("word " * 200), Table("head " * 200)))
    assert len(capsys.readouterr().out.splitlines()) <= 6

"""Who waits for whom, when all go, and when all turn back."""

import pytest

from tests.decisions.test_freezes import rule
from tests.decisions.test_plan import canary
from tests.workflows.neighbours import bootstrap_plan, release_plan
from tidegate.contracts import Directive
from tidegate.decisions.coordination import Common, Member, directives, told_names, with_meeting
from tidegate.decisions.plan import compile_plan
from tidegate.domain.application import Application, Metadata
from tidegate.domain.errors import InvalidInput
from tidegate.domain.plan import Bake, Freeze, Meet, Promote, Purpose, Route

PASSED = Member(name="podinfo", passed=True)
LATE = Member(name="backend", place="at 40 %")
PAUSED = Member(name="cache", place="paused at 10 %")
DONE = Member(name="cron", done=True)
PROMOTED = Member(name="podinfo", passed=True, promoted=True)
LOST = Member(name="backend", turned_back="pager")


@pytest.mark.parametrize(
    ("members", "decided"),
    [
        ([PASSED, PASSED], Common(gone=True)),
        ([PASSED, DONE], Common(gone=True)),
        ([PASSED, LATE], Common()),
        ([PASSED, LOST], Common(cause=LOST)),
        ([PROMOTED, PASSED], Common(gone=True)),
        ([PROMOTED, DONE], Common(gone=True, stayed=True)),
        ([PROMOTED, PROMOTED], Common(gone=True, stayed=True)),
        ([PROMOTED, LOST], Common(cause=LOST)),
    ],
)
def test_all_go_once_each_has_passed_and_stay_once_each_is_promoted(
    members: list[Member], decided: Common
) -> None:
    assert Common().after(members) == decided


@pytest.mark.parametrize("members", [[PASSED, LATE], [PROMOTED, LOST]])
def test_what_is_decided_is_not_taken_back(members: list[Member]) -> None:
    for decided in (Common(gone=True, stayed=True), Common(cause=LATE)):
        assert decided.after(members) == decided
    assert Common(gone=True).after(members).gone


@pytest.mark.parametrize(
    ("awaited", "told"),
    [
        ([LATE], "backend (at 40 %)"),
        ([LATE, PAUSED], "backend (at 40 %), cache (paused at 10 %)"),
        ([Member(name="backend")], "backend"),
        ([LATE, LATE, LATE, PAUSED], "4 of them"),
    ],
)
def test_one_that_has_passed_is_told_whom_it_waits_for(awaited: list[Member], told: str) -> None:
    members = dict(enumerate([PASSED, DONE, *awaited]))
    assert directives({str(key): each for key, each in members.items()}, Common())["0"] == Directive(
        waits_for=told
    )


def test_one_that_is_promoted_is_told_whom_it_waits_for_and_not_where_that_one_was() -> None:
    promoting = LATE.model_copy(update={"passed": True})
    told = directives({"a": PROMOTED, "b": promoting, "c": DONE}, Common(gone=True))
    assert told["a"] == Directive(go=True, waits_for="backend")
    assert told["b"] == told["c"] == Directive(go=True)


def test_places_are_asked_for_once_somebody_waits_and_of_a_few_only() -> None:
    few = directives({"a": PASSED, "b": LATE}, Common())
    nobody_waits = directives({"a": LATE, "b": LATE}, Common())
    many = directives({"a": PASSED} | {str(n): LATE for n in range(4)}, Common())
    assert [told["b"].awaited for told in (few, nobody_waits)] == [True, False]
    assert not any(told.awaited for told in many.values())


def test_all_but_the_one_that_turned_back_turn_back_with_it() -> None:
    told = directives({"a": PASSED, "b": LOST, "c": LATE}, Common(cause=LOST, gone=True))
    assert told == dict.fromkeys("ac", Directive(turn_back="rolled back with backend: pager"))


def test_names_bear_their_namespace_where_two_are_alike() -> None:
    canaries = [Metadata(name="web", namespace="a"), Metadata(name="web", namespace="b"), Metadata(name="db")]
    assert told_names(canaries) == ("web.a", "web.b", "db")


def test_the_meeting_lies_right_before_the_promotion_with_the_last_bake() -> None:
    stages = with_meeting(release_plan(weights=(10, 20)), ("backend",)).stages
    at = next(index for index, stage in enumerate(stages) if isinstance(stage, Promote))
    meeting = stages[at - 1]
    assert isinstance(meeting, Meet)
    assert isinstance(meeting.bake, Bake)
    assert (meeting.others, meeting.bake.weight) == (("backend",), 20)


def test_another_meeting_lies_right_behind_the_promotion() -> None:
    stages = with_meeting(release_plan(weights=(10, 20)), ("backend",)).stages
    at = next(index for index, stage in enumerate(stages) if isinstance(stage, Promote))
    (*_, bake) = [stage for stage in stages if isinstance(stage, Bake)]
    assert stages[at + 1] == Meet(others=("backend",), promoted=True, bake=bake)


def test_blue_green_meets_before_its_switch_and_behind_its_gates() -> None:
    hook = {"name": "ann", "type": "confirm-promotion", "url": "http://gate.test"}
    found = canary(iterations=2, webhooks=[hook])
    plan = with_meeting(compile_plan(found, Purpose.RELEASE, 5), ("backend",))
    kinds = [stage.kind for stage in plan.stages]
    at = kinds.index("meet")
    assert kinds[at - 2 : at + 5] == ["bake", "gate", "meet", "route", "bake", "promote", "meet"]
    assert plan.stages[at + 1] == Route(primary=0, canary=100, at_once=True)


def test_all_that_are_promoted_together_begin_once_no_freeze_of_any_holds() -> None:
    rules = (rule("0 0 * * SAT", "48h"), rule("0 0 24 12 *", "72h", reason="holidays"))
    plan = compile_plan(canary(stepWeight=50), Purpose.RELEASE, 5)
    frozen = with_meeting(plan, ("backend",), rules)
    assert [stage.kind for stage in frozen.stages][:3] == ["prepare", "freeze", "scale-up"]
    assert [stage for stage in frozen.stages if isinstance(stage, Freeze)] == [Freeze(rules=rules)]
    assert with_meeting(frozen, ("backend",), rules[:1]).stages[1] == Freeze(rules=rules[:1])
    assert with_meeting(plan, (), rules) == plan


def test_a_plan_without_others_or_without_a_promotion_has_no_meeting() -> None:
    assert with_meeting(release_plan(), ()) == release_plan()
    assert with_meeting(bootstrap_plan(), ("backend",)) == bootstrap_plan()


def application(**annotations: object) -> Application:
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "annotations": {"tidegate.dev/coordination": "on"} | annotations},
        "spec": {"source": {"repoURL": "https://git.test/shop.git"}, "destination": {"name": "mesh02"}},
    }
    return Application.from_manifest(manifest, file="app.yaml")


@pytest.mark.parametrize(("value", "coordinated"), [("on", True), ("off", False)])
def test_an_application_says_whether_its_canaries_go_together(value: object, coordinated: bool) -> None:
    assert application(**{"tidegate.dev/coordination": value}).coordinated is coordinated


@pytest.mark.parametrize("value", ["maybe", False, 1])
def test_any_other_word_is_refused_with_its_field_and_a_mend(value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        application(**{"tidegate.dev/coordination": value})
    assert str(refused.value) == (
        f"app.yaml: metadata.annotations.tidegate.dev/coordination: is {value!r};"
        ' write "on" or "off", in quotes'
    )


def test_the_annotation_and_no_other_tools_crosses_into_temporal() -> None:
    kept = application(**{"kubectl.kubernetes.io/last-applied-configuration": "{}"})
    crossed = Application.model_validate_json(kept.model_dump_json())
    assert crossed.metadata.annotations == {"tidegate.dev/coordination": "on"}

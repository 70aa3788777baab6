"""Where a policy's approvals stand among the stages."""

from typing import Any

import pytest

from tests.decisions.test_plan import canary
from tests.decisions.test_policy_plan import policy
from tidegate.decisions.plan import compile_plan
from tidegate.domain.plan import Approval, Bake, Promote, Purpose, Route, ScaleUp, Stage, describe

WEIGHTED: dict[str, Any] = {"stepWeights": [10, 50], "interval": "30s"}
BLUE_GREEN: dict[str, Any] = {"iterations": 2}
A_B: dict[str, Any] = {"iterations": 2, "match": [{"headers": {"x": {"exact": "y"}}}]}
HOOKS = [
    {"name": "sesame", "type": kind, "url": "http://gate.test/"}
    for kind in ("confirm-rollout", "confirm-traffic-increase", "confirm-promotion")
]
ANN = {"approvers": ["ann", "bob"], "quorum": 2}


def planned(analysis: dict[str, Any], *rules: dict[str, Any]) -> tuple[Stage, ...]:
    return compile_plan(canary(**analysis), Purpose.RELEASE, 5.0, policy(approvals=rules)).stages


@pytest.mark.parametrize(
    ("analysis", "before", "follows"),
    [
        (WEIGHTED, "rollout", ScaleUp()),
        (WEIGHTED, 10, Route(primary=90, canary=10)),
        (WEIGHTED, 50, Route(primary=50, canary=50)),
        (WEIGHTED, "promotion", Promote()),
        (BLUE_GREEN, "promotion", Route(primary=0, canary=100, at_once=True)),
        (A_B, "rollout", ScaleUp()),
        (A_B, "promotion", Promote()),
    ],
)
def test_an_approval_stands_right_before_what_it_is_for(
    analysis: dict[str, Any], before: str | int, follows: Stage
) -> None:
    stages = planned(analysis, {"before": before, **ANN})
    (at,) = [index for index, stage in enumerate(stages) if isinstance(stage, Approval)]
    assert stages[at + 1] == follows


def test_people_are_asked_before_hooks() -> None:
    rules = [{"before": place, **ANN} for place in ("rollout", 50, "promotion")]
    kinds = [stage.kind for stage in planned({**WEIGHTED, "webhooks": HOOKS}, *rules)]
    assert "approval gate scale-up" in " ".join(kinds)
    assert "bake approval gate route" in " ".join(kinds)
    assert "bake approval gate gate promote" in " ".join(kinds)


def test_two_approvals_of_one_place_are_two_gates() -> None:
    stages = planned(WEIGHTED, {"before": "promotion", **ANN}, {"before": "promotion", "approvers": ["eve"]})
    assert [describe(stage) for stage in stages if isinstance(stage, Approval)] == [
        "Gate approval before promotion: 2 of ann, bob",
        "Gate approval before promotion: 1 of eve",
    ]


def test_the_analysis_goes_on_unless_the_policy_says_otherwise() -> None:
    rules: list[dict[str, Any]] = [{"before": 10}, {"before": 50, "analysis": False}, {"before": "promotion"}]
    stages = planned(WEIGHTED, *({**rule, **ANN} for rule in rules))
    bakes = [stage.bake for stage in stages if isinstance(stage, Approval)]
    assert bakes == [None, None, Bake(seconds=30, weight=50)]


def test_an_initialisation_waits_for_nobody() -> None:
    rules = policy(approvals=[{"before": "rollout", **ANN}])
    plan = compile_plan(canary(**WEIGHTED), Purpose.INITIALISATION, 5.0, rules)
    assert not [stage for stage in plan.stages if isinstance(stage, Approval)]


def test_a_release_without_an_analysis_can_be_approved_of() -> None:
    whole = canary(**WEIGHTED)
    skipped = whole.model_copy(update={"spec": whole.spec.model_copy(update={"skip_analysis": True})})
    rules = policy(approvals=[{"before": "rollout", **ANN}, {"before": "promotion", **ANN}])
    kinds = [stage.kind for stage in compile_plan(skipped, Purpose.RELEASE, 5.0, rules).stages]
    assert "approval scale-up approval promote" in " ".join(kinds)

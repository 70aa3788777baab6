"""Where a canary's hooks stand in its plan."""

from typing import Any

import pytest

from tidegate.decisions.plan import compile_plan
from tidegate.domain.canary import Canary
from tidegate.domain.hook import HookType
from tidegate.domain.plan import Gate, Plan, Purpose, describe

RISING: dict[str, Any] = {"stepWeights": [10, 50]}
MATCHED = {"match": [{"headers": {"x-canary": {"exact": "insider"}}}], "iterations": 2}
GATE = "Gate {}: sesame"


def plan(*kinds: str, purpose: Purpose = Purpose.RELEASE, **analysis: Any) -> Plan:
    webhooks = [
        {"name": "sesame", "type": kind, "url": "http://gate.test/", "timeout": "4s"} for kind in kinds
    ]
    canary = Canary.parse(
        {
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {
                "targetRef": {"kind": "Deployment", "name": "podinfo"},
                "service": {"port": 9898},
                "skipAnalysis": analysis.pop("skip", False),
                "analysis": {"interval": "30s", "webhooks": webhooks, **analysis},
            },
        }
    )
    return compile_plan(canary, purpose, 5.0)


def stages(compiled: Plan) -> list[str]:
    """The plan in short, from the first stage after the preparation."""
    return [
        describe(stage).removesuffix(": sesame").replace(", 0 checks", "") for stage in compiled.stages[1:]
    ]


END = ["Route 100/0", "Drain 5s", "Scale down target"]


@pytest.mark.parametrize(
    ("kinds", "analysis", "expected"),
    [
        (
            ["confirm-rollout", "pre-rollout", "post-rollout"],
            RISING,
            [
                "Gate confirm-rollout", "Scale up target", "Hooks pre-rollout",
                "Route 90/10", "Bake 30s at 10%", "Route 50/50", "Bake 30s at 50%",
                "Promote to primary", *END, "Hooks post-rollout",
            ],
        ),
        (
            ["confirm-traffic-increase", "confirm-promotion"],
            RISING,
            [
                "Scale up target",
                "Gate confirm-traffic-increase", "Route 90/10", "Bake 30s at 10%",
                "Gate confirm-traffic-increase", "Route 50/50", "Bake 30s at 50%",
                "Gate confirm-traffic-increase", "Gate confirm-promotion", "Promote to primary", *END,
            ],
        ),
        (
            ["confirm-traffic-increase", "confirm-promotion"],
            {**RISING, "stepWeightPromotion": 30},
            [
                "Scale up target",
                "Gate confirm-traffic-increase", "Route 90/10", "Bake 30s at 10%",
                "Gate confirm-traffic-increase", "Route 50/50", "Bake 30s at 50%",
                "Gate confirm-traffic-increase", "Gate confirm-promotion", "Promote to primary",
                "Route 80/20", "Hold 30s at 20%", *END,
            ],
        ),
        (
            ["confirm-traffic-increase", "confirm-promotion"],
            {"iterations": 2},
            [
                "Scale up target", "Bake 30s iteration 1/2", "Bake 30s iteration 2/2",
                "Gate confirm-promotion", "Route 0/100", "Bake 30s at 100%", "Promote to primary", *END,
            ],
        ),
        (
            ["confirm-traffic-increase", "confirm-promotion"],
            MATCHED,
            [
                "Scale up target", "Route matching requests 0/100",
                "Bake 30s iteration 1/2", "Bake 30s iteration 2/2",
                "Gate confirm-promotion", "Promote to primary", *END,
            ],
        ),
        (
            [str(kind) for kind in HookType],
            {**RISING, "skip": True},
            [
                "Gate confirm-rollout", "Scale up target", "Promote to primary", *END, "Hooks post-rollout",
            ],
        ),
        (["rollback", "event"], {"stepWeights": [10]}, [
            "Scale up target", "Route 90/10", "Bake 30s at 10%", "Promote to primary", *END,
        ]),
    ],
)  # fmt: skip
def test_hooks_stand_where_flagger_calls_them(
    kinds: list[str], analysis: dict[str, Any], expected: list[str]
) -> None:
    assert stages(plan(*kinds, **analysis)) == expected


@pytest.mark.parametrize("purpose", [Purpose.INITIALISATION, Purpose.UPKEEP])
def test_where_nothing_is_released_nobody_is_asked(purpose: Purpose) -> None:
    asked = plan(*HookType, purpose=purpose, **RISING)
    assert stages(asked) == stages(plan(purpose=purpose, **RISING))
    assert asked.rollback is None


def test_the_bake_before_a_gate_goes_on_behind_it() -> None:
    gates = [stage for stage in plan(*HookType, **RISING).stages if isinstance(stage, Gate)]
    assert [(gate.type.value, gate.bake.weight if gate.bake else None) for gate in gates] == [
        ("confirm-rollout", None),
        ("confirm-traffic-increase", None),
        ("confirm-traffic-increase", 10),
        ("confirm-traffic-increase", 50),
        ("confirm-promotion", 50),
    ]
    assert {(gate.seconds, gate.hook_seconds) for gate in gates} == {(30.0, 4.0)}


def test_only_rollout_hooks_are_called_within_a_bake() -> None:
    compiled = plan(*HookType, **RISING)
    bakes = [stage for stage in compiled.stages if stage.kind == "bake"]
    assert {(bake.hooks, bake.hook_seconds) for bake in bakes} == {(("sesame",), 4.0)}
    assert compiled.rollback is not None
    assert compiled.events is not None


def test_a_hook_without_a_type_is_a_rollout_hook() -> None:
    bakes = [stage for stage in plan("", **RISING).stages if stage.kind == "bake"]
    assert bakes[0].hooks == ("sesame",)

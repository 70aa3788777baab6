"""A comparison that cannot be made is refused by its field."""

from typing import Any

import pytest

from tidegate.domain.canary import Canary
from tidegate.domain.comparison import Comparison
from tidegate.domain.errors import InvalidInput
from tidegate.domain.release_policy import ReleasePolicy

PLAIN = {"with": "primary", "metrics": [{"name": "request-duration"}]}


def test_the_least_that_can_be_said_is_with_whom_and_what() -> None:
    found = Comparison.parse(PLAIN)
    assert (found.minimum_samples, found.step, found.window, found.confidence) == (20, 30, 3600, 0.98)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"with": "production"},
            "with: is not 'primary' or 'baseline'; correct this value (it is 'production')",
        ),
        ({"metrics": []}, "metrics: is empty; correct this value"),
        ({"metrics": [{"name": "a"}, {"name": "a"}]}, "has the metric 'a' twice; keep one of them"),
        (
            {"metrics": [{"name": "a", "effectSize": -1}]},
            "metrics[0].effectSize: is less than 0",
        ),
        (
            {"metrics": [{"name": "a", "worse": "up"}]},
            "metrics[0].worse: is not 'increase', 'decrease'",
        ),
        ({"minimumSamples": 4}, "minimumSamples: is less than 5"),
        ({"confidence": 98}, "confidence: is not less than 1"),
        ({"step": "500ms"}, "has a step of less than a second; write 1s or more, as in 30s"),
        (
            {"step": "2s"},
            "has a window of 60m with a step of 2s, and so more than 1000 samples; give a shorter",
        ),
        ({"window": "10m"}, "has a window too short for its samples; give a window of 10m30s or more"),
        ({"minimumEffect": 1}, "minimumEffect: is not a known field; check the spelling or remove it"),
    ],
)
def test_a_fault_is_told_with_its_mend(change: dict[str, Any], line: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Comparison.parse(PLAIN | change)
    assert line in str(error.value)


def test_a_comparison_that_is_never_made_is_refused() -> None:
    target, service = {"kind": "Deployment", "name": "podinfo"}, {"port": 9898}
    canary = Canary.parse(
        {
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {
                "targetRef": target,
                "service": service,
                "skipAnalysis": True,
                "analysis": {"stepWeight": 10},
            },
        }
    )
    spec = {"canaryRef": {"name": "podinfo"}, "comparison": PLAIN}
    policy = ReleasePolicy.parse({"metadata": {"name": "careful"}, "spec": spec})
    with pytest.raises(InvalidInput, match=r"spec\.comparison: is never made, as Canary podinfo has skip"):
        policy.refuse_unfit(canary)


@pytest.mark.parametrize(
    ("analysis", "has"),
    [
        ({"iterations": 2}, "iterations"),
        ({"iterations": 2, "match": [{"headers": {"x": {"exact": "y"}}}]}, "iterations"),
        ({"stepWeight": 10, "match": [{"headers": {"x": {"exact": "y"}}}]}, "match"),
        ({"stepWeight": 10, "mirror": True}, "mirror"),
        (
            {"stepWeight": 10, "sessionAffinity": {"cookieName": "side"}},
            "sessionAffinity (its visitors stay, so that it has more than its weight)",
        ),
    ],
)
def test_a_baseline_is_refused_where_the_canary_gets_other_requests(
    analysis: dict[str, Any], has: str
) -> None:
    metrics = [{"name": "request-duration", "thresholdRange": {"max": 500}}]
    spec = {
        "targetRef": {"kind": "Deployment", "name": "podinfo"},
        "service": {"port": 9898},
        "analysis": {**analysis, "metrics": metrics},
    }
    canary = Canary.parse({"metadata": {"name": "podinfo", "namespace": "test"}, "spec": spec})

    def policy(other: str) -> ReleasePolicy:
        comparison = PLAIN | {"with": other}
        said = {"canaryRef": {"name": "podinfo"}, "comparison": comparison}
        return ReleasePolicy.parse({"metadata": {"name": "careful"}, "spec": said})

    policy("primary").refuse_unfit(canary)
    with pytest.raises(InvalidInput) as error:
        policy("baseline").refuse_unfit(canary)
    assert str(error.value) == (
        f"spec.comparison.with: needs a split by weights alone, and Canary podinfo has {has}; "
        f"compare with: primary, or remove {has.split()[0]} from the Canary"
    )


@pytest.mark.parametrize(("weight", "share"), [(0.5, 0.5), (50, 50), (50.01, 0), (100, 0)])
def test_a_baseline_has_the_canary_s_share_as_far_as_there_is_room(weight: float, share: float) -> None:
    assert Comparison.parse(PLAIN | {"with": "baseline"}).baseline_share(weight) == share
    assert Comparison.parse(PLAIN).baseline_share(weight) == 0

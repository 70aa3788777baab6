"""Which ReleasePolicy a Canary has, and how one that does not fit is told."""

from typing import Any

import pytest

from tidegate.domain.errors import InvalidInput
from tidegate.manifests.bundle import read_contents

LINE = "policy.yaml: ReleasePolicy test/careful: "


def policy(name: str = "careful", namespace: str = "test", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "ReleasePolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"canaryRef": {"name": "podinfo"}} | spec,
    }


def test_a_canary_has_the_policy_that_names_it(samples: Any) -> None:
    rendered = [*samples.all, (policy(steps=[{"weight": 10}]), "policy.yaml")]
    (bundle,) = read_contents(rendered, "test").bundles
    assert bundle.policy is not None
    assert [step.weight for step in bundle.policy.spec.steps] == [10]


def test_without_a_policy_there_is_none(samples: Any) -> None:
    (bundle,) = read_contents(samples.all, "test").bundles
    assert bundle.policy is None


def test_a_policy_without_a_namespace_is_of_the_destination_s(samples: Any) -> None:
    manifest = policy(steps=[{"weight": 10}])
    del manifest["metadata"]["namespace"]
    (bundle,) = read_contents([*samples.all, (manifest, "policy.yaml")], "test").bundles
    assert bundle.policy is not None


@pytest.mark.parametrize(
    ("manifest", "line"),
    [
        (
            policy(),
            LINE + "spec: says nothing beside its canaryRef; add a section, or remove the policy",
        ),
        (
            policy(stepz=[]),
            LINE + "spec.stepz: is not a known field; check the spelling or remove it",
        ),
        (
            policy() | {"apiVersion": "tidegate.dev/v1"},
            LINE + "apiVersion: is not 'tidegate.dev/v1alpha1'; correct this value (it is 'tidegate.dev/v1')",
        ),
        (
            policy(canaryRef={"name": "other"}, steps=[{"weight": 10}]),
            LINE + "spec.canaryRef.name: no Canary test/other among the manifests; "
            "add it to the application's path, or correct the name or the policy's namespace",
        ),
        (
            policy(namespace="prod", steps=[{"weight": 10}]),
            "policy.yaml: ReleasePolicy prod/careful: spec.canaryRef.name: "
            "no Canary prod/podinfo among the manifests; "
            "add it to the application's path, or correct the name or the policy's namespace",
        ),
        (
            policy(steps=[{"weight": 10}, {"weight": 10}]),
            LINE + "spec: steps have the weights 10, 10; let them rise",
        ),
        (
            policy(steps=[{"weight": 10, "duration": "5"}]),
            LINE + "spec.steps[0].duration: '5' is not a duration; "
            "write a number with a unit, as in 30s or 1m",
        ),
        (
            policy(steps=[{"weight": 1}, {"weight": 10, "checks": ["latenzy"]}]),
            LINE + "spec.steps[1].checks: 'latenzy' is no metric of Canary podinfo; "
            "name one of request-success-rate, latency",
        ),
        (
            policy(analysis={"checks": [{"name": "latenzy", "dryRun": True}]}),
            LINE + "spec.analysis.checks[0].name: 'latenzy' is no metric of Canary podinfo; "
            "name one of request-success-rate, latency",
        ),
        (
            policy(comparison={"with": "primary", "metrics": [{"name": "latenzy"}]}),
            LINE + "spec.comparison.metrics[0].name: 'latenzy' is no metric of Canary podinfo; "
            "name one of request-success-rate, latency",
        ),
        (
            policy(comparison={"with": "production", "metrics": [{"name": "latency"}]}),
            LINE + "spec.comparison.with: is not 'primary' or 'baseline'; "
            "correct this value (it is 'production')",
        ),
        (
            policy(analysis={"checks": [{"name": "latency"}, {"name": "latency", "dryRun": True}]}),
            LINE + "spec.analysis: has the check 'latency' twice; keep one of them",
        ),
        (
            policy(steps=[{"weight": float("inf")}]),
            LINE + "spec.steps[0].weight: is more than 100; correct this value (it is inf)",
        ),
        (
            policy(steps=[{"weight": 0.125}]),
            LINE + "spec.steps[0].weight: 0.125 is finer than a hundredth; "
            "write two decimals at most, as in 0.25",
        ),
        *(
            (policy(approvals=[approval]), LINE + line)
            for approval, line in (
                (
                    {"before": "lunch", "approvers": ["ann"]},
                    "spec.approvals[0].before: is no place of a release; "
                    "write rollout, promotion or the weight of a step, such as 50",
                ),
                (
                    {"before": 12, "approvers": ["ann"]},
                    "spec.approvals[0].before: 12 is no weight of a step; "
                    "write one of 5, 10, 15, 20, 25, 30, 35, 40, 45, 50",
                ),
                (
                    {"before": "promotion", "quorum": 2, "approvers": ["ann"]},
                    "spec.approvals[0]: quorum 2 is more than the 1 approvers; name more of them",
                ),
                (
                    {"before": "promotion", "approvers": ["ann", "ann"]},
                    "spec.approvals[0]: approvers have a name twice; name each of them once",
                ),
                (
                    {"before": "promotion", "approvers": [" ann"]},
                    "spec.approvals[0].approvers[0]: is no name; "
                    "write it as it is given to --by, without spaces around it",
                ),
                (
                    {"before": "rollout", "approvers": ["ann"], "analysis": True},
                    "spec.approvals[0].analysis: is not under way before rollout; remove it",
                ),
            )
        ),
        *(
            (
                policy(freezes=[{"schedule": "0 18 * * FRI", "duration": "62h", "reason": "x"} | part]),
                LINE + line,
            )
            for part, line in (
                (
                    {"schedule": "0 18 * FRI"},
                    "spec.freezes[0].schedule: '0 18 * FRI' is no schedule; "
                    "write five fields as cron has them, as in 0 18 * * FRI",
                ),
                (
                    {"schedule": "0 0 31 2 *"},
                    "spec.freezes[0].schedule: '0 0 31 2 *' is no schedule; "
                    "write five fields as cron has them, as in 0 18 * * FRI",
                ),
                (
                    {"timeZone": "Europe/Bärlin"},
                    "spec.freezes[0].timeZone: 'Europe/Bärlin' is no time zone; "
                    "write one as in Europe/Berlin, or UTC",
                ),
                (
                    {"timeZone": "../../etc/passwd"},
                    "spec.freezes[0].timeZone: '../../etc/passwd' is no time zone; "
                    "write one as in Europe/Berlin, or UTC",
                ),
                (
                    {"duration": "1s"},
                    "spec.freezes[0].duration: is not between a minute and 366 days; "
                    "give a length such as 62h",
                ),
            )
        ),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(samples: Any, manifest: Any, line: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_contents([*samples.all, (manifest, "policy.yaml")], "test")
    assert str(raised.value) == line


def test_a_second_policy_of_one_canary_is_refused(samples: Any) -> None:
    first, second = policy(steps=[{"weight": 10}]), policy("hasty", steps=[{"weight": 50}])
    with pytest.raises(InvalidInput) as raised:
        read_contents([*samples.all, (first, "policy.yaml"), (second, "second.yaml")], "test")
    assert str(raised.value) == (
        "second.yaml: ReleasePolicy test/hasty: spec.canaryRef.name: "
        "Canary podinfo has the ReleasePolicy careful already; put both into one"
    )


def test_steps_do_not_go_with_iterations(samples: Any) -> None:
    rendered = [*samples.all, (policy(steps=[{"weight": 10}]), "policy.yaml")]
    analysis = rendered[2][0]["spec"]["analysis"]
    del analysis["stepWeight"]
    analysis["iterations"] = 3
    with pytest.raises(InvalidInput) as raised:
        read_contents(rendered, "test")
    assert str(raised.value) == (
        LINE + "spec.steps: are weights, and Canary podinfo has iterations; "
        "remove the steps, or give the Canary stepWeight instead of iterations"
    )


def test_a_dry_run_is_not_compared_for_good(samples: Any) -> None:
    dry = {"checks": [{"name": "latency", "dryRun": True}]}
    compared = {"with": "primary", "metrics": [{"name": "latency"}]}
    rendered = [*samples.all, (policy(analysis=dry, comparison=compared), "policy.yaml")]
    with pytest.raises(InvalidInput) as raised:
        read_contents(rendered, "test")
    assert str(raised.value) == (
        LINE + "spec.comparison.metrics[0].name: 'latency' is a dry run, and a comparison counts; "
        "remove it here, or its dryRun"
    )


@pytest.mark.parametrize("said", ["fail", "wait"])
def test_policy_and_annotation_may_agree_on_no_data_and_not_differ(samples: Any, said: str) -> None:
    rendered = [*samples.all, (policy(analysis={"noData": "wait"}), "policy.yaml")]
    rendered[2][0]["metadata"]["annotations"] = {"tidegate.dev/no-data": said}
    if said == "wait":
        assert read_contents(rendered, "test").bundles[0].policy is not None
        return
    with pytest.raises(InvalidInput) as raised:
        read_contents(rendered, "test")
    assert str(raised.value) == (
        LINE
        + "spec.analysis.noData: is wait, and the annotation tidegate.dev/no-data of Canary podinfo fail; "
        "keep one of them"
    )


def test_connections_are_no_requests_to_be_counted(samples: Any) -> None:
    rendered = [*samples.all, (policy(analysis={"minimumRequests": 10}), "policy.yaml")]
    rendered[2][0]["spec"]["service"]["appProtocol"] = "tcp"
    with pytest.raises(InvalidInput, match="minimumRequests: cannot be counted: Canary podinfo is one"):
        read_contents(rendered, "test")


def test_a_comparison_that_no_weight_allows_is_refused(samples: Any) -> None:
    compared = {"with": "primary", "metrics": [{"name": "latency"}]}

    def read(weight: int) -> Any:
        policed = policy(comparison=compared, steps=[{"weight": weight}, {"weight": 80}])
        return read_contents([*samples.all, (policed, "policy.yaml")], "test")

    assert read(50).bundles[0].policy is not None
    with pytest.raises(InvalidInput, match=r"spec\.comparison: is never made, as all weights are above 50"):
        read(51)

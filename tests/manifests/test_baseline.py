"""A baseline is the primary once more, under a name, a label and a way of its own."""

from typing import Any

import pytest

from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest
from tidegate.manifests.baseline import baseline, is_baseline
from tidegate.manifests.bundle import read_contents
from tidegate.manifests.istio import baseline_rule
from tidegate.manifests.naming import selector_of
from tidegate.manifests.primary import primary
from tidegate.manifests.services import baseline_service, services

POLICY = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "ReleasePolicy",
    "metadata": {"name": "careful"},
    "spec": {
        "canaryRef": {"name": "podinfo"},
        "comparison": {"with": "baseline", "metrics": [{"name": "request-success-rate"}]},
    },
}


def spread(target: Any) -> Any:
    """A target that keeps its pods apart, and is configured."""
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "podinfo"}}}
    target["spec"]["template"]["spec"] |= {
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    }
    return target


def test_its_objects_are_exactly_these(samples: Any, golden: Any, schema_checked: Any) -> None:
    target, canary = spread(samples.deployment), samples.parsed(canary={"labels": {"side": "canary"}})
    marks = {"tidegate.dev/template-hash": "abc", "tidegate.dev/rollback": "{}"}
    serving = primary(target, replicas=5, annotations=marks)
    serving["metadata"]["labels"] |= {"app.kubernetes.io/instance": "shop"}
    rule = baseline_rule(canary, "networking.istio.io/v1")
    made = [
        baseline(canary, serving, selector_of(target), 2),
        baseline_service(canary, target),
        rule,
    ]
    golden("baseline", made)
    schema_checked(rule)
    assert all(is_baseline(each, "podinfo") and not is_baseline(each, "other") for each in made)


def test_making_it_leaves_the_primary_as_it_is(samples: Any) -> None:
    target = spread(samples.deployment)
    serving = primary(target, replicas=5, annotations={})
    baseline(samples.parsed(), serving, selector_of(target), 2)
    assert serving == primary(target, replicas=5, annotations={})


def test_its_pods_are_nobody_else_s(samples: Any) -> None:
    target, canary = samples.deployment, samples.parsed()
    serving = primary(target, replicas=1, annotations={})
    made = baseline(canary, serving, selector_of(target), 1)
    labels = made["spec"]["template"]["metadata"]["labels"]
    others = [each["spec"]["selector"] for each in services(canary, target)]
    others += [each["spec"]["selector"]["matchLabels"] for each in (target, serving)]
    assert not any(selector.items() <= labels.items() for selector in others)
    assert baseline_service(canary, target)["spec"]["selector"].items() <= labels.items()


def refused(samples: Any, change: Any, policy: Manifest = POLICY) -> str:
    rendered = [*samples.all, (policy, "policy.yaml")]
    change(rendered)
    with pytest.raises(InvalidInput) as raised:
        read_contents(rendered, "test")
    return str(raised.value)


def test_what_a_release_makes_for_it_must_not_be_in_git(samples: Any) -> None:
    theirs = samples.deployment
    theirs["metadata"]["name"] = "podinfo-baseline"
    line = refused(samples, lambda rendered: rendered.append((theirs, "theirs.yaml")))
    assert "is made by the release of Canary podinfo; remove this manifest" in line


@pytest.mark.parametrize(
    ("length", "line"),
    [
        (55, "label value 'aaaaaaaaaa"),
        (56, "Service name"),
    ],
)
def test_names_leave_room_for_its_suffix(samples: Any, length: int, line: str) -> None:
    def lengthen(rendered: Any) -> None:
        (deployment, _), (_, _), (canary, _), *_ = rendered
        if line.startswith("label"):
            deployment["spec"]["selector"]["matchLabels"]["app"] = "a" * length
            deployment["spec"]["template"]["metadata"]["labels"]["app"] = "a" * length
        else:
            canary["spec"]["service"]["name"] = "a" * (length - 1)

    assert line in refused(samples, lengthen)

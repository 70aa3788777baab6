"""The primary is the target under another name and label, and nothing of the target's owner."""

from typing import Any

import pytest

from tidegate.domain.marks import INITIALISING, REVISION, ROLLBACK, TEMPLATE_HASH
from tidegate.manifests import promotion
from tidegate.manifests.naming import selector_of
from tidegate.manifests.primary import primary
from tidegate.manifests.services import services, taken_over


def test_the_primary_is_a_rewritten_copy(samples: Any) -> None:
    made = primary(samples.deployment, replicas=3, annotations={"tidegate.dev/x": "y"})
    expected = samples.deployment
    expected["metadata"] = {
        "name": "podinfo-primary",
        "namespace": "test",
        "labels": {"app": "podinfo-primary"},
        "annotations": {"tidegate.dev/x": "y"},
    }
    expected["spec"]["replicas"] = 3
    expected["spec"]["selector"] = {"matchLabels": {"app": "podinfo-primary"}}
    expected["spec"]["template"]["metadata"]["labels"] = {"app": "podinfo-primary"}
    assert made == expected


def test_making_a_primary_leaves_the_target_as_it_is(samples: Any) -> None:
    target = samples.deployment
    primary(target, replicas=1, annotations={})
    assert target == samples.deployment


def test_marks_of_the_targets_owner_are_not_copied(samples: Any) -> None:
    target = samples.deployment
    target["metadata"]["labels"] |= {"app.kubernetes.io/instance": "shop", "team": "red"}
    target["metadata"]["annotations"] = {
        "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:test/podinfo",
        "deployment.kubernetes.io/revision": "4",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "tidegate.dev/fence": "1.1",
        "example.com/owner": "red",
    }
    metadata = primary(target, replicas=1, annotations={})["metadata"]
    assert metadata["labels"] == {"app": "podinfo-primary", "team": "red"}
    assert metadata["annotations"] == {"example.com/owner": "red"}


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        ({"app": "a", "name": "b"}, "app"),
        ({"name": "b", "app.kubernetes.io/name": "c"}, "name"),
        ({"app.kubernetes.io/name": "c", "tier": "web"}, "app.kubernetes.io/name"),
    ],
)
def test_the_first_known_label_is_the_selector(samples: Any, labels: dict[str, str], label: str) -> None:
    target = samples.deployment
    target["spec"]["selector"]["matchLabels"] = labels
    target["spec"]["template"]["metadata"]["labels"] = labels
    selector = selector_of(target)
    made = primary(target, replicas=1, annotations={})["spec"]
    assert selector == (label, labels[label], f"{labels[label]}-primary")
    assert made["selector"]["matchLabels"] == {label: f"{labels[label]}-primary"}
    assert made["template"]["metadata"]["labels"] == labels | {label: f"{labels[label]}-primary"}


def test_terms_that_spread_the_pods_follow(samples: Any) -> None:
    target = samples.deployment
    own = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["podinfo", "other"]}]}
    foreign = {"matchLabels": {"app": "database"}}
    zone = "topology.kubernetes.io/zone"
    target["spec"]["template"]["spec"] |= {
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": zone, "labelSelector": own}
                ],
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 1, "podAffinityTerm": {"topologyKey": zone, "labelSelector": foreign}}
                ],
            }
        },
        "topologySpreadConstraints": [
            {"topologyKey": zone, "labelSelector": {"matchLabels": {"app": "podinfo"}}}
        ],
    }
    pod = primary(target, replicas=1, annotations={})["spec"]["template"]["spec"]
    apart = pod["affinity"]["podAntiAffinity"]
    required = apart["requiredDuringSchedulingIgnoredDuringExecution"][0]["labelSelector"]
    preferred = apart["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"][
        "labelSelector"
    ]
    assert required["matchExpressions"][0]["values"] == ["podinfo-primary", "other"]
    assert preferred == foreign
    assert pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == {"app": "podinfo-primary"}


def _live(samples: Any) -> dict[str, Any]:
    made = primary(
        samples.deployment,
        replicas=2,
        annotations={TEMPLATE_HASH: "old", REVISION: "abc", INITIALISING: "true"},
    )
    return promotion.initialised(made)


def _newer(samples: Any) -> dict[str, Any]:
    target: dict[str, Any] = samples.deployment
    target["spec"]["template"]["spec"]["containers"][0]["image"] = "stefanprodan/podinfo:3.1.1"
    target["spec"]["minReadySeconds"] = 1
    target["spec"]["replicas"] = 9
    return target


def _promoted(samples: Any, live: dict[str, Any]) -> dict[str, Any]:
    return promotion.promoted(live, _newer(samples), template_hash="new", revision="def", epoch=7)


def test_a_promotion_carries_the_template_over_and_keeps_the_replicas(samples: Any) -> None:
    after = _promoted(samples, _live(samples))
    assert after["spec"]["template"]["spec"]["containers"][0]["image"].endswith("3.1.1")
    assert after["spec"]["template"]["metadata"]["labels"] == {"app": "podinfo-primary"}
    assert (after["spec"]["replicas"], after["spec"]["minReadySeconds"]) == (2, 1)
    assert after["metadata"]["annotations"][TEMPLATE_HASH] == "new"
    assert promotion.is_unfinished(after)
    assert promotion.promoted_by(after) == 7


def test_a_promotion_to_another_size_is_undone_with_it(samples: Any) -> None:
    live = _live(samples)
    after = promotion.promoted(
        live, _newer(samples), template_hash="new", revision="def", epoch=7, replicas=9
    )
    assert after["spec"]["replicas"] == 9
    assert promotion.restored(after) == live


def test_a_promotion_without_a_size_leaves_the_present_one_when_it_is_undone(samples: Any) -> None:
    after = promotion.resized(_promoted(samples, _live(samples)), 4)
    assert promotion.restored(after)["spec"]["replicas"] == 4


def test_promoting_twice_is_the_same_as_once(samples: Any) -> None:
    once = _promoted(samples, _live(samples))
    assert _promoted(samples, once) == once


def test_restoring_undoes_a_promotion_completely(samples: Any) -> None:
    live = _live(samples)
    assert promotion.restored(_promoted(samples, live)) == live


def test_restoring_twice_is_the_same_as_once(samples: Any) -> None:
    once = promotion.restored(_promoted(samples, _live(samples)))
    assert promotion.restored(once) == once


def test_a_settled_promotion_cannot_be_undone(samples: Any) -> None:
    settled = promotion.settled(_promoted(samples, _live(samples)))
    assert ROLLBACK not in settled["metadata"]["annotations"]
    assert promotion.restored(settled) == settled


def test_an_undone_promotion_leaves_the_one_before_it_as_the_last(samples: Any) -> None:
    first = promotion.settled(_promoted(samples, _live(samples)))
    second = promotion.promoted(first, samples.deployment, template_hash="third", revision="def", epoch=8)
    assert (promotion.promoted_by(second), promotion.promoted_by(promotion.restored(second))) == (8, 7)


def test_the_record_survives_a_second_promotion(samples: Any) -> None:
    live = _live(samples)
    twice = promotion.promoted(
        _promoted(samples, live), samples.deployment, template_hash="third", revision="ghi", epoch=8
    )
    assert promotion.restored(twice) == live


@pytest.mark.parametrize("record", ["", "{", "[]", "{}", '{"rollout": {}}'])
def test_a_record_that_somebody_spoilt_changes_no_template(samples: Any, record: str) -> None:
    live = _live(samples)
    spoilt = live | {"metadata": live["metadata"] | {"annotations": {ROLLBACK: record}}}
    assert promotion.restored(spoilt)["spec"] == live["spec"]


def test_two_services_select_the_primary_and_one_the_target(samples: Any) -> None:
    canary = samples.parsed(targetPort="http", portName="http-web", name="api")
    made = services(canary, samples.deployment)
    assert [(each["metadata"]["name"], each["spec"]["selector"]) for each in made] == [
        ("api", {"app": "podinfo-primary"}),
        ("api-primary", {"app": "podinfo-primary"}),
        ("api-canary", {"app": "podinfo"}),
    ]
    port = {"name": "http-web", "protocol": "TCP", "port": 9898, "targetPort": "http"}
    assert all(each["spec"]["ports"] == [port] and each["spec"]["type"] == "ClusterIP" for each in made)


def test_a_service_taken_over_keeps_its_type_and_addresses(samples: Any) -> None:
    wanted = services(samples.parsed(), samples.deployment)[0]
    live = {
        "metadata": {"name": "podinfo", "labels": {"team": "red"}},
        "spec": {
            "type": "NodePort",
            "clusterIP": "10.0.0.7",
            "selector": {"app": "podinfo", "tier": "web"},
            "ports": [{"port": 9898, "nodePort": 30098, "name": "web"}, {"port": 1, "nodePort": 30001}],
        },
    }
    after = taken_over(live, wanted)
    assert after["metadata"] == live["metadata"]
    assert after["spec"] == {
        "type": "NodePort",
        "clusterIP": "10.0.0.7",
        "selector": {"app": "podinfo-primary"},
        "ports": [wanted["spec"]["ports"][0] | {"nodePort": 30098}],
    }

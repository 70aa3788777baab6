"""A DaemonSet as a target: its primary, what it is given back as, and what it must not ask for."""

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.domain.errors import InvalidInput
from tidegate.domain.workload import NO_NODE
from tidegate.manifests import handback, promotion
from tidegate.manifests.bundle import Bundle, read_contents
from tidegate.manifests.primary import primary
from tidegate.manifests.services import services

NOWHERE = {NO_NODE: "true"}


def daemon_set(samples: Any) -> dict[str, Any]:
    target: dict[str, Any] = samples.deployment | {"kind": "DaemonSet"}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spec = target["spec"] | {"updateStrategy": rolling, "revisionHistoryLimit": 3}
    spec["template"]["spec"] |= {
        "nodeSelector": {"disk": "ssd"},
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "labelSelector": {"matchLabels": {"app": "podinfo"}},
                        "topologyKey": "kubernetes.io/hostname",
                    }
                ]
            }
        },
    }
    del spec["strategy"]
    return target | {"spec": spec}


def bundle(samples: Any, target: dict[str, Any], *more: dict[str, Any]) -> Bundle:
    canary = samples.canary
    canary["spec"]["targetRef"]["kind"] = "DaemonSet"
    del canary["spec"]["autoscalerRef"]
    rendered = [(target, "daemons.yaml"), (canary, "canary.yaml"), (samples.template, "latency.yaml")]
    rendered += [(each, "more.yaml") for each in more]
    return read_contents(rendered, "test").bundles[0]


def test_the_objects_are_as_kept(samples: Any, golden: Callable[[str, Any], None]) -> None:
    known = bundle(samples, daemon_set(samples))
    made = primary(known.target, replicas=1, annotations={"tidegate.dev/template-hash": "0"})
    golden("daemon-set", [made, *services(known.canary, known.target)])


def test_a_primary_never_goes_where_no_node_is(samples: Any) -> None:
    target = daemon_set(samples)
    target["spec"]["template"]["spec"]["nodeSelector"] |= NOWHERE
    assert nodes(primary(target, replicas=1, annotations={})) == {"disk": "ssd"}
    assert nodes(promoted(samples, target)) == {"disk": "ssd"}


def test_a_promotion_that_is_undone_brings_the_strategy_back(samples: Any) -> None:
    target = daemon_set(samples)
    target["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}
    before = made(samples)
    assert promotion.restored(promoted(samples, target))["spec"] == before["spec"]


def test_a_target_is_given_back_on_the_nodes_of_its_primary(samples: Any) -> None:
    target = daemon_set(samples)
    target["spec"]["template"]["spec"]["nodeSelector"] = NOWHERE
    given = handback.serving(target, made(samples), [])
    assert given["spec"]["template"] == daemon_set(samples)["spec"]["template"]
    assert "replicas" not in given["spec"]


def test_git_does_not_size_a_daemon_set(samples: Any) -> None:
    target = daemon_set(samples)
    target["spec"]["replicas"] = 3
    assert bundle(samples, target).replicas is None


@pytest.mark.parametrize(
    ("spec", "pod", "line"),
    [
        (
            {"updateStrategy": {"type": "OnDelete"}},
            {},
            "spec.updateStrategy.type: updates its pods only once somebody deletes them, so that no "
            "promotion would end; write RollingUpdate",
        ),
        (
            {},
            {"containers": [{"name": "a", "ports": [{"containerPort": 80, "hostPort": 8080}]}]},
            "spec.template.spec: takes port 8080 of each node, where the pods of the primary need it too; "
            "remove hostPort or hostNetwork, and let the Canary's Service lead to the pods",
        ),
        (
            {},
            {"hostNetwork": True, "containers": [{"name": "a", "ports": [{"containerPort": 80}]}]},
            "spec.template.spec: takes port 80 of each node, where the pods of the primary need it too; "
            "remove hostPort or hostNetwork, and let the Canary's Service lead to the pods",
        ),
    ],
)
def test_what_could_never_be_promoted_is_refused(
    samples: Any, spec: dict[str, Any], pod: dict[str, Any], line: str
) -> None:
    target = daemon_set(samples)
    target["spec"] |= spec
    target["spec"]["template"]["spec"] |= pod
    with pytest.raises(InvalidInput) as raised:
        bundle(samples, target)
    assert str(raised.value) == f"daemons.yaml: DaemonSet test/podinfo: {line}"


@pytest.mark.parametrize(
    ("pod", "line"),
    [
        ("x", "spec.template.spec: 'x' is no mapping; write a mapping"),
        (
            {"nodeSelector": ["x"]},
            "spec.template.spec.nodeSelector: \"['x']\" is no mapping; write a mapping",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(samples: Any, pod: Any, line: str) -> None:
    target = daemon_set(samples)
    target["spec"]["template"]["spec"] = pod
    with pytest.raises(InvalidInput) as raised:
        bundle(samples, target)
    assert str(raised.value).endswith(line)


@pytest.mark.parametrize("containers", [5, "x", ["x"], [{"ports": "x"}], [{"ports": ["x"]}]])
def test_odd_containers_are_left_to_the_cluster_to_refuse(samples: Any, containers: Any) -> None:
    target = daemon_set(samples)
    target["spec"]["template"]["spec"]["containers"] = containers
    assert bundle(samples, target).target == target


def made(samples: Any) -> dict[str, Any]:
    marks = {"tidegate.dev/template-hash": "0"}
    return primary(daemon_set(samples), replicas=1, annotations=marks)


def promoted(samples: Any, target: dict[str, Any]) -> dict[str, Any]:
    return promotion.promoted(made(samples), target, template_hash="1", revision="b", epoch=2)


def nodes(workload: dict[str, Any]) -> Any:
    return workload["spec"]["template"]["spec"].get("nodeSelector")

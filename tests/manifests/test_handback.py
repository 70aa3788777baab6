"""What a canary's objects become once their owner has them back."""

import json
from copy import deepcopy
from typing import Any

import pytest

from tidegate.domain.marks import ASKED_FOR, ORIGINAL, RELEASE
from tidegate.domain.plan import Routing
from tidegate.manifests.handback import (
    given_back_routes,
    given_back_service,
    is_door,
    serving,
    unmarked_service,
)
from tidegate.manifests.istio import virtual_service
from tidegate.manifests.primary import primary
from tidegate.manifests.takeover import with_original

V1 = "networking.istio.io/v1"
SPREAD = {
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "podinfo"}}},
                {
                    "labelSelector": {
                        "matchExpressions": [{"key": "app", "operator": "In", "values": ["podinfo"]}]
                    }
                },
            ]
        }
    },
    "topologySpreadConstraints": [{"labelSelector": {"matchLabels": {"app": "podinfo"}}}],
}


def test_a_target_gets_back_what_was_copied_to_its_primary(samples: Any) -> None:
    target = samples.deployment
    target["spec"]["template"]["spec"] |= SPREAD
    made = primary(target, replicas=3, annotations={})
    newer = deepcopy(target)
    newer["spec"]["template"]["spec"]["containers"][0]["image"] = "podinfo:rejected"
    back = serving(newer, made, [])
    assert back["spec"]["template"] == target["spec"]["template"]
    assert back["spec"]["replicas"] == 3
    assert back["metadata"] == newer["metadata"]


def live(samples: Any, *, marks: dict[str, str] | None = None, **canary: Any) -> Any:
    made = virtual_service(samples.parsed(**canary), V1, Routing())
    made["metadata"]["annotations"] = {RELEASE: "release/x"} | (marks or {})
    return made


def test_a_rule_for_all_is_left_and_leads_to_the_service(samples: Any) -> None:
    made = live(samples, timeout="5s")
    given = deepcopy(made["spec"]["http"][-1])
    made["spec"]["http"].insert(0, given | {"match": [{"headers": {"cookie": {"regex": "x"}}}]})
    (rule,) = given_back_routes(made, "podinfo")["spec"]["http"]
    assert rule == given | {"route": [{"destination": {"host": "podinfo"}, "weight": 100}]}


def test_every_port_of_tcp_routes_leads_to_the_service(samples: Any) -> None:
    made = live(samples, appProtocol="tcp", match=[{"port": 9898}])
    (rule,) = given_back_routes(made, "podinfo")["spec"]["tcp"]
    assert rule["match"] == [{"port": 9898}]
    assert [part["destination"]["host"] for part in rule["route"]] == ["podinfo"]


def test_what_was_there_before_is_given_back_whole(samples: Any) -> None:
    spec = {"hosts": ["a"], "tls": [{"route": [{"destination": {"host": "other"}}]}]}
    made = live(samples, marks={ORIGINAL: json.dumps(spec)})
    assert given_back_routes(made, "podinfo")["spec"] == spec


@pytest.mark.parametrize("mark", ["", "[]", "{", "null"])
def test_a_mark_that_somebody_spoilt_leaves_the_plain_route(samples: Any, mark: str) -> None:
    made = live(samples, marks={ORIGINAL: mark})
    assert given_back_routes(made, "podinfo")["spec"]["hosts"] == made["spec"]["hosts"]
    service = {
        "metadata": {"annotations": {ORIGINAL: mark}},
        "spec": {"selector": {"app": "podinfo-primary"}},
    }
    assert given_back_service(service, samples.deployment)["spec"] == {"selector": {"app": "podinfo"}}


@pytest.mark.parametrize(
    ("spec", "marks", "door"),
    [
        ({"hosts": ["podinfo"], "gateways": ["mesh"]}, {}, False),
        ({"hosts": ["podinfo"]}, {}, False),
        ({"hosts": ["podinfo"], "gateways": ["mesh"]}, {ORIGINAL: "{}"}, True),
        ({"hosts": ["podinfo"], "gateways": ["mesh", "istio-system/public"]}, {}, True),
        ({}, {}, True),
    ],
)
def test_routes_that_others_depend_on_are_kept(spec: Any, marks: Any, door: bool) -> None:
    assert is_door({"metadata": {"annotations": marks}, "spec": spec}) is door


def taken(selector: dict[str, str], **annotations: str) -> dict[str, str]:
    before = {
        "metadata": {"annotations": annotations},
        "spec": {"selector": selector, "ports": [{"port": 80}]},
    }
    after = before | {"spec": {"selector": {"app": "podinfo-primary"}}}
    kept: dict[str, str] = with_original(before, after)["metadata"]["annotations"]
    return kept


def test_a_service_s_selector_is_kept_once() -> None:
    kept = taken({"app": "podinfo", "tier": "web"})
    assert json.loads(kept[ORIGINAL]) == {
        "selector": {"app": "podinfo", "tier": "web"},
        "ports": [{"port": 80}],
    }
    assert taken({"app": "podinfo"}, **kept) == kept
    assert taken({"app": "podinfo-primary"}) == {}
    fence = {"tidegate.dev/fence": "1.1"}
    assert taken({"app": "podinfo-primary"}, **fence) == fence
    assert set(taken({"app": "other"}, **fence)) == {*fence, ORIGINAL}


@pytest.mark.parametrize(
    ("was_there", "labels"), [(True, {"app": "x"}), (False, {"app": "x", "team": "red"})]
)
def test_what_the_canary_asked_for_goes_where_the_service_is_its_owner_s(
    was_there: bool, labels: Any
) -> None:
    asked = json.dumps({"labels": ["team"], "annotations": [], "fields": []})
    marks = {ASKED_FOR: asked} | ({ORIGINAL: "{}"} if was_there else {})
    service = {"metadata": {"labels": {"app": "x", "team": "red"}, "annotations": marks}, "spec": {}}
    after = unmarked_service(service)["metadata"]
    assert (after["labels"], after["annotations"]) == (labels, {})

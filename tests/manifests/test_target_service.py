"""A Service as a target: its copies, what it is given back as, and what it must not ask for."""

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.domain.errors import InvalidInput
from tidegate.domain.workload import SERVICE
from tidegate.manifests import handback, promotion, snapshot
from tidegate.manifests.bundle import Bundle, read_contents
from tidegate.manifests.istio import destination_rules
from tidegate.manifests.primary import canary_service, primary
from tidegate.manifests.promotion import initial_marks

VERSION = "networking.istio.io/v1"


def service(version: str = "v1", **spec: Any) -> dict[str, Any]:
    """What asks for all that its copies must not have."""
    labels = {"team": "tides", "app.kubernetes.io/instance": "podinfo"}
    marks = {"argocd.argoproj.io/tracking-id": "podinfo", "tidegate.dev/fence": "1.1", "team": "tides"}
    marks["external-dns.alpha.kubernetes.io/hostname"] = "podinfo.example.com"
    port = {"name": "http", "port": 9898, "targetPort": "http", "nodePort": 30080}
    usual = {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "loadBalancerSourceRanges": ["10.0.0.0/8"],
        "ipFamilyPolicy": "PreferDualStack",
        "sessionAffinity": "ClientIP",
        "selector": {"app": f"podinfo-{version}"},
        "ports": [port],
    }
    metadata = {"name": "podinfo", "namespace": "test", "labels": labels, "annotations": marks}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": usual | spec}


def bundle(samples: Any, target: dict[str, Any] | None, *more: dict[str, Any], **asked: Any) -> Bundle:
    canary = samples.canary
    canary["spec"]["targetRef"] = {"apiVersion": "v1", "kind": "Service", "name": "podinfo"}
    del canary["spec"]["autoscalerRef"]
    canary["spec"]["service"] |= asked
    rendered = [(canary, "canary.yaml"), (samples.template, "latency.yaml")]
    rendered += [(each, "service.yaml") for each in (target, *more) if each is not None]
    return read_contents(rendered, "test").bundles[0]


def made(target: dict[str, Any] | None = None) -> dict[str, Any]:
    marks = initial_marks("0123456789abcdef", "0c62d7c", 7)
    return primary(target or service(), replicas=1, annotations=marks)


def promoted(target: dict[str, Any]) -> dict[str, Any]:
    return promotion.promoted(made(), target, template_hash="1", revision="b", epoch=2)


def test_the_objects_are_as_kept(samples: Any, golden: Callable[[str, Any], None]) -> None:
    known = bundle(samples, service("v2"))
    first = promotion.initialised(made())
    beside = canary_service(known.target, first)
    golden(
        "target-service",
        [first, beside, promoted(known.target), *destination_rules(known.canary, VERSION)],
    )


def test_a_promotion_that_is_undone_leads_where_it_did() -> None:
    elsewhere: Any = {"type": "ExternalName", "externalName": "example.com", "ports": None}
    for target in (service("v2"), service("v2", sessionAffinity="None"), service(**elsewhere)):
        after = promotion.restored(promoted(target))
        assert SERVICE.template(after) == SERVICE.template(made())


def test_a_target_is_given_back_as_its_primary_leads() -> None:
    given = handback.serving(service("refused"), made(service("v1")), [])
    assert given["spec"]["selector"] == {"app": "podinfo-v1"}
    assert (given["spec"]["type"], given["spec"]["ports"][0]["nodePort"]) == ("LoadBalancer", 30080)


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (
            {"clusterIP": "None"},
            "spec.clusterIP: is headless: its pods are called by their own addresses, which no routing can "
            "split; remove it, or name the workload behind it as the Canary's target",
        ),
        (
            {"selector": None},
            "spec.selector: selects no pods: its endpoints are its own, and its copies would have none; "
            "select the pods of a version, or let the type be ExternalName",
        ),
        ({"selector": {}}, "select the pods of a version, or let the type be ExternalName"),
        (
            {"selector": ["app"]},
            "spec.selector: \"['app']\" is not a mapping of labels to texts; write a mapping of labels to "
            "texts",
        ),
        ({"selector": {"app": 1}}, "write a mapping of labels to texts"),
        (
            {"ports": "9898"},
            "spec.ports: '9898' is not a list of ports with their numbers; write a list of ports with their "
            "numbers",
        ),
        ({"ports": [9898]}, "write a list of ports with their numbers"),
        ({"ports": [{"port": [1]}]}, "write a list of ports with their numbers"),
        ({"type": "ExternalName"}, "spec.externalName: 'None' is not a host name; write a host name"),
    ],
)
def test_what_no_copy_could_stand_in_for_is_refused(samples: Any, spec: dict[str, Any], line: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        bundle(samples, service(**spec))
    assert str(raised.value).startswith("service.yaml: Service test/podinfo: ")
    assert str(raised.value).endswith(line)


def test_a_spec_that_is_none_is_refused(samples: Any) -> None:
    with pytest.raises(InvalidInput, match="spec: 'None' is not a mapping; write a mapping"):
        bundle(samples, service() | {"spec": None})


def test_a_port_that_routes_name_has_to_be_there(samples: Any) -> None:
    with pytest.raises(InvalidInput, match=r"spec\.ports: has no port 80, which the routes of Canary"):
        bundle(samples, service(), port=80, hosts=[], gateways=[], delegation=True)


@pytest.mark.parametrize("name", ["podinfo-primary", "podinfo-canary", "web"])
def test_another_service_that_users_call_is_refused(samples: Any, name: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        bundle(samples, service(), name=name)
    assert str(raised.value) == (
        f"canary.yaml: Canary test/podinfo: spec.service.name: is {name!r}, and a target Service is itself "
        "the one that users call; remove it, or write podinfo"
    )


@pytest.mark.parametrize("side", ["primary", "canary"])
def test_a_copy_that_is_in_git_is_refused(samples: Any, side: str) -> None:
    beside = service()
    beside["metadata"]["name"] = f"podinfo-{side}"
    with pytest.raises(InvalidInput, match="is made by the release of Canary podinfo; remove this manifest"):
        bundle(samples, service(), beside)


def test_what_a_canary_says_of_services_that_are_copies_is_a_warning(samples: Any) -> None:
    assert bundle(samples, service(), name="podinfo").warnings == ()
    (warning,) = bundle(samples, service(), headless=True, targetPort=80).warnings
    assert warning == (
        "not acted on: the target is a Service, and those beside it are copies of it: "
        "service.headless, service.targetPort"
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.96.0.7", {}), ("None", {"clusterIP": "None", "clusterIPs": ["None"]})],
)
def test_one_that_is_made_anew_asks_for_no_address_of_the_old_one(
    address: str, expected: dict[str, Any]
) -> None:
    port = {"port": 80, "nodePort": 30080}
    spec = {"selector": {"app": "a"}, "clusterIP": address, "clusterIPs": [address], "ports": [port]}
    kept = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "podinfo-primary"}, "spec": spec}
    assert snapshot.anew(kept)["spec"] == {"selector": {"app": "a"}, "ports": [{"port": 80}]} | expected

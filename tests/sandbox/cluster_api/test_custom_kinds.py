"""CustomResourceDefinitions: a kind of one's own, served at once and held to its schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client.exceptions import ApiException

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_PUBLISHED = Path(__file__).parents[4] / "shared" / "crds"
_WIDGET = {"apiVersion": "contract.test/v1", "kind": "Widget", "metadata": {"name": "a"}}
_SOURCES = ("flagger.yaml", "istio-networking.yaml", "argocd-application.yaml")


@pytest.fixture
def make(raw: Any, namespace: str, widgets: str) -> Callable[..., tuple[int, Any]]:
    """Creates a Widget from its spec."""
    path = f"{widgets}/namespaces/{namespace}/widgets"
    return lambda spec, **query: raw("POST", path, {**_WIDGET, "spec": spec}, **query)


def test_a_definition_is_established_and_discovered(raw: Any, widgets: str) -> None:
    _, definition = raw("GET", f"{_DEFINITIONS}/widgets.contract.test")
    conditions = {c["type"]: c["status"] for c in definition["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert definition["status"]["storedVersions"] == ["v1"]
    _, found = raw("GET", widgets)
    names = {resource["name"]: resource for resource in found["resources"]}
    assert set(names) == {"widgets", "widgets/status", "widgets/scale"}
    assert (names["widgets"]["shortNames"], names["widgets"]["singularName"]) == (["wd"], "widget")


def test_an_object_is_served_in_every_version(make: Any, custom: Any, namespace: str) -> None:
    make({"size": 1})
    for version in ("v1", "v1beta1"):
        found = custom.get_namespaced_custom_object("contract.test", version, namespace, "widgets", "a")
        assert (found["apiVersion"], found["spec"]["size"]) == (f"contract.test/{version}", 1)


def test_defaults_come_from_the_schema(make: Any) -> None:
    code, answer = make({"size": 1})
    assert (code, answer["spec"]) == (201, {"size": 1, "colour": "blue"})


def test_unknown_fields_are_pruned_or_refused(make: Any) -> None:
    spec = {"size": 1, "nothing": 2, "free": {"any": {"thing": 1}}}
    code, status = make(spec, fieldValidation="Strict")
    told = 'cannot be handled as a Widget: strict decoding error: unknown field "spec.nothing"'
    assert (code, status["message"]) == (400, f'Widget in version "v1" {told}')
    code, answer = make(spec)
    assert (code, answer["spec"]) == (201, {"size": 1, "colour": "blue", "free": {"any": {"thing": 1}}})


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({}, "spec.size", "FieldValueRequired"),
        ({"size": "big"}, "spec.size", "FieldValueTypeInvalid"),
        ({"size": 0}, "spec.size", "FieldValueInvalid"),
        ({"size": 1, "colour": "green"}, "spec.colour", "FieldValueNotSupported"),
        ({"size": 1, "code": "A1"}, "spec.code", "FieldValueInvalid"),
        ({"size": 1, "parts": [{"name": "x"}, {"name": "x"}]}, "spec.parts[1]", "FieldValueDuplicate"),
    ],
)
def test_what_breaks_the_schema_is_refused(make: Any, spec: dict[str, Any], field: str, reason: str) -> None:
    code, status = make(spec)
    causes = [(cause["field"], cause["reason"]) for cause in status["details"]["causes"]]
    assert (code, causes) == (422, [(field, reason)])


def test_a_custom_replacement_must_name_its_revision(
    make: Any, raw: Any, namespace: str, widgets: str
) -> None:
    make({"size": 1})
    path = f"{widgets}/namespaces/{namespace}/widgets/a"
    code, status = raw("PUT", path, {**_WIDGET, "spec": {"size": 2}})
    assert (code, "must be specified for an update" in status["message"]) == (422, True)


def test_status_and_scale_are_subresources(make: Any, raw: Any, namespace: str, widgets: str) -> None:
    make({"size": 1, "replicas": 2})
    path = f"{widgets}/namespaces/{namespace}/widgets/a"
    merge = "application/merge-patch+json"
    change = {"spec": {"size": 9}, "status": {"phase": "Ready", "replicas": 1}}
    _, answer = raw("PATCH", f"{path}/status", change, content_type=merge)
    assert (answer["spec"]["size"], answer["status"]["phase"]) == (1, "Ready")
    _, scale = raw("PATCH", f"{path}/scale", {"spec": {"replicas": 5}}, content_type=merge)
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (5, 1)
    assert raw("GET", path)[1]["metadata"]["generation"] == 2


def test_a_table_has_the_definitions_columns(make: Any, raw: Any, namespace: str, widgets: str) -> None:
    make({"size": 3})
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    _, found = raw("GET", f"{widgets}/namespaces/{namespace}/widgets", accept=accept)
    assert [column["name"] for column in found["columnDefinitions"]] == ["Name", "Size", "Phase"]
    assert found["rows"][0]["cells"] == ["a", 3, None]


def test_a_definition_takes_its_objects_along(
    raw: Any, namespace: str, wait_established: Any, eventually: Any
) -> None:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {
        "group": "passing.test",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [version],
    }
    body = {"metadata": {"name": "things.passing.test"}, "spec": spec}
    assert raw("POST", _DEFINITIONS, body)[0] == 201
    wait_established("things.passing.test")
    head = {"apiVersion": "passing.test/v1", "kind": "Thing"}
    path = f"/apis/passing.test/v1/namespaces/{namespace}/things"
    assert raw("POST", path, {**head, "metadata": {"name": "a"}, "free": 1})[0] == 201
    raw("DELETE", f"{_DEFINITIONS}/things.passing.test")
    eventually(lambda: raw("GET", path)[0] == 404)
    eventually(lambda: raw("GET", "/apis/passing.test")[0] == 404)


def test_a_definition_must_be_named_after_its_kind(raw: Any) -> None:
    body = {"metadata": {"name": "wrong"}, "spec": {"group": "g.test", "names": {"plural": "things"}}}
    code, status = raw("POST", _DEFINITIONS, body)
    fields = {cause["field"] for cause in status["details"]["causes"]}
    assert (code, fields) >= (422, {"metadata.name", "spec.names.kind", "spec.versions"})


@pytest.fixture(scope="module")
def published(raw: Any, wait_established: Any) -> None:
    """The definitions that Istio, Flagger and Argo CD publish, in the cluster."""
    if not _PUBLISHED.is_dir():
        pytest.skip(f"the published definitions are not at {_PUBLISHED}")
    for source in _SOURCES:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for body in yaml.load_all((_PUBLISHED / source).read_text(), Loader=loader):
            if body:
                code, answer = raw("POST", _DEFINITIONS, body)
                assert code in (201, 409), answer
                wait_established(body["metadata"]["name"])


@pytest.mark.usefixtures("published")
def test_published_kinds_are_served(dyn: Any, raw: Any) -> None:
    _, groups = raw("GET", "/apis")
    names = {group["name"] for group in groups["groups"]}
    assert {"flagger.app", "networking.istio.io", "argoproj.io"} <= names
    _, istio = raw("GET", "/apis/networking.istio.io")
    assert [v["version"] for v in istio["versions"]] == ["v1", "v1beta1", "v1alpha3"]
    assert istio["preferredVersion"]["version"] == "v1"


_ROUTES = [
    {"destination": {"host": "a-primary"}, "weight": 95},
    {"destination": {"host": "a-canary"}, "weight": 5},
]
_PUBLISHED_OBJECTS: list[tuple[str, str, str, dict[str, Any]]] = [
    (
        "networking.istio.io/v1",
        "VirtualService",
        "virtualservices",
        {"hosts": ["a"], "http": [{"route": _ROUTES}]},
    ),
    (
        "networking.istio.io/v1beta1",
        "Gateway",
        "gateways",
        {"servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}]},
    ),
    ("networking.istio.io/v1", "DestinationRule", "destinationrules", {"host": "a-primary"}),
    (
        "flagger.app/v1beta1",
        "Canary",
        "canaries",
        {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"},
            "service": {"port": 80},
            "analysis": {"interval": "30s", "threshold": 5, "stepWeight": 5, "maxWeight": 50},
        },
    ),
    (
        "argoproj.io/v1alpha1",
        "Application",
        "applications",
        {
            "project": "default",
            "source": {"repoURL": "https://git.test/a", "path": "."},
            "destination": {"name": "mesh02", "namespace": "default"},
        },
    ),
]


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(("version", "kind", "plural", "spec"), _PUBLISHED_OBJECTS)
def test_a_published_kind_keeps_its_objects_whole(
    custom: Any,
    namespace: str,
    version: str,
    kind: str,
    plural: str,
    spec: dict[str, Any],
) -> None:
    group, _, short = version.partition("/")
    body = {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    made = custom.create_namespaced_custom_object(
        group, short, namespace, plural, body, field_validation="Strict"
    )
    assert {name: made["spec"][name] for name in spec} == spec


@pytest.mark.usefixtures("published")
def test_a_published_schema_refuses_what_it_forbids(custom: Any, namespace: str) -> None:
    body = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "a"},
        "spec": {"http": [{"route": [{"destination": {}, "weight": "many"}]}]},
    }
    with pytest.raises(ApiException) as refused:
        custom.create_namespaced_custom_object(
            "networking.istio.io", "v1", namespace, "virtualservices", body
        )
    assert refused.value.status == 422
    assert "spec.http[0].route[0].weight" in str(refused.value.body)

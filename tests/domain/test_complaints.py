"""Whatever a manifest's field may hold, the complaint about it is in plain words and names the field."""

from typing import Any

import pytest
from pydantic import ValidationError

from tidegate.domain.alert_provider import AlertProvider
from tidegate.domain.application import Application
from tidegate.domain.base import ManifestModel
from tidegate.domain.canary import Canary
from tidegate.domain.complaints import complaint
from tidegate.domain.errors import InvalidInput
from tidegate.domain.metric_template import MetricTemplate
from tidegate.domain.release_policy import ReleasePolicy, Step
from tidegate.domain.service import Service

ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    "1.5x",
    -1,
    10**30,
    2.5,
    float("nan"),
    True,
    [],
    [{}],
    ["x"],
    {},
    {"x": 1},
    b"\xff",
)
JARGON = (
    "Input should",
    "String should",
    "should have",
    "unable to",
    "pattern '",
    "valid ",
    "Field required",
)
ANALYSIS = {"interval": "30s", "stepWeight": 10, "webhooks": [{"name": "load", "url": "http://tester"}]}


@pytest.mark.parametrize("model", [Application, Canary, MetricTemplate, AlertProvider, ReleasePolicy])
def test_no_complaint_about_any_field_is_in_a_parsers_words(model: type[ManifestModel]) -> None:
    for part in _models(model):
        for name, field in part.model_fields.items():
            for value in ODD:
                for said in _complaints(part, {field.alias or name: value}):
                    assert not [word for word in JARGON if word in said], (part, name, value, said)


def _complaints(model: type[ManifestModel], value: object) -> list[str]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [complaint(fault) for fault in error.errors()]
    return []


def _said(model: type[ManifestModel], value: object) -> str:
    try:
        model.parse(value)
    except InvalidInput as error:
        return str(error)
    return ""


def _models(model: type[ManifestModel]) -> set[type[ManifestModel]]:
    """A model and all that its fields are made of."""
    found, seen = [model], set()
    while found:
        part = found.pop()
        if part not in seen:
            seen.add(part)
            found += [each for field in part.model_fields.values() for each in _named(field.annotation)]
    return seen


def _named(annotation: Any) -> list[type[ManifestModel]]:
    if isinstance(annotation, type) and issubclass(annotation, ManifestModel):
        return [annotation]
    return [each for argument in getattr(annotation, "__args__", ()) for each in _named(argument)]


@pytest.mark.parametrize(
    ("analysis", "said"),
    [
        (
            {"stepWeight": "ten"},
            "spec.analysis.stepWeight: is not a whole number; correct this value (it is 'ten')",
        ),
        (
            {"webhooks": [{"name": "load", "url": "tester"}]},
            "spec.analysis.webhooks[0].url: is not an http(s) URL;",
        ),
        ({"maxWeight": 101}, "spec.analysis.maxWeight: is more than 100; correct this value (it is 101)"),
        ({"metrics": {"name": "x"}}, "spec.analysis.metrics: is not a list;"),
        ({"metrics": [{"interval": "1m"}]}, "spec.analysis.metrics[0].name: is missing; add it"),
        ({"treshold": 5}, "spec.analysis.treshold: is not a known field; check the spelling or remove it"),
    ],
)
def test_a_complaint_names_field_fault_and_mend(analysis: dict[str, Any], said: str) -> None:
    canary = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 80},
            "analysis": ANALYSIS | analysis,
        },
    }
    assert _said(Canary, canary).startswith(said)


def test_a_value_that_may_be_of_several_types_gets_one_complaint() -> None:
    said = "targetPort: is not a whole number and is not a text; correct this value (it is [])"
    assert _said(Service, {"port": 80, "targetPort": []}) == said
    assert _said(Step, {"weight": "x"}).startswith("weight: is not a number; ")

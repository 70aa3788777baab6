"""Argo CD's health rules, kind by kind: a case is an object with the status and the message it has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.decisions import health
from tidegate.decisions.health import Health, Status, has_rule, health_of, worst

FIXTURES = Path(__file__).parent / "fixtures"


def cases() -> Iterator[Any]:
    for file in sorted(FIXTURES.glob("*.yaml")):
        for case in yaml.safe_load(file.read_text()):
            expected = Health(Status(case["status"]), case.get("message", ""))
            yield pytest.param(case["object"], expected, id=f"{file.stem}: {case['claim']}")


@pytest.mark.parametrize(("manifest", "expected"), list(cases()))
def test_an_objects_health_follows_its_kinds_rule(manifest: Any, expected: Health) -> None:
    assert health_of(manifest) == expected


def test_every_rule_has_fixtures() -> None:
    rules = {file.stem for file in Path(health.__file__).parent.glob("*.py")} - {"__init__", "status"}
    assert {file.stem for file in FIXTURES.glob("*.yaml")} == rules


@pytest.mark.parametrize(
    "manifest",
    [
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"apiVersion": "serving.knative.dev/v1", "kind": "Service"},
        {},
    ],
)
def test_kinds_without_a_rule_have_no_health(manifest: Any) -> None:
    assert health_of(manifest) is None
    assert not has_rule(manifest)


def test_the_worst_part_is_the_health_of_the_whole() -> None:
    parts = [Health(status) for status in Status if status is not Status.UNKNOWN]
    assert worst(parts) == Health(Status.DEGRADED)


def test_the_first_of_several_as_bad_is_told() -> None:
    parts = [Health(Status.PROGRESSING, "one"), Health(Status.HEALTHY), Health(Status.PROGRESSING, "two")]
    assert worst(parts) == Health(Status.PROGRESSING, "one")


def test_a_whole_without_parts_is_healthy() -> None:
    assert worst([]) == Health(Status.HEALTHY)


@pytest.mark.parametrize("status", Status)
def test_only_the_healthy_and_the_suspended_are_settled(status: Status) -> None:
    assert status.settled is (status in (Status.HEALTHY, Status.SUSPENDED))

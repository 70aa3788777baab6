"""All that is made beside the routes, in every strategy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.strategies import CASES, VERSION, analysed
from tidegate.domain.manifest import Manifest
from tidegate.domain.marks import ROLLBACK, TEMPLATE_HASH, annotations
from tidegate.manifests.autoscaler import primary_autoscaler
from tidegate.manifests.baseline import baseline
from tidegate.manifests.istio import baseline_rule, destination_rules
from tidegate.manifests.naming import selector_of
from tidegate.manifests.primary import primary
from tidegate.manifests.promotion import initial_marks, initialised, promoted
from tidegate.manifests.services import baseline_service, services

GOLDEN = Path(__file__).parent / "golden"
OWN = {"tcp", "baseline", "baseline-tcp", "port-discovery"}
"""The strategies in which these objects are others than in all the rest, where they are `plain`."""


def made(samples: Any, name: str) -> Iterator[Manifest]:
    """The objects beside the VirtualService, in the order of their making."""
    analysis, service, routing = CASES[name]
    canary = analysed(analysis, **{"trafficPolicy": {"tls": {"mode": "DISABLE"}}, **service})
    target = samples.deployment
    (container,) = target["spec"]["template"]["spec"]["containers"]
    container["ports"].append({"name": "metrics", "containerPort": 9797})
    first = primary(target, replicas=2, annotations=initial_marks("0123456789abcdef", "0c62d7c", 7))
    yield first
    yield primary_autoscaler(samples.hpa, "podinfo-primary")
    yield from services(canary, target)
    yield from destination_rules(canary, VERSION)
    if routing.baseline:
        yield baseline(canary, first, selector_of(target), 1)
        yield baseline_service(canary, target)
        yield baseline_rule(canary, VERSION)


def golden_of(name: str) -> str:
    """The kept file of a strategy's objects."""
    known = name.replace("baseline-delegation", "baseline")
    return f"objects/{known if known in OWN else 'plain'}"


@pytest.mark.parametrize("name", CASES)
def test_each_strategy_has_these_objects(samples: Any, name: str, golden: Any) -> None:
    golden(golden_of(name), list(made(samples, name)))


@pytest.mark.parametrize("file", sorted(GOLDEN.rglob("*.yaml")), ids=lambda file: file.stem)
def test_every_kept_object_fits_its_schema(file: Path, schema_checked: Any) -> None:
    for document in yaml.safe_load_all(file.read_text()):
        for manifest in document if isinstance(document, list) else [document]:
            schema_checked(manifest)


def test_a_promoted_primary_fits_its_schema(samples: Any, schema_checked: Any) -> None:
    first, scaler, *_ = made(samples, "weighted")
    after = promoted(
        initialised(first), samples.deployment, template_hash="x", revision="y", epoch=8, autoscaler=scaler
    )
    assert {ROLLBACK, TEMPLATE_HASH} <= annotations(after).keys()
    schema_checked(after)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "trafficPolicy", "tls", "mode"), "MAYBE"),
        (("spec", "trafficPolicy", "loadBlancer"), {}),
        (("spec", "hosts"), ["podinfo"]),
    ],
)
def test_a_destination_rule_that_istio_would_refuse_does_not_fit(
    samples: Any, schema_checked: Any, path: tuple[str, ...], value: object
) -> None:
    rule = next(each for each in made(samples, "weighted") if each["kind"] == "DestinationRule")
    part = rule
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(AssertionError):
        schema_checked(rule)

"""The harness sees what a release has broken."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from benchmarks.faults import invariants
from benchmarks.faults.application import PRIMARY
from benchmarks.faults.canary import VIRTUAL_SERVICES
from benchmarks.faults.case import Case, Kind
from benchmarks.faults.invariants import check
from benchmarks.faults.release import Release
from benchmarks.faults.scene import Scene
from benchmarks.gateway import Answer
from benchmarks.installation import CLUSTER, NAME
from tidegate.domain.release import Outcome
from tidegate.sandbox.client import DEPLOYMENTS, Resource

CONTAINER = {"name": "podinfod", "image": "stefanprodan/podinfo:3.1.0"}
HARM: dict[str, tuple[str, Resource, str, dict[str, Any]]] = {
    "the target is at": (CLUSTER, DEPLOYMENTS, NAME, {"spec": {"replicas": 1}}),
    "the primary's template is not exactly the new one: 3.1.0": (
        CLUSTER,
        DEPLOYMENTS,
        PRIMARY,
        {"spec": {"template": {"spec": {"containers": [CONTAINER]}}}},
    ),
    "the primary still has the record": (
        CLUSTER,
        DEPLOYMENTS,
        PRIMARY,
        {"metadata": {"annotations": {"tidegate.dev/rollback": "{}"}}},
    ),
}


async def _nothing(scene: Scene, release: Release) -> None:
    """No fault."""


CASE = Case("nothing", "none", Kind.GOOD, _nothing)


@pytest.fixture(scope="module")
async def promoted(scene: Scene) -> AsyncIterator[Release]:
    release = await scene.begin(Kind.GOOD)
    await release.ended(within=60)
    yield release
    await release.follower.stop()
    await scene.new_application()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "SETTLING_SECONDS", 0.5)


async def test_a_release_without_a_fault_breaks_nothing(promoted: Release) -> None:
    assert await check(promoted, CASE) == []


async def test_another_end_than_expected_is_seen(promoted: Release) -> None:
    (violation,) = await check(promoted, CASE._replace(outcomes=frozenset({Outcome.ABORTED}), side="new"))
    assert violation.startswith("it ended as promoted")


async def test_a_fault_that_nothing_names_is_seen(promoted: Release) -> None:
    (violation,) = await check(promoted, CASE._replace(named="lightning"))
    assert violation == "nothing that it says names the fault (lightning)"


async def test_a_failed_request_is_seen(promoted: Release) -> None:
    promoted.application.canary.answers.append(Answer(0.0, 0.1, failure="503"))
    (violation,) = await check(promoted, CASE)
    assert violation.endswith("requests failed: {'503': 1}")
    assert await check(promoted, CASE._replace(allowed=lambda answer: answer.failure == "503")) == []


async def test_a_second_promotion_is_seen(promoted: Release) -> None:
    promoted.application.canary.templates[CLUSTER] += [promoted.old, promoted.new]
    (violation,) = [each for each in await check(promoted, CASE) if "->" in each]
    assert violation.endswith(f"{promoted.new} -> {promoted.old} -> {promoted.new}")


async def test_a_split_left_behind_is_seen(promoted: Release, impatient: None) -> None:
    routes = (await promoted.application.canary.virtual_service())["spec"]["http"]
    for route in routes[0]["route"]:
        route["weight"] = 75 if route["destination"]["host"] == PRIMARY else 25
    await _patch(promoted, "asm", VIRTUAL_SERVICES, NAME, {"spec": {"http": routes}})
    found = await check(promoted, CASE)
    assert any(each.startswith("the VirtualService has weights") for each in found)
    assert "Envoy gives the canary 25 %" in found


@pytest.mark.parametrize("violation", HARM)
async def test_a_workload_left_behind_is_seen(promoted: Release, violation: str, impatient: None) -> None:
    await _patch(promoted, *HARM[violation])
    assert any(each.startswith(violation) for each in await check(promoted, CASE))


async def _patch(
    release: Release, cluster: str, resource: Resource, name: str, patch: dict[str, Any]
) -> None:
    application = release.application
    meta = {"metadata": {"name": name, "namespace": application.namespace}}
    await application.world.clients[cluster].patch(resource, meta, patch)

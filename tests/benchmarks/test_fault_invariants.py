"""The harness sees applications that are mixed, or not given back to their owner."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import pytest

from benchmarks.faults import owner
from benchmarks.faults.application import PAIR, WIDE, Application, Layout
from benchmarks.faults.canary import MESH, VIRTUAL_SERVICES, Canary
from benchmarks.faults.case import Kind
from benchmarks.faults.invariants import together
from benchmarks.faults.release import Release
from tidegate.sandbox.client import (
    AUTOSCALERS,
    DEPLOYMENTS,
    SERVICES,
    ConflictError,
    NotFoundError,
    Object,
    Resource,
)

CLUSTERS = ("mesh02", "mesh03", MESH)


class Shelf:
    """A cluster that keeps what it is given."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}

    async def get(self, resource: Resource, _: str | None, name: str) -> Object:
        try:
            return self.objects[resource.kind, name]
        except KeyError:
            raise NotFoundError(404, "NotFound", f"{resource.kind} {name} not found") from None

    async def create(self, resource: Resource, manifest: Object) -> None:
        key = resource.kind, manifest["metadata"]["name"]
        if key in self.objects:
            raise ConflictError(409, "AlreadyExists", "it is there")
        self.objects[key] = deepcopy(manifest)


class World:
    gateway_url = "http://127.0.0.1:1"

    def __init__(self) -> None:
        self.clients = {name: Shelf() for name in CLUSTERS}


@pytest.fixture
def world() -> World:
    return World()


def running(world: World, tmp_path: Any, layout: Layout, **versions: str) -> Release:
    """A release from 3.1.0 to 3.1.1, whose primaries run these versions, by cluster and canary."""
    application = Application(cast(Any, world), "test", tmp_path, lambda folder: folder.as_uri(), layout)
    for canary in application.canaries:
        for cluster in canary.clusters:
            if version := versions.get(f"{canary.name}_{cluster}"):
                container = {"image": f"stefanprodan/podinfo:{version}"}
                primary = {"spec": {"template": {"spec": {"containers": [container]}}}}
                world.clients[cluster].objects["Deployment", canary.primary] = primary
    return Release(cast(Any, None), application, Kind.GOOD, "3.1.0", "3.1.1")


@pytest.mark.parametrize(
    ("layout", "versions", "violation"),
    [
        pytest.param(PAIR, {"podinfo_mesh02": "3.1.1", "backend_mesh02": "3.1.1"}, "", id="both are new"),
        pytest.param(PAIR, {"podinfo_mesh02": "3.1.0", "backend_mesh02": "3.1.0"}, "", id="both are old"),
        pytest.param(
            PAIR,
            {"podinfo_mesh02": "3.1.1", "backend_mesh02": "3.1.0"},
            "different versions: podinfo in mesh02 3.1.1, backend in mesh02 3.1.0",
            id="a mixed pair",
        ),
        pytest.param(
            WIDE,
            {"podinfo_mesh02": "3.1.0", "podinfo_mesh03": "3.1.1"},
            "different versions: podinfo in mesh02 3.1.0, podinfo in mesh03 3.1.1",
            id="mixed clusters",
        ),
        pytest.param(
            PAIR, {"podinfo_mesh02": "3.1.1", "backend_mesh02": "9"}, "the primary runs 9", id="neither"
        ),
    ],
)
async def test_primaries_that_do_not_run_the_same_version_are_seen(
    world: World, tmp_path: Any, layout: Layout, versions: dict[str, str], violation: str
) -> None:
    found = await together(running(world, tmp_path, layout, **versions))
    assert violation in "".join(found)
    assert bool(found) == bool(violation)


@pytest.fixture
async def canary(world: World) -> Canary:
    """podinfo as its owner has it, with all its pods."""
    canary = Canary(cast(Any, world), "test", "podinfo", "test.example.com", ("mesh02",), 1)
    await owner.bring(canary)
    live = world.clients["mesh02"].objects["Deployment", "podinfo"]
    live["status"] = {"readyReplicas": owner.PODS}
    return canary


async def given_back(canary: Canary, world: World) -> list[str]:
    template = deepcopy(world.clients["mesh02"].objects["Deployment", "podinfo"]["spec"]["template"])
    template["spec"]["containers"][0]["image"] = f"stefanprodan/podinfo:{owner.FIRST_VERSION}"
    return await owner.given_back(canary, "mesh02", template)


async def test_what_its_owner_had_is_given_back(canary: Canary, world: World) -> None:
    assert await given_back(canary, world) == []


async def test_a_fence_stays_on_what_is_given_back(canary: Canary, world: World) -> None:
    fence = {"tidegate.dev/fence": "1700000000000.3"}
    world.clients["mesh02"].objects["Deployment", "podinfo"]["metadata"]["annotations"] = fence
    assert await given_back(canary, world) == []


Harm = Callable[[World], None]


def change(cluster: str, resource: Resource, edit: Callable[[Object], object]) -> Harm:
    return lambda world: cast(None, edit(world.clients[cluster].objects[resource.kind, "podinfo"]))


def leave(cluster: str, resource: Resource, name: str) -> Harm:
    return lambda world: world.clients[cluster].objects.update({(resource.kind, name): {}})


def image(live: Object) -> None:
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "stefanprodan/podinfo:9"


HARMS: dict[str, Harm] = {
    "the target does not run what the primary ran": change("mesh02", DEPLOYMENTS, image),
    "the target has 1 ready pods": change(
        "mesh02", DEPLOYMENTS, lambda live: live["status"].update(readyReplicas=1)
    ),
    "the Service selects": change(
        "mesh02", SERVICES, lambda live: live["spec"].update(selector={"app": "podinfo-primary"})
    ),
    "the Service has labels": change("mesh02", SERVICES, lambda live: live["metadata"].update(labels={})),
    "the VirtualService leads to": change(
        MESH, VIRTUAL_SERVICES, lambda live: live["spec"].update(http=[{"name": "mine"}])
    ),
    "VirtualService podinfo still bears tidegate.dev/release": change(
        MESH,
        VIRTUAL_SERVICES,
        lambda live: live["metadata"].update(annotations={"tidegate.dev/release": "release/a/b/c"}),
    ),
    "Deployment podinfo still bears tidegate.dev/judged-template": change(
        "mesh02",
        DEPLOYMENTS,
        lambda live: live["metadata"].update(annotations={"tidegate.dev/judged-template": "4f"}),
    ),
    "Service podinfo still bears tidegate.dev/copy": change(
        "mesh02", SERVICES, lambda live: live["metadata"]["labels"].update({"tidegate.dev/copy": "true"})
    ),
    "Deployment podinfo-primary is left in mesh02": leave("mesh02", DEPLOYMENTS, "podinfo-primary"),
    "HorizontalPodAutoscaler podinfo-primary is left": leave("mesh02", AUTOSCALERS, "podinfo-primary"),
    "Deployment podinfo not found": lambda world: cast(
        None, world.clients["mesh02"].objects.pop(("Deployment", "podinfo"))
    ),
}


@pytest.mark.parametrize("violation", HARMS)
async def test_what_is_not_given_back_is_seen(canary: Canary, world: World, violation: str) -> None:
    HARMS[violation](world)
    assert any(violation in each for each in await _looked(canary, world))


async def _looked(canary: Canary, world: World) -> list[str]:
    try:
        return await given_back(canary, world)
    except KeyError:
        return await owner.given_back(canary, "mesh02", {})

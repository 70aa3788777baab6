"""Faults of other writers: somebody edits or deletes what a release needs, in each of its stages."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.faults.application import CANARY, PRIMARY, Application
from benchmarks.faults.canary import DESTINATION_RULES, MESH, VIRTUAL_SERVICES
from benchmarks.faults.case import RELEASES, USUAL, Case, Inject, Kind, all_allowed, none_allowed
from benchmarks.faults.ends import EITHER_END, ROLLED_BACK
from benchmarks.faults.follower import Point
from benchmarks.faults.release import STAGES, STAGES_BACK, Release
from benchmarks.faults.scene import Scene
from benchmarks.installation import CLUSTER, NAME
from tidegate.domain.release import Outcome
from tidegate.sandbox.client import (
    AUTOSCALERS,
    DEPLOYMENTS,
    NAMESPACES,
    SERVICES,
    NotFoundError,
    Object,
    Resource,
)

Harm = Callable[[Application], Awaitable[None]]
UNTIL_NOTICED_SECONDS = 0.2


class Writer(NamedTuple):
    """What somebody does, the ends that are right, and how a release names it where it notices.

    `unavoidable` says why requests fail whatever a release does; empty: none may.
    """

    name: str
    harm: Harm
    ends: frozenset[Outcome] = EITHER_END
    said: str = ""
    unavoidable: str = ""
    target_lost: bool = False
    until: str = "route-back"
    """The last stage in which a later step can put it right."""


def _on(cluster: str, resource: Resource, name: str, patch: Object) -> Harm:
    async def change(application: Application) -> None:
        target = {"metadata": {"name": name, "namespace": application.namespace}}
        await application.world.clients[cluster].patch(resource, target, patch)

    return change


def _away(cluster: str, resource: Resource, name: str) -> Harm:
    async def delete(application: Application) -> None:
        target = {"metadata": {"name": name, "namespace": application.namespace}}
        await application.world.clients[cluster].delete(resource, target)

    return delete


async def even_weights(application: Application) -> None:
    """Half of the traffic each, whatever is behind."""
    routes = (await application.canary.virtual_service())["spec"]["http"]
    for each in routes[0]["route"]:
        each["weight"] = 50
    await _on(MESH, VIRTUAL_SERVICES, NAME, {"spec": {"http": routes}})(application)


async def own_routes(application: Application) -> None:
    """All to the primary's service, under a route of the writer's own."""
    host = f"{PRIMARY}.{application.namespace}.svc.cluster.local"
    http = [{"name": "mine", "route": [{"destination": {"host": host}}]}]
    await _on(MESH, VIRTUAL_SERVICES, NAME, {"spec": {"http": http}})(application)


def _template(image: str) -> dict[str, Any]:
    return {"spec": {"template": {"metadata": {"annotations": {"edited-by": image}}}}}


WRITERS = (
    Writer("sets the weights to 50/50", even_weights, said=r"VirtualService podinfo\S* was changed by"),
    Writer("replaces the routes by their own", own_routes, said=r"VirtualService podinfo\S* was changed by"),
    Writer(
        "deletes the VirtualService",
        _away(MESH, VIRTUAL_SERVICES, NAME),
        said=r"VirtualService podinfo\S* was deleted by another writer",
        until="promote",
        unavoidable="without routes the gateway answers 404 until the next step writes them",
    ),
    Writer("scales the target up", _on(CLUSTER, DEPLOYMENTS, NAME, {"spec": {"replicas": 4}})),
    Writer(
        "scales the target to 0",
        _on(CLUSTER, DEPLOYMENTS, NAME, {"spec": {"replicas": 0}}),
        said="podinfo was scaled to 0 by",
        unavoidable="the canary's share has no pods until the judge has looked",
    ),
    Writer(
        "edits the target's template",
        _on(CLUSTER, DEPLOYMENTS, NAME, _template("somebody")),
        said="podinfo was changed by",
        target_lost=True,
    ),
    Writer(
        "deletes the target",
        _away(CLUSTER, DEPLOYMENTS, NAME),
        said="podinfo was deleted by another writer",
        target_lost=True,
        unavoidable="the canary's share has no pods until the judge has looked",
    ),
    Writer(
        "deletes the primary",
        _away(CLUSTER, DEPLOYMENTS, PRIMARY),
        said="podinfo-primary was deleted by another writer",
        until="promote",
        unavoidable="nobody serves the primary's share until it is made anew",
    ),
    Writer(
        "edits the primary's template",
        _on(CLUSTER, DEPLOYMENTS, PRIMARY, _template("somebody")),
        said="podinfo-primary was changed by",
        until="bake-50",
    ),
    *(
        Writer(
            f"deletes the Service {name}",
            _away(CLUSTER, SERVICES, name),
            said=rf"Service {name}\S* was deleted by another writer",
            until="bake-50",
            unavoidable="the mesh does not know the host until the next step has made it anew",
        )
        for name in (NAME, PRIMARY, CANARY)
    ),
    Writer(
        "deletes a DestinationRule",
        _away(MESH, DESTINATION_RULES, PRIMARY),
        said=r"DestinationRule podinfo-primary\S* was deleted by another writer",
        until="bake-50",
    ),
    Writer("deletes the primary's autoscaler", _away(CLUSTER, AUTOSCALERS, PRIMARY)),
)

BOUNDED = {
    "sets the weights to 50/50": ("bake-25", Kind.GOOD),
    "replaces the routes by their own": ("bake-25", Kind.BAD),
    "deletes the VirtualService": ("bake-25", Kind.ABORTED),
    "scales the target up": ("bake-25", Kind.GOOD),
    "scales the target to 0": ("bake-50", Kind.GOOD),
    "edits the target's template": ("bake-50", Kind.GOOD),
    "deletes the target": ("bake-25", Kind.GOOD),
    "deletes the primary": ("bake-50", Kind.GOOD),
    "edits the primary's template": ("bake-25", Kind.BAD),
    f"deletes the Service {PRIMARY}": ("bake-25", Kind.GOOD),
}
"""What is run without --all: one stage of one kind of release for each of these."""

NOTICED = ("bake-25", "bake-50")
"""Where every later step looks at what stands around it; right beside a step, it may have looked already."""

OF_THE_TARGET = ("podinfo was scaled", "podinfo was changed", "podinfo was deleted")
"""Nobody asks how the target is that an abort takes away."""

MID_RELEASE = ("scale-up", "bake-25", "route-50", "bake-50", "promote", "route-back")
ON_THE_WAY_BACK = ("bake-25", "route-back")


def cases() -> Iterator[Case]:
    """All of them."""
    for writer in WRITERS:
        for kind in RELEASES:
            stages = MID_RELEASE if kind is Kind.GOOD else ON_THE_WAY_BACK
            for stage in stages[: stages.index(writer.until) + 1] if writer.until in stages else stages:
                yield _case(writer, kind, stage, (STAGES | STAGES_BACK)[stage])
    for stage in ("bake-25", "promote"):
        yield _namespace_gone(stage)


def _case(writer: Writer, kind: Kind, stage: str, point: Point) -> Case:
    return Case(
        name=f"another writer {writer.name} in {stage} of a {kind} release",
        group="other writers",
        kind=kind,
        inject=_harming(writer.harm, point),
        outcomes=writer.ends if kind is Kind.GOOD else frozenset({USUAL[kind]}) | _may_not_stand(kind),
        named=writer.said if _is_noticed(writer, kind, stage) else "",
        # Half of the traffic goes to pods that are not there yet, until the next routing.
        allowed=all_allowed if writer.unavoidable or stage == "scale-up" else none_allowed,
        target_lost=writer.target_lost,
        bounded=BOUNDED.get(writer.name) == (stage, kind),
    )


def _is_noticed(writer: Writer, kind: Kind, stage: str) -> bool:
    if stage not in NOTICED or (writer.harm is even_weights and stage == "bake-50"):
        return False  # The weights are what they were.
    return kind is not Kind.ABORTED or not writer.said.startswith(OF_THE_TARGET)


def _may_not_stand(kind: Kind) -> frozenset[Outcome]:
    """What another writer has broken may end a release before somebody aborts it."""
    return ROLLED_BACK if kind is Kind.ABORTED else frozenset()


def _harming(harm: Harm, point: Point) -> Inject:
    async def inject(scene: Scene, release: Release) -> None:
        await release.until(point)
        with release.fault():
            await harm(release.application)

    return inject


def _namespace_gone(stage: str) -> Case:
    """Everything is deleted: nothing is left to bring back, and the release has to say so and end."""

    async def inject(scene: Scene, release: Release) -> None:
        await release.until(STAGES[stage])
        namespace = {"metadata": {"name": release.application.namespace}}
        with release.fault():
            for cluster in (CLUSTER, MESH):
                await scene.world.clients[cluster].delete(NAMESPACES, namespace)
            await _until_gone(scene, release.application.namespace)

    return Case(
        name=f"somebody deletes the namespace in {stage} of a good release",
        group="other writers",
        kind=Kind.GOOD,
        inject=inject,
        outcomes=frozenset({Outcome.ROLLED_BACK, Outcome.FAILED}),
        named="deleted by another writer|does not exist|not found|being terminated",
        allowed=all_allowed,
        all_lost=True,
        bounded=False,
    )


async def _until_gone(scene: Scene, namespace: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            await scene.world.clients[CLUSTER].get(NAMESPACES, None, namespace)
        except NotFoundError:
            return
        await asyncio.sleep(UNTIL_NOTICED_SECONDS)

"""Faults of pods: they crash, are never ready, become unready in mid-bake, or fail once they are promoted."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import aiohttp

from benchmarks.faults.application import PRIMARY, Application
from benchmarks.faults.case import RELEASES, Case, Inject, Kind, all_allowed
from benchmarks.faults.ends import ROLLED_BACK
from benchmarks.faults.follower import Point
from benchmarks.faults.release import FIRST_BAKE, PROMOTE, SCALE_UP, Release
from benchmarks.faults.scene import Scene
from benchmarks.gateway import Answer
from benchmarks.installation import CLUSTER, NAME
from tidegate.sandbox.addresses import loopback_address
from tidegate.sandbox.client import CONFIG_MAPS, PODS, Object
from tidegate.sandbox.informer import cancel

COMMAND = ["./podinfo", "--port=9898", "--level=info"]
PORT = 9898
DEPENDENCY = "dependency"
"""A ConfigMap that nobody has, until it makes every pod that starts from then on unready."""

LONG_BAKE = {"interval": "5s"}
"""Probes take three seconds to find out that a pod is not ready any more."""

NOT_READY = "no pod of podinfo is ready"
Harm = Callable[[Application], Coroutine[Any, Any, None]]


def cases() -> Iterator[Case]:
    """All of them."""
    yield _stillborn("crashes at its start", [*COMMAND, "--no-such-flag"], "exited with 2|CrashLoopBackOff")
    yield _stillborn("never becomes ready", [*COMMAND, "--unready"], "not ready")
    yield _mid_bake("crashes again and again in mid-bake", _crash_on, rf"{NOT_READY}|success rate \S+ <")
    yield _mid_bake("becomes unready in mid-bake", _turn_unready, NOT_READY)
    yield _failing_promotion()
    for kind in RELEASES:
        yield _primary_killed(kind)


def _stillborn(what: str, command: list[str], named: str) -> Case:
    async def inject(scene: Scene, release: Release) -> None:
        await release.until(SCALE_UP)

    return Case(
        name=f"a version that {what}",
        group="pods",
        kind=Kind.GOOD,
        inject=inject,
        outcomes=ROLLED_BACK,
        named=named,
        container={"command": command},
        bounded="start" in what,
    )


def _mid_bake(what: str, harm: Harm, named: str) -> Case:
    return Case(
        name=f"a version that {what}",
        group="pods",
        kind=Kind.GOOD,
        inject=while_harmed(harm),
        outcomes=ROLLED_BACK,
        named=named,
        allowed=canarys_share,
        analysis=LONG_BAKE,
    )


def while_harmed(harm: Harm) -> Inject:
    """From the first bake on to the release's end."""

    async def inject(scene: Scene, release: Release) -> None:
        await release.until(FIRST_BAKE)
        with release.fault():
            harming = asyncio.create_task(harm(release.application))
            await release.ended(within=60)
            await cancel(harming)

    return inject


async def _crash_on(application: Application) -> None:
    await crash_on(application, CLUSTER)


async def crash_on(application: Application, cluster: str) -> None:
    """Let the target's pods in a cluster crash, again and again."""
    while True:
        await _tell(application, NAME, "GET", "/panic", cluster)
        await asyncio.sleep(0.5)


async def _turn_unready(application: Application) -> None:
    await _tell(application, NAME, "POST", "/readyz/disable")


def _failing_promotion() -> Case:
    """Good as a canary; but whoever starts from the promotion on finds a dependency broken."""
    return Case(
        name="a version that fails as primary in its promotion",
        group="pods",
        kind=Kind.GOOD,
        inject=while_broken(PROMOTE, CLUSTER),
        outcomes=ROLLED_BACK,
        named="podinfo-primary (does not become ready|is not ready)",
        container=DEPENDENT,
    )


DEPENDENT: dict[str, Any] = {
    "env": [
        {
            "name": "PODINFO_UNREADY",
            "valueFrom": {"configMapKeyRef": {"name": DEPENDENCY, "key": "unready", "optional": True}},
        }
    ]
}
"""Fields of a container that is never ready when it starts while its dependency is broken."""


def while_broken(point: Point, cluster: str) -> Inject:
    """From the point to the release's end, the dependency is broken in a cluster."""

    async def inject(scene: Scene, release: Release) -> None:
        await release.until(point)
        with release.fault():
            # Whatever else starts unready pods: a tracked ConfigMap would end the release by itself.
            untracked = {"flagger.app/config-tracking": "disabled"}
            namespace = release.application.namespace
            metadata = {"name": DEPENDENCY, "namespace": namespace, "annotations": untracked}
            client = scene.world.clients[cluster]
            await client.create(CONFIG_MAPS, {"metadata": metadata, "data": {"unready": "true"}})
            await release.ended(within=110)
            await client.delete(CONFIG_MAPS, {"metadata": metadata})

    return inject


def _primary_killed(kind: Kind) -> Case:
    """All pods of the primary at once: their share of the requests fails until others have started."""

    async def inject(scene: Scene, release: Release) -> None:
        await release.until(FIRST_BAKE)
        with release.fault():
            for pod in await _pods(release.application, PRIMARY):
                await scene.world.clients[CLUSTER].delete(PODS, pod, grace_seconds=0)

    return Case(
        name=f"all pods of the primary are killed in mid-bake of a {kind} release",
        group="pods",
        kind=kind,
        inject=inject,
        allowed=all_allowed,
        bounded=kind is Kind.GOOD,
    )


async def _tell(application: Application, name: str, method: str, path: str, cluster: str = CLUSTER) -> None:
    """Say something to each pod of a Deployment; one that is not there to hear it does not matter."""
    timeout = aiohttp.ClientTimeout(total=1)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for pod in await _pods(application, name, cluster):
            address = (pod.get("status") or {}).get("podIP")
            if address:
                url = f"http://{loopback_address(address)}:{PORT}{path}"
                with contextlib.suppress(aiohttp.ClientConnectionError, TimeoutError):
                    async with session.request(method, url, raise_for_status=True):
                        pass


async def _pods(application: Application, name: str, cluster: str = CLUSTER) -> list[Object]:
    canary = application.canary
    labels = (await canary.deployment(name, cluster))["spec"]["selector"]["matchLabels"].items()
    return [pod for pod in await canary.pods(cluster) if labels <= pod["metadata"]["labels"].items()]


def canarys_share(answer: Answer) -> bool:
    """A version that is ill fails its own share: the gateway answers 503 for it, or the connection breaks."""
    return answer.failure == "503" or not answer.failure.isdigit()

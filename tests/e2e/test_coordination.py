"""Two canaries of one application under real traffic: both are promoted, or none is."""

import asyncio

import aiohttp
import pytest
import yaml

from tests.e2e import manifests
from tests.e2e.user import Application, Ended, Observed
from tidegate.sandbox.client import CONFIG_MAPS

DEPENDENCY = {
    "name": "PODINFO_UNREADY",
    "valueFrom": {"configMapKeyRef": {"name": "dependency", "key": "broken", "optional": True}},
}
"""Pods that start once this is true are never ready; the others do not notice."""


def files(name: str, version: str, *flags: str) -> dict[str, str]:
    """A version of both; the flags are the backend's."""
    usual = {"threshold": 1, "webhooks": [manifests.load_test(name, rate=60)]}
    return {
        "podinfo.yaml": manifests.podinfo(name, version, **usual),
        "backend.yaml": manifests.backend(name, version, *flags, **usual),
    }


def dependent(text: str) -> str:
    """The same manifests; the Deployment's pods depend on what breaks, and get eight seconds to be ready."""
    deployment, canary = yaml.safe_load_all(text)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["env"] = [DEPENDENCY]
    canary["spec"]["progressDeadlineSeconds"] = 8
    return yaml.safe_dump_all([deployment, canary])


async def break_dependency(application: Application) -> None:
    """Not by a ConfigMap that is tracked: a change of that would end the release by itself."""
    untracked = {"flagger.app/config-tracking": "disabled"}
    metadata = {"name": "dependency", "namespace": application.namespace, "annotations": untracked}
    client = application.world.clients["mesh02"]
    await client.create(CONFIG_MAPS, {"metadata": metadata, "data": {"broken": "true"}})


async def commit(application: Application, version: str, *flags: str) -> None:
    """Commit a version of both."""
    await application.commit_files(files(application.name, version, *flags))


async def served(application: Application) -> list[tuple[str, int]]:
    """The version that each one's users get, and the canary's weight in Envoy."""

    async def seen(host: str, canary: str) -> tuple[str, int]:
        async with aiohttp.request("GET", application.world.gateway_url, headers={"Host": host}) as response:
            version = str((await response.json())["version"])
        return version, (await application.world.envoy_weights(host)).get(canary, 0)

    hosts = {application.host: "podinfo-canary", f"backend.{application.host}": "backend-canary"}
    return list(await asyncio.gather(*(seen(host, canary) for host, canary in hosts.items())))


async def released(application: Application) -> tuple[Ended, Observed]:
    async with application.observed() as seen:
        ended = await application.start()
    return ended, seen


@pytest.fixture
async def pair(application: Application) -> Application:
    """Both serve version 3.1.0."""
    await commit(application, "3.1.0")
    ended = await application.start("--no-validate")
    assert (ended.code, ended.outcome["outcome"]) == (0, "initialised"), ended
    return application


async def test_a_broken_canary_takes_the_sound_one_back_and_a_sound_pair_is_promoted(
    pair: Application,
) -> None:
    await commit(pair, "3.1.1", "--random-error=true")
    ended, seen = await released(pair)
    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert await served(pair) == [("3.1.0", 0), ("3.1.0", 0)]
    reasons = {each["canary"]: each["reason"] for each in ended.outcome["canaries"]}
    assert reasons[f"podinfo.{pair.name}"].startswith("rolled back with backend: 1 of 1 failed checks")
    assert set(seen.answers) == {200}

    await commit(pair, "3.1.2")
    ended, seen = await released(pair)
    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert await served(pair) == [("3.1.2", 0), ("3.1.2", 0)]
    assert (seen.weights, set(seen.answers)) == ([0, 25, 50, 0], {200})

    said = await pair.user.starter("plan", "-f", str(pair.file))
    assert "coordinated: backend, podinfo; none is promoted before all have passed" in said.out


async def test_one_whose_primary_never_becomes_ready_takes_the_promoted_one_back(pair: Application) -> None:
    new = files(pair.name, "3.1.1")
    await pair.commit_files(new | {"backend.yaml": dependent(new["backend.yaml"])})

    async with pair.observed() as seen:
        release = await pair.begin()
        await pair.until_weight(25)
        await break_dependency(pair)
        ended = await release.ended()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    notes = {each["canary"]: each["notes"] for each in ended.outcome["canaries"]}
    assert any("runs the new version, and waits" in note["text"] for note in notes[f"podinfo.{pair.name}"])
    assert await served(pair) == [("3.1.0", 0), ("3.1.0", 0)]
    assert set(seen.answers) == {200}

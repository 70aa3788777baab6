"""Two canaries of one application under real traffic: both are promoted, or none is."""

import asyncio

import aiohttp
import pytest

from tests.e2e import manifests
from tests.e2e.user import Application, Ended, Observed


async def commit(application: Application, version: str, *flags: str) -> None:
    """Commit a version of both; the flags are the backend's."""
    name = application.name
    usual = {"threshold": 1, "webhooks": [manifests.load_test(name, rate=60)]}
    files = {
        "podinfo.yaml": manifests.podinfo(name, version, **usual),
        "backend.yaml": manifests.backend(name, version, *flags, **usual),
    }
    await application.commit_files(files)


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

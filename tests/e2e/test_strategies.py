"""Every way to move traffic, with visitors at the gateway who see who answers them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import yaml

from tests.e2e import manifests
from tests.e2e.user import Application, serves

OLD, NEW = "3.1.0", "3.1.1"
WITHOUT_STEPS: dict[str, Any] = {"stepWeight": None, "maxWeight": None}
TCP_PORT = 13306
COOKIE = "^(.*?;)?(canary=always)(;.*)?$"


@dataclass
class Visitor:
    """Who answered one visitor, and when; `headers` are what all requests of theirs bring.

    `url` is where they call, in the place of the gateway's port for requests.
    """

    headers: dict[str, str] = field(default_factory=dict)
    keeps_cookies: bool = False
    cookies: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[float, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def versions(self) -> list[str]:
        """In the order that they came, without repetitions."""
        versions = [version for _, version in self.seen]
        return [each for at, each in enumerate(versions) if at == 0 or versions[at - 1] != each]

    def first(self, version: str) -> float:
        """When that version answered for the first time."""
        return next(at for at, each in self.seen if each == version)

    def last(self, version: str) -> float:
        """When that version answered for the last time."""
        return max(at for at, each in self.seen if each == version)

    async def ask(self, application: Application) -> None:
        """One request, on a connection of its own."""
        url = self.url or application.world.gateway_url
        headers = {"Host": application.host, **self.headers}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with aiohttp.request("GET", url, headers=headers) as response:
            assert response.status == 200, await response.text()
            self.seen.append((time.monotonic(), str((await response.json())["version"])))
            if self.keeps_cookies:
                self._keep(response.headers.getall("Set-Cookie", []))

    def _keep(self, told: list[str]) -> None:
        self.told += told
        for line in told:
            (name, _, value), attributes = line.split(";")[0].partition("="), line.split("; ")[1:]
            self.cookies[name] = value
            if "Max-Age=-1" in attributes:
                del self.cookies[name]


@contextlib.asynccontextmanager
async def visited(application: Application, *visitors: Visitor) -> AsyncIterator[None]:
    """The visitors come again and again until the end of the block, and once more after it."""

    async def come() -> None:
        while True:
            for visitor in visitors:
                await visitor.ask(application)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(come())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    for visitor in visitors:
        await visitor.ask(application)


@pytest.mark.parametrize(
    ("condition", "headers"),
    [
        ({"headers": {"x-canary": {"exact": "insider"}}}, {"x-canary": "insider"}),
        ({"headers": {"cookie": {"regex": COOKIE}}}, {"Cookie": "a=b;canary=always"}),
    ],
    ids=["header", "cookie"],
)
async def test_a_b_testing_shows_the_new_version_to_those_who_match(
    podinfo: Application, condition: dict[str, Any], headers: dict[str, str]
) -> None:
    chosen, everybody = Visitor(headers), Visitor()
    await podinfo.commit(NEW, **WITHOUT_STEPS, iterations=2, match=[condition])
    async with visited(podinfo, chosen, everybody):
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert f"Advance podinfo.{podinfo.namespace} canary iteration 2/2" in ended.notes
    assert (chosen.versions, everybody.versions) == ([OLD, NEW], [OLD, NEW])
    assert everybody.first(NEW) - chosen.first(NEW) > 2 * 1.5
    assert await podinfo.version() == NEW


async def test_a_broken_version_is_seen_by_nobody_who_does_not_match(podinfo: Application) -> None:
    everybody = Visitor()
    match = [{"headers": {"x-canary": {"exact": "insider"}}}]
    load = manifests.load_test(podinfo.namespace, rate=60)
    await podinfo.commit(
        NEW, "--random-error=true", **WITHOUT_STEPS, iterations=2, threshold=1, match=match, webhooks=[load]
    )
    async with visited(podinfo, everybody):
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert everybody.versions == [OLD]
    insider = Visitor({"x-canary": "insider"})
    await insider.ask(podinfo)
    assert insider.versions == [OLD]


async def test_blue_green_judges_copies_of_the_requests_before_anybody_sees_green(
    podinfo: Application,
) -> None:
    """Without a load test: only the copies give the success rate anything to judge."""
    visitor = Visitor()
    checks = [manifests.SUCCESS_RATE]
    await podinfo.commit(
        NEW, **WITHOUT_STEPS, iterations=2, interval="3s", mirror=True, metrics=checks, webhooks=[]
    )
    async with visited(podinfo, visitor), podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert visitor.versions == [OLD, NEW]
    assert (seen.weights, set(seen.answers)) == ([0, 100, 0], {200})
    assert f"Starting traffic mirroring to podinfo.{podinfo.namespace}: 100 %" in ended.notes
    assert await podinfo.end_state() == serves(NEW)


async def test_a_visitor_stays_with_the_version_that_answered_first(podinfo: Application) -> None:
    affinity = {"cookieName": "canary-cookie", "maxAge": 600, "path": "/", "httpOnly": True}
    loyal = Visitor(keeps_cookies=True)
    await podinfo.commit(NEW, stepWeight=50, interval="3s", sessionAffinity=affinity)
    async with visited(podinfo, loyal):
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert loyal.versions == [OLD, NEW]
    given = next(line for line in loyal.told if "Max-Age=600" in line)
    assert given.endswith("; Path=/; HttpOnly")
    assert any("Max-Age=-1" in line for line in loyal.told)
    assert loyal.cookies == {}


async def test_after_a_promotion_the_traffic_goes_over_step_by_step(podinfo: Application) -> None:
    await podinfo.commit(NEW, stepWeightPromotion=20)
    async with podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert (seen.weights, set(seen.answers)) == ([0, 25, 50, 30, 10, 0], {200})
    assert await podinfo.end_state() == serves(NEW)


async def test_a_skipped_analysis_promotes_at_once(podinfo: Application) -> None:
    canary = manifests.canary(podinfo.namespace)
    canary["spec"]["skipAnalysis"] = True
    documents = [manifests.deployment(podinfo.namespace, NEW), canary]
    await podinfo.commit_files({"podinfo.yaml": yaml.safe_dump_all(documents)})
    async with podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert (seen.weights, set(seen.answers)) == ([0], {200})
    assert await podinfo.end_state() == serves(NEW)


async def test_a_delegate_splits_what_another_virtual_service_gives_it(podinfo: Application) -> None:
    canary = manifests.canary(podinfo.namespace)
    canary["spec"]["service"] = {"port": 9898, "delegation": True}
    root = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "front", "namespace": podinfo.namespace},
        "spec": {
            "gateways": [manifests.GATEWAY],
            "hosts": [podinfo.host],
            "http": [{"match": [{"uri": {"prefix": "/"}}], "delegate": {"name": "podinfo"}}],
        },
    }
    documents = [manifests.deployment(podinfo.namespace, NEW), canary]
    front = podinfo.folder / "front.yaml"
    front.write_text(yaml.safe_dump(root))
    await podinfo.user.kubectl("asm", "apply", "-f", str(front))
    await podinfo.commit_files({"podinfo.yaml": yaml.safe_dump_all(documents)})
    async with podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert (seen.weights, set(seen.answers)) == ([0, 25, 50, 0], {200})


async def test_connections_are_split_by_weight(podinfo: Application) -> None:
    """The gateway's port for requests knows nothing of it afterwards, the one for connections does."""
    gateway = podinfo.folder / "gateway.yaml"
    gateway.write_text(yaml.safe_dump(manifests.tcp_gateway(podinfo.namespace, TCP_PORT)))
    await podinfo.user.kubectl("asm", "apply", "-f", str(gateway))
    canary = manifests.canary(podinfo.namespace, stepWeight=50, maxWeight=50, interval="3s")
    canary["spec"]["service"] = {"port": 9898, "appProtocol": "TCP", "gateways": ["connections"]}
    documents = [manifests.deployment(podinfo.namespace, NEW), canary]
    await podinfo.commit_files({"podinfo.yaml": yaml.safe_dump_all(documents)})
    address = f"http://{podinfo.world.gateway_address}:{TCP_PORT}/"
    command = await podinfo.begin("--no-validate")
    await command.until_phase("Progressing")
    visitor = Visitor(url=address)
    async with visited(podinfo, visitor):
        ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert visitor.first(NEW) < visitor.last(OLD)
    assert visitor.versions[-1] == NEW

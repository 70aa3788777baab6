"""What a real Envoy does with the translated configuration."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tidegate.sandbox.mesh.envoy import Envoy
from tidegate.sandbox.mesh.translate import translate
from tidegate.sandbox.ports import free_port

HOST = {"Host": "app.istio.example.com"}


class Traffic:
    """Sends requests through Envoy, and gives it configurations."""

    def __init__(
        self, envoy: Envoy, mesh: Any, ports: dict[str, int], session: aiohttp.ClientSession
    ) -> None:
        self.envoy = envoy
        self.mesh = mesh
        self.ports = (ports["primary"], ports["canary"])
        self.session = session

    async def apply(self, *virtual_services: Any, **changes: Any) -> None:
        snapshot = self.mesh.snapshot(*virtual_services, ports=self.ports, **changes)
        await self.envoy.apply(translate(snapshot, self.envoy.layout))

    async def get(self, path: str = "/", headers: dict[str, str] = HOST) -> tuple[int, Any]:
        async with self.session.get(self.envoy.gateway_url + path, headers=headers) as response:
            body = await response.text()
            return response.status, await response.json() if body.startswith("{") else body

    async def connect(self, port: int) -> str:
        """Who answers a request on a connection of its own."""
        url = f"http://{self.envoy.gateway_address}:{port}/"
        async with aiohttp.request("GET", url) as response:
            return str((await response.json())["name"])

    async def through_mesh(self, url: str) -> tuple[int, Any]:
        async with self.session.get(url, proxy=self.envoy.egress_url) as response:
            return response.status, (await response.json())["name"] if response.ok else None

    async def send_until(self, ended: asyncio.Event) -> Counter[tuple[int, str]]:
        answers: Counter[tuple[int, str]] = Counter()
        while not ended.is_set():
            status, body = await self.get()
            answers[status, body["name"] if status == 200 else ""] += 1
        return answers


@pytest.fixture
async def traffic(envoy: Envoy, mesh: Any, servers: dict[str, int]) -> AsyncIterator[Traffic]:
    async with aiohttp.ClientSession() as session:
        yield Traffic(envoy, mesh, servers, session)


async def test_traffic_is_split_by_the_weights(traffic: Traffic) -> None:
    await traffic.apply(traffic.mesh.weighted(75, 25))

    names = Counter([(await traffic.get())[1]["name"] for _ in range(1000)])
    assert names["canary"] == pytest.approx(250, abs=60)
    assert names.total() == 1000


async def test_twenty_weight_changes_under_load_lose_no_request(traffic: Traffic) -> None:
    await traffic.apply(traffic.mesh.weighted(100, 0))
    ended = asyncio.Event()
    clients = [asyncio.create_task(traffic.send_until(ended)) for _ in range(8)]
    durations = []
    for weight in [*range(5, 105, 5)]:
        began = time.perf_counter()
        await traffic.apply(traffic.mesh.weighted(100 - weight, weight))
        durations.append(time.perf_counter() - began)
        assert await traffic.envoy.weights("podinfo") == {
            "podinfo-primary": 100 - weight,
            "podinfo-canary": weight,
        }
    ended.set()
    answers = sum(await asyncio.gather(*clients), Counter())

    assert {status for status, _ in answers} == {200}
    assert {name for _, name in answers} == {"primary", "canary"}
    assert sorted(durations)[10] < 0.25


async def test_pods_that_come_and_go_under_load_lose_no_request(traffic: Traffic) -> None:
    await traffic.apply(traffic.mesh.weighted(50, 50))
    ended = asyncio.Event()
    clients = [asyncio.create_task(traffic.send_until(ended)) for _ in range(4)]
    for _ in range(10):
        await traffic.apply(traffic.mesh.weighted(100, 0))
        await traffic.apply(traffic.mesh.weighted(100, 0), canary=())
        await traffic.apply(traffic.mesh.weighted(100, 0))
        await traffic.apply(traffic.mesh.weighted(50, 50))
    ended.set()
    answers = sum(await asyncio.gather(*clients), Counter())

    assert {status for status, _ in answers} == {200}


@pytest.mark.parametrize(
    "url",
    [
        "http://podinfo-canary/",
        "http://podinfo-canary.test/",
        "http://podinfo-canary.test:9898/",
        "http://podinfo-canary.test.svc:9898/",
        "http://podinfo-canary.test.svc.cluster.local:9898/",
    ],
)
async def test_the_mesh_proxy_resolves_each_name_of_a_service(traffic: Traffic, url: str) -> None:
    await traffic.apply(traffic.mesh.weighted(100, 0))

    assert await traffic.through_mesh(url) == (200, "canary")


async def test_a_destination_without_pods_answers_503(traffic: Traffic) -> None:
    await traffic.apply(traffic.mesh.weighted(0, 100), canary=())

    assert (await traffic.get())[0] == 503


async def test_a_destination_that_does_not_exist_answers_503(traffic: Traffic) -> None:
    route = [{"destination": {"host": "nobody"}}]
    await traffic.apply(traffic.mesh.virtual_service(http=[{"route": route}]))

    assert (await traffic.get())[0] == 503


async def test_an_unknown_host_is_404_at_the_gateway_and_502_in_the_mesh(traffic: Traffic) -> None:
    await traffic.apply(traffic.mesh.weighted(100, 0))

    assert (await traffic.get(headers={"Host": "nobody.example.com"}))[0] == 404
    assert (await traffic.through_mesh("http://nobody.test/"))[0] == 502


async def test_envoy_accepts_every_part_of_a_route(traffic: Traffic) -> None:
    operations = {"set": {"x-set": "100%"}, "add": {"x-add": "1"}, "remove": ["x-gone"]}
    canary = {"destination": {"host": "podinfo-canary", "port": {"number": 9898}}}
    rich = {
        "match": [
            {
                "uri": {"prefix": "/old"},
                "method": {"exact": "GET"},
                "headers": {"x-user": {"regex": "a.*"}, "x-any": {}},
                "withoutHeaders": {"x-not": {"prefix": "b"}},
                "queryParams": {"v": {"exact": "1"}},
            }
        ],
        "route": [canary | {"weight": 100, "headers": {"response": operations}}],
        "timeout": "15s",
        "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error,connect-failure,503"},
        "headers": {"request": operations, "response": operations},
        "rewrite": {"uri": "/new", "authority": "rewritten.example.com"},
        "corsPolicy": {
            "allowOrigins": [{"exact": "https://example.com"}],
            "allowMethods": ["GET"],
            "allowCredentials": False,
            "allowHeaders": ["x-a"],
            "maxAge": "24h",
        },
        "mirror": {"host": "podinfo-primary"},
        "mirrorPercentage": {"value": 50},
    }
    policy = {
        "connectionPool": {
            "tcp": {"maxConnections": 100, "connectTimeout": "1s"},
            "http": {"http1MaxPendingRequests": 10, "http2MaxRequests": 10, "maxRequestsPerConnection": 5},
        },
        "outlierDetection": {"consecutive5xxErrors": 5, "interval": "30s", "baseEjectionTime": "30s"},
        "loadBalancer": {"simple": "LEAST_REQUEST"},
    }
    rule = {
        "metadata": {"name": "canary", "namespace": "test"},
        "spec": {"host": "podinfo-canary.test.svc.cluster.local", "trafficPolicy": policy},
    }
    before = await traffic.envoy.rejections()
    await traffic.apply(traffic.mesh.virtual_service(http=[rich]), rules=(rule,))

    assert (traffic.envoy.problems, await traffic.envoy.rejections()) == ((), before)
    status, body = await traffic.get("/old/page?v=1", HOST | {"x-user": "abc", "x-any": "", "x-gone": "1"})
    assert (status, body["name"], body["path"]) == (200, "canary", "/new/page?v=1")
    headers = {name.lower(): value for name, value in body["headers"].items()}
    assert headers["x-set"] == "100%"
    assert headers["host"] == "rewritten.example.com"
    assert "x-gone" not in headers
    assert (await traffic.get("/old/page"))[0] == 404


async def test_faults_redirects_and_direct_responses_are_envoys_own(traffic: Traffic) -> None:
    route = [{"destination": {"host": "podinfo-primary"}}]
    abort = {"abort": {"httpStatus": 418}, "delay": {"fixedDelay": "10ms", "percentage": {"value": 50}}}
    http = [
        {"match": [{"uri": {"prefix": "/fault"}}], "route": route, "fault": abort},
        {"match": [{"uri": {"prefix": "/moved"}}], "redirect": {"uri": "/new", "redirectCode": 307}},
        {"match": [{"uri": {"prefix": "/own"}}], "directResponse": {"status": 203, "body": {"string": "hi"}}},
        {"route": route},
    ]
    await traffic.apply(traffic.mesh.virtual_service(http=http))
    paths = ("/fault", "/own", "/else")
    statuses = [(await traffic.get(path))[0] for path in paths]
    url = traffic.envoy.gateway_url + "/moved"
    async with traffic.session.get(url, headers=HOST, allow_redirects=False) as response:
        moved = (response.status, response.headers["location"])

    assert (statuses, traffic.envoy.problems) == ([418, 203, 200], ())
    assert moved == (307, "http://app.istio.example.com/new")


async def test_each_hop_is_counted_by_its_reporter(traffic: Traffic) -> None:
    await traffic.apply(traffic.mesh.weighted(0, 100))
    names = [f"cluster.{reporter}|test|podinfo|podinfo-canary.upstream_rq_200" for reporter in _REPORTERS]
    before = await traffic.envoy.statistics("upstream_rq_200$")
    for _ in range(10):
        await traffic.get()

    after = await traffic.envoy.statistics("upstream_rq_200$")
    assert [after[name] - before.get(name, 0) for name in names] == [10, 10]


_REPORTERS = ("source", "destination")


async def test_connections_are_split_by_the_weights(traffic: Traffic) -> None:
    port = free_port(traffic.envoy.gateway_address)
    server = {"port": {"number": port, "name": "tcp", "protocol": "TCP"}, "hosts": ["*"]}
    gateway = {**traffic.mesh.gateway, "spec": {"servers": [server]}}
    for canary in (100, 50, 0):
        route = traffic.mesh.weighted(100 - canary, canary)["spec"]["http"]
        await traffic.apply(traffic.mesh.virtual_service(tcp=route), gateways=(gateway,))
        names = Counter([await traffic.connect(port) for _ in range(200)])
        assert names["canary"] == pytest.approx(2 * canary, abs=0 if canary in (0, 100) else 45)
        assert names.total() == 200

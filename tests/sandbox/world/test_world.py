"""The world as its users see it: kubectl, the gateway, Prometheus, the settings."""

import asyncio
import math
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tidegate.sandbox.client import DEPLOYMENTS, Resource
from tidegate.sandbox.world import World
from tidegate.settings import load_settings

VIRTUAL_SERVICES = Resource("networking.istio.io/v1", "virtualservices", "VirtualService")
HOST = {"Host": "app.istio.example.com"}
LABELS = 'reporter="destination",destination_workload_namespace="test",destination_workload=~"podinfo"'
SUCCESS_RATE = (
    f'sum(rate(istio_requests_total{{{LABELS},response_code!~"5.*"}}[10s]))'
    f" / sum(rate(istio_requests_total{{{LABELS}}}[10s])) * 100"
)
DURATION = (
    "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket"
    f"{{{LABELS}}}[10s])) by (le))"
)
Until = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


@pytest.mark.parametrize("context", ["asm", "mesh01", "mesh02"])
async def test_kubectl_lists_what_the_articles_readers_look_at(kubectl: Any, context: str) -> None:
    code, output = await kubectl("--context", context, "get", "deploy,vs,canaries", "-A")

    assert (code, "error" in output.lower()) == (0, False), output


async def test_kubectl_shows_the_columns_of_a_canary(kubectl: Any, tmp_path: Path) -> None:
    canary = tmp_path / "canary.yaml"
    canary.write_text(
        "apiVersion: flagger.app/v1beta1\nkind: Canary\n"
        "metadata: {name: shown, namespace: istio-system}\n"
        "spec:\n"
        "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: shown}\n"
        "  service: {port: 80}\n"
        "  analysis: {interval: 10s, threshold: 2, maxWeight: 50, stepWeight: 25}\n"
    )
    code, output = await kubectl("--context", "mesh02", "apply", "-f", str(canary))
    assert code == 0, output

    _, output = await kubectl("--context", "mesh02", "get", "canaries", "-n", "istio-system")
    assert output.splitlines()[0].split() == ["NAME", "STATUS", "WEIGHT", "LASTTRANSITIONTIME"]


async def test_the_load_tester_becomes_ready(world: World, until: Until) -> None:
    async def ready() -> bool:
        found = await world.clients["mesh01"].get(DEPLOYMENTS, "test", "loadtester")
        return bool((found.get("status") or {}).get("availableReplicas") == 1)

    await until(ready)


async def test_a_weight_written_to_the_control_plane_is_envoys_weight(podinfo: Any, until: Until) -> None:
    for weight in (5, 50, 0):
        await podinfo.route(weight)

        async def in_force(weight: int = weight) -> bool:
            return bool(await podinfo.weight() == weight)

        await until(in_force)


async def test_a_virtual_service_that_envoy_refuses_does_not_stop_the_others(
    podinfo: Any, until: Until
) -> None:
    refused = {"uri": {"regex": "a{1001}"}}  # valid, but more than RE2 repeats
    route = [{"destination": {"host": "podinfo-primary"}}]
    spec = {
        "hosts": ["b.example.com"],
        "gateways": ["istio-system/public-gateway"],
        "http": [{"match": [refused], "route": route}],
    }
    broken = {"metadata": {"name": "broken", "namespace": "test"}, "spec": spec}
    broken = await podinfo.control_plane.create(VIRTUAL_SERVICES, broken)
    await podinfo.route(30)

    async def in_force() -> bool:
        return bool(await podinfo.weight() == 30)

    await until(in_force)
    await podinfo.control_plane.delete(VIRTUAL_SERVICES, broken)


async def test_a_rolling_update_under_load_loses_no_request(world: World, podinfo: Any, until: Until) -> None:
    await podinfo.route(0)
    ended = asyncio.Event()
    async with aiohttp.ClientSession() as session:
        clients = [asyncio.create_task(_send(session, world.gateway_url, ended)) for _ in range(4)]
        found = await podinfo.workloads.get(DEPLOYMENTS, "test", "podinfo-primary")
        found["spec"]["template"]["spec"]["containers"][0]["image"] = "stefanprodan/podinfo:3.1.9"
        changed = await podinfo.workloads.replace(DEPLOYMENTS, found)

        async def rolled_out() -> bool:
            status = (await podinfo.workloads.get(DEPLOYMENTS, "test", "podinfo-primary"))["status"]
            current = status.get("observedGeneration", 0) >= changed["metadata"]["generation"]
            return bool(current and status.get("updatedReplicas") == status.get("availableReplicas") == 2)

        await until(rolled_out)
        ended.set()
        answers = sum(await asyncio.gather(*clients), Counter())
    assert set(answers) == {200}


async def test_flaggers_queries_are_answered_under_load(world: World, podinfo: Any, until: Until) -> None:
    ended = asyncio.Event()
    async with aiohttp.ClientSession() as session:
        options = {"proxy": world.egress_url, "headers": None}
        client = asyncio.create_task(_send(session, "http://podinfo-canary.test:9898/", ended, **options))
        found: dict[str, float] = {}

        async def answered() -> bool:
            for query in (SUCCESS_RATE, DURATION):
                found[query] = await _query(session, world, query)
            return found[SUCCESS_RATE] < 100 and not math.isnan(found[DURATION])

        await until(answered)
        ended.set()
        await client
    assert 50 < found[SUCCESS_RATE] < 100  # the canary fails one request in three
    assert 0 < found[DURATION] < 1000


@pytest.mark.parametrize("cluster", ["mesh01", "mesh02"])
async def test_prometheus_answers_through_the_service_proxy(world: World, cluster: str) -> None:
    path = "/api/v1/namespaces/istio-system/services/http:prometheus:9090/proxy/-/ready"
    api = world.clusters[cluster]
    headers = {"Authorization": f"Bearer {api.token}"}
    async with aiohttp.request("GET", api.url + path, headers=headers, ssl=api.tls() or True) as response:
        assert response.status == 200


async def test_the_settings_that_it_writes_are_valid(world: World) -> None:
    settings = load_settings(world.environment())

    assert set(settings.clusters) == {"asm", "mesh01", "mesh02"}
    assert settings.cluster_for(server=world.clusters["mesh02"].url) == "mesh02"
    assert (settings.mesh.control_plane, settings.load.proxy) == ("asm", world.egress_url)


async def test_a_worker_that_was_killed_is_followed_by_another(world: World) -> None:
    first = await world.start_worker()
    await first.kill()
    second = await world.start_worker()

    assert (first.returncode, second.running) == (-signal.SIGKILL, True)
    await second.stop()
    assert second.returncode == 0


async def test_a_directory_serves_one_world_at_a_time(world: World) -> None:
    with pytest.raises(FileExistsError, match="another sandbox is up"):
        await World(world.directory, temporal=False).__aenter__()


async def _send(
    session: aiohttp.ClientSession, url: str, ended: asyncio.Event, **options: Any
) -> Counter[int]:
    answers: Counter[int] = Counter()
    while not ended.is_set():
        async with session.get(url, **({"headers": HOST} | options)) as response:
            await response.read()
            answers[response.status] += 1
    return answers


async def _query(session: aiohttp.ClientSession, world: World, query: str) -> float:
    async with session.get(f"{world.prometheus_url}/api/v1/query", params={"query": query}) as response:
        result = (await response.json())["data"]["result"]
        return float(result[0]["value"][1]) if result else math.nan

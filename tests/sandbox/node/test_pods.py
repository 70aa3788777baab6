"""Pods as processes, seen through the cluster API and over HTTP."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp
import pytest

from tidegate.sandbox.addresses import loopback_address
from tidegate.sandbox.client import CONFIG_MAPS, PODS, ClusterClient, Object
from tidegate.sandbox.controllers.objects import condition

CreatePod = Callable[..., Awaitable[Object]]
Becomes = Callable[..., Coroutine[Any, Any, Object]]


def is_ready(pod: Object) -> bool:
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def container(pod: Object) -> Any:
    return (pod.get("status", {}).get("containerStatuses") or [{}])[0]


def waits_for(reason: str) -> Callable[[Object], bool]:
    return lambda pod: container(pod).get("state", {}).get("waiting", {}).get("reason") == reason


def url(pod: Object) -> str:
    return f"http://{loopback_address(pod['status']['podIP'])}:9898"


async def test_a_pod_is_ready_within_150_ms(create_pod: CreatePod, becomes: Becomes) -> None:
    times = []
    for _ in range(3):
        begin = perf_counter()
        pod = await becomes(await create_pod(), is_ready)
        times.append(perf_counter() - begin)
    assert min(times) < 0.15
    assert pod["status"]["phase"] == "Running"
    assert pod["spec"]["nodeName"] == "node-1"


async def test_each_pod_has_an_address_of_its_own(create_pod: CreatePod, becomes: Becomes) -> None:
    pods = [await becomes(await create_pod(), is_ready) for _ in range(2)]
    async with aiohttp.ClientSession() as http:
        for pod in pods:
            async with http.get(url(pod)) as response:
                assert (await response.json())["hostname"] == pod["metadata"]["name"]
    assert pods[0]["status"]["podIP"] != pods[1]["status"]["podIP"]


async def test_the_environment_is_the_one_of_the_spec(
    client: ClusterClient, namespace: str, create_pod: CreatePod, becomes: Becomes
) -> None:
    settings = {"metadata": {"name": "settings", "namespace": namespace}, "data": {"color": "red"}}
    await client.create(CONFIG_MAPS, settings)
    pod = await create_pod(
        "--ui-message=$(COLOR) $$(COLOR)",
        env=[
            {"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "color"}}},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "BOTH", "value": "$(COLOR)-$(POD)"},
        ],
    )
    pod = await becomes(pod, is_ready)
    async with aiohttp.ClientSession() as http:
        environment = await (await http.get(url(pod) + "/env")).json()
        message = (await (await http.get(url(pod))).json())["message"]
    assert f"BOTH=red-{pod['metadata']['name']}" in environment
    assert message == "red $(COLOR)"
    assert not [entry for entry in environment if entry.startswith("PATH=")]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"image": "nginx:1"}, "ErrImagePull"),
        ({"command": ["./podinfo", "--no-such-flag"]}, "CrashLoopBackOff"),
        ({"command": ["/bin/sh"]}, "CrashLoopBackOff"),
        ({"envFrom": [{"configMapRef": {"name": "missing"}}]}, "CreateContainerConfigError"),
    ],
)
async def test_a_container_that_cannot_run_says_why(
    create_pod: CreatePod, becomes: Becomes, spec: Object, reason: str
) -> None:
    pod = await becomes(await create_pod(**spec), waits_for(reason))
    assert not is_ready(pod)


async def test_a_crashing_container_is_restarted_once_and_then_backed_off(
    create_pod: CreatePod, becomes: Becomes
) -> None:
    pod = await becomes(await create_pod("--no-such-flag"), waits_for("CrashLoopBackOff"))
    status = container(pod)
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 2
    assert pod["status"]["phase"] == "Running"


async def test_a_container_that_dies_comes_back_at_the_same_address(
    create_pod: CreatePod, becomes: Becomes
) -> None:
    pod = await becomes(await create_pod(), is_ready)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError):
            await http.get(url(pod) + "/panic")
    again = await becomes(pod, lambda pod: container(pod)["restartCount"] == 1 and is_ready(pod))
    assert container(again)["lastState"]["terminated"]["exitCode"] == 255
    assert again["status"]["podIP"] == pod["status"]["podIP"]


@pytest.mark.parametrize(
    "probe",
    [
        {"exec": {"command": ["podcli", "check", "http", "localhost:9898/readyz"]}},
        {"httpGet": {"path": "/readyz", "port": "http"}},
    ],
)
async def test_readiness_follows_the_probe(create_pod: CreatePod, becomes: Becomes, probe: Object) -> None:
    spec = {**probe, "periodSeconds": 1, "failureThreshold": 1}
    pod = await becomes(await create_pod(readinessProbe=spec), is_ready)
    async with aiohttp.ClientSession() as http:
        await http.post(url(pod) + "/readyz/disable")
    pod = await becomes(pod, lambda pod: not is_ready(pod))
    assert container(pod)["restartCount"] == 0


async def test_a_failing_liveness_probe_restarts_the_container(
    create_pod: CreatePod, becomes: Becomes
) -> None:
    probe = {"httpGet": {"path": "/healthz", "port": 9898}, "periodSeconds": 1, "failureThreshold": 1}
    pod = await create_pod("--unhealthy", "--level=debug", livenessProbe=probe)
    pod = await becomes(pod, lambda pod: container(pod).get("restartCount") == 1)
    assert container(pod)["lastState"]["terminated"]["exitCode"] == 0


async def test_a_pod_with_an_unsupported_probe_never_gets_ready(
    create_pod: CreatePod, becomes: Becomes
) -> None:
    pod = await create_pod(readinessProbe={"exec": {"command": ["cat", "/tmp/x"]}})
    pod = await becomes(pod, lambda pod: container(pod).get("started") is True)
    assert not is_ready(pod)


async def test_a_deleted_pod_finishes_its_requests_and_then_goes(
    client: ClusterClient, create_pod: CreatePod, becomes: Becomes
) -> None:
    pod = await becomes(await create_pod("--level=debug"), is_ready)
    async with aiohttp.ClientSession() as http:
        slow = asyncio.create_task(http.get(url(pod) + "/delay/1"))
        await asyncio.sleep(0.1)
        marked = await client.delete(PODS, pod)
        gone = asyncio.create_task(becomes(pod, lambda pod: "gone" in pod))
        assert (await slow).status == 200
    assert "deletionTimestamp" in marked["metadata"]
    assert (await gone)["metadata"]["uid"] == pod["metadata"]["uid"]


async def test_a_pod_that_ignores_its_end_is_killed_after_its_grace(
    client: ClusterClient, create_pod: CreatePod, becomes: Becomes
) -> None:
    pod = await becomes(await create_pod(), is_ready)
    await client.delete(PODS, pod, grace_seconds=1)
    begin = perf_counter()
    await becomes(pod, lambda pod: "gone" in pod)
    assert 0.9 < perf_counter() - begin < 2


async def test_a_process_does_not_outlive_its_pod(
    client: ClusterClient, create_pod: CreatePod, becomes: Becomes
) -> None:
    pod = await becomes(await create_pod("--level=debug"), is_ready)
    pid = int(container(pod)["containerID"].rpartition("-")[2])
    await client.delete(PODS, pod)
    await becomes(pod, lambda pod: "gone" in pod)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_each_container_has_a_log(
    create_pod: CreatePod, becomes: Becomes, log_dir: Path, namespace: str
) -> None:
    pod = await becomes(await create_pod(), is_ready)
    log = log_dir / f"{namespace}_{pod['metadata']['name']}_podinfod.log"
    assert "Starting podinfo" in log.read_text()

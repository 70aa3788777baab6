"""A real API server in the sandbox: who may call it, what is recorded, and how it reaches pods."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.sandbox.control_plane.conftest import Served
from tidegate.sandbox.addresses import cluster_address
from tidegate.sandbox.client import NAMESPACES, PODS, STATUS, ApiError, Object, Resource
from tidegate.sandbox.control_plane import Cluster

ROLES = Resource("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", namespaced=False)
BINDINGS = Resource(
    "rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)


LOOK = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}
BOUND = {
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "releasers"}],
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "look"},
}
POD = {
    "metadata": {"name": "podinfo", "namespace": "calls"},
    "spec": {"containers": [{"name": "podinfod", "image": "stefanprodan/podinfo:3.1.0"}]},
}


async def test_a_wrong_token_is_refused(served: Served) -> None:
    async with call(served.cluster, f"{served.cluster.url}/api/v1/namespaces", "wrong") as response:
        assert response.status == 401


async def test_an_unknown_authority_is_not_trusted(served: Served) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        async with aiohttp.request("GET", served.cluster.url):
            pass


async def test_a_user_may_do_what_its_roles_allow_and_all_it_asks_for_is_recorded(served: Served) -> None:
    async with served.cluster.seen_with(served.user.token).client() as client:
        with pytest.raises(ApiError, match='"worker" cannot list resource "namespaces"'):
            await client.list(NAMESPACES)
        await served.admin.create(ROLES, {"metadata": {"name": "look"}, "rules": [LOOK]})
        await served.admin.create(BINDINGS, {"metadata": {"name": "look"}, **BOUND})
        listed = await eventually(lambda: client.list(NAMESPACES))

    assert listed["items"]
    events = [json.loads(line) for line in served.audit_log.read_text().splitlines()]
    assert {event["user"]["username"] for event in events} == {"worker"}
    decisions = {event["annotations"]["authorization.k8s.io/decision"] for event in events}
    assert decisions == {"forbid", "allow"}


async def test_a_pod_is_called_at_the_loopback_address_that_its_own_stands_for(served: Served) -> None:
    address = "127.101.0.7"
    async with podinfo(address) as port:
        await served.admin.create(NAMESPACES, {"metadata": {"name": "calls"}})
        pod = await eventually(lambda: served.admin.create(PODS, POD))
        known_as = cluster_address(address)
        status = {"phase": "Running", "podIP": known_as, "podIPs": [{"ip": known_as}]}
        await served.admin.patch(PODS, pod, {"status": status}, STATUS)
        url = f"{served.cluster.url}/api/v1/namespaces/calls/pods/podinfo:{port}/proxy/version"
        async with call(served.cluster, url) as response:
            assert (response.status, await response.text()) == (200, "3.1.0")


def call(cluster: Cluster, url: str, token: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token or cluster.token}"}
    return aiohttp.request("GET", url, headers=headers, ssl=cluster.tls() or True)


async def eventually(attempt: Callable[[], Awaitable[Object]]) -> Object:
    """What it answers once it is not forbidden any more: roles and service accounts take effect soon."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(ApiError):
                return await attempt()
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def podinfo(address: str) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/version", version)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, address, 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def version(_: web.Request) -> web.Response:
    return web.Response(text="3.1.0")

"""The emulator as its users see it: several clusters, tokens, kubeconfigs."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import kubernetes
import pytest
import yaml

from tidegate.sandbox.cluster_api import ClusterApi, write_kubeconfig


def test_clusters_in_one_process_share_nothing(
    serve: Callable[[ClusterApi], ClusterApi], tmp_path: Path
) -> None:
    apis = [serve(ClusterApi(name, token=f"{name}-token")) for name in ("asm", "mesh02")]
    path = write_kubeconfig(tmp_path / "kubeconfig", apis)
    kube: Any = kubernetes
    clients = {a.name: kube.config.new_client_from_config(str(path), context=a.name) for a in apis}
    kube.client.CoreV1Api(clients["asm"]).create_namespace({"metadata": {"name": "only-here"}})
    found = {
        name: "only-here" in {n.metadata.name for n in kube.client.CoreV1Api(api).list_namespace().items}
        for name, api in clients.items()
    }
    assert found == {"asm": True, "mesh02": False}
    for api in clients.values():
        api.rest_client.pool_manager.clear()


def test_a_kubeconfig_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "kubeconfig", [ClusterApi("a", token="secret"), ClusterApi("b")])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = yaml.safe_load(path.read_text())
    assert [context["name"] for context in written["contexts"]] == ["a", "b"]
    assert (written["current-context"], written["users"][0]["user"]) == ("a", {"token": "secret"})


@pytest.mark.parametrize(("token", "code"), [(None, 401), ("wrong", 401), ("right", 200)])
async def test_a_token_is_asked_for(token: str | None, code: int) -> None:
    api = ClusterApi(token="right")
    await api.start()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{api.url}/api/v1/pods", headers=headers) as answer,
        ):
            body = await answer.json()
            assert (answer.status, body["kind"]) == (code, "PodList" if code == 200 else "Status")
    finally:
        await api.stop()


async def test_a_cluster_starts_again_with_its_state() -> None:
    api = ClusterApi("again")
    for name in ("first", "second"):
        await api.start()
        async with aiohttp.ClientSession() as session:
            await session.post(f"{api.url}/api/v1/namespaces", json={"metadata": {"name": name}})
            async with session.get(f"{api.url}/api/v1/namespaces") as answer:
                names = {item["metadata"]["name"] for item in (await answer.json())["items"]}
        await api.stop()
    assert {"first", "second"} <= names

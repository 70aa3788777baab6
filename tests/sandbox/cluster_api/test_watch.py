"""Watches: complete, in order, prompt, and ended in time."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from tidegate.sandbox.cluster_api import ClusterApi


def _make(core: Any, namespace: str, name: str, **metadata: Any) -> str:
    made = core.create_namespaced_config_map(namespace, {"metadata": {"name": name, **metadata}})
    return str(made.metadata.resource_version)


def _seen(core: Any, namespace: str, **options: Any) -> list[tuple[str, str]]:
    """The events until a last object, made here, comes along."""
    _make(core, namespace, "last", labels={"in": "yes"})
    watches: Any = watch
    watcher, found = watches.Watch(), []
    for event in watcher.stream(core.list_namespaced_config_map, namespace, timeout_seconds=5, **options):
        name = event["object"].metadata.name
        if name == "last":
            watcher.stop()
        elif name != "kube-root-ca.crt":
            found.append((event["type"], name))
    return found


def test_a_watch_from_a_revision_tells_what_happened_since(core: Any, namespace: str) -> None:
    revision = _make(core, namespace, "a")
    _make(core, namespace, "b")
    core.patch_namespaced_config_map("a", namespace, {"data": {"k": "v"}})
    core.delete_namespaced_config_map("b", namespace)
    expected = [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    assert _seen(core, namespace, resource_version=revision) == expected


def test_what_enters_or_leaves_a_selection_is_added_or_deleted(core: Any, namespace: str) -> None:
    revision = _make(core, namespace, "a")
    for labels in ({"in": "yes"}, {"other": "x"}, {"in": None}):
        core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": labels}})
    expected = [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    assert _seen(core, namespace, resource_version=revision, label_selector="in=yes") == expected


@pytest.fixture
def events(api: Any, core: Any, namespace: str) -> Iterator[Callable[..., Iterator[dict[str, Any]]]]:
    """Opens a raw watch on the namespace's ConfigMaps."""
    opened: list[Any] = []

    def open_watch(**query: str) -> Iterator[dict[str, Any]]:
        fields = {"watch": "true", "timeoutSeconds": "20", **query}
        auth = {entry["key"]: entry["value"] for entry in api.configuration.auth_settings().values()}
        url = f"{api.configuration.host}/api/v1/namespaces/{namespace}/configmaps"
        pool = api.rest_client.pool_manager
        answer = pool.request("GET", url, fields=fields, headers=auth, preload_content=False, timeout=10)
        opened.append(answer)
        return (json.loads(line) for chunk in answer.stream(None) for line in chunk.splitlines())

    yield open_watch
    for answer in opened:
        answer.close()
        answer.release_conn()


def test_a_change_arrives_at_once(
    core: Any, namespace: str, events: Callable[..., Iterator[dict[str, Any]]]
) -> None:
    stream = events(resourceVersion=_make(core, namespace, "a"))
    arrived = threading.Event()

    def wait_for_it() -> None:
        next(stream)
        arrived.set()

    waiter = threading.Thread(target=wait_for_it)
    waiter.start()
    began = time.monotonic()
    _make(core, namespace, "b")
    assert arrived.wait(5)
    waiter.join()
    assert time.monotonic() - began < 0.5


def test_initial_events_end_with_a_bookmark(
    core: Any, namespace: str, events: Callable[..., Iterator[dict[str, Any]]]
) -> None:
    _make(core, namespace, "a")
    stream = events(
        sendInitialEvents="true",
        allowWatchBookmarks="true",
        resourceVersionMatch="NotOlderThan",
        fieldSelector="metadata.name=a",
    )
    first, mark = next(stream), next(stream)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "a")
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_forgotten_revision_is_gone(core: Any, namespace: str, raw: Any, emulator: ClusterApi) -> None:
    revision = _make(core, namespace, "a")
    _make(core, namespace, "b")
    emulator.store.compact()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    code, event = raw("GET", path, watch="true", resourceVersion=revision, timeoutSeconds="1")
    assert (code, event["type"], event["object"]["code"]) == (200, "ERROR", 410)
    assert event["object"]["reason"] == "Expired"
    with pytest.raises(ApiException) as refused:
        _seen(core, namespace, resource_version=revision)
    assert refused.value.status == 410


def test_a_watch_ends_in_time_with_a_bookmark(
    core: Any, namespace: str, events: Callable[..., Iterator[dict[str, Any]]]
) -> None:
    revision, began = _make(core, namespace, "a"), time.monotonic()
    found = list(events(resourceVersion=revision, allowWatchBookmarks="true", timeoutSeconds="1"))
    assert 0.9 <= time.monotonic() - began < 3
    assert [event["type"] for event in found] == ["BOOKMARK"]
    assert int(found[0]["object"]["metadata"]["resourceVersion"]) >= int(revision)


async def test_a_watch_ends_with_its_client() -> None:
    api = ClusterApi("left")
    await api.start()
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"{api.url}/api/v1/pods", params={"watch": "true"})
        assert api.watches == 1
        answer.close()
    async with asyncio.timeout(2):
        while api.watches:  # noqa: ASYNC110 - the server tells nobody when a client leaves
            await asyncio.sleep(0.01)
    await api.stop()


async def test_stopping_a_cluster_ends_its_watches() -> None:
    api = ClusterApi("short")
    await api.start()
    async with aiohttp.ClientSession() as session:
        query = {"watch": "true", "resourceVersion": "1000"}
        async with session.get(f"{api.url}/api/v1/pods", params=query) as answer:
            async with asyncio.timeout(1):
                await api.stop()
                assert await answer.read() == b""

"""Caches and queues."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from tidegate.sandbox.client import CONFIG_MAPS, ClusterClient, ConflictError, NotFoundError, Object
from tidegate.sandbox.cluster_api import ClusterApi
from tidegate.sandbox.informer import Informer, Key, Reconciler, WorkQueue, cancel

KEY = Key("test", "podinfo")


def config_map(name: str) -> Object:
    return {"metadata": {"name": name, "namespace": "default"}}


class Names:
    """The names in an informer's cache, and a wait for them."""

    def __init__(self, informer: Informer) -> None:
        self._informer = informer
        self._changed = asyncio.Event()
        informer.on_change(lambda *_: self._changed.set())

    async def become(self, *names: str) -> None:
        async with asyncio.timeout(5):
            while {obj["metadata"]["name"] for obj in self._informer.all()} != set(names):
                self._changed.clear()
                await self._changed.wait()


async def test_a_cache_catches_up_after_the_api_was_away() -> None:
    api = ClusterApi(name="informer-tests")
    await api.start()
    async with ClusterClient(api.url) as client:
        first, second = await client.create(CONFIG_MAPS, config_map("a")), config_map("b")
        informer = Informer(client, CONFIG_MAPS, "default")
        names = Names(informer)
        await informer.start()
        await names.become("a")
        await api.stop()
        await api.start(port=urlsplit(api.url).port or 0)
        await client.delete(CONFIG_MAPS, first)
        await client.create(CONFIG_MAPS, second)
        await names.become("b")
        await informer.stop()
    await api.stop()


async def test_what_was_written_is_in_the_cache_before_the_watch_says_so() -> None:
    api = ClusterApi(name="informer-tests")
    await api.start()
    async with ClusterClient(api.url) as client:
        informer = Informer(client, CONFIG_MAPS, "default")
        changes: list[str] = []
        informer.on_change(lambda obj, _: changes.append(obj["metadata"]["resourceVersion"]))
        await informer.start()
        created = await client.create(CONFIG_MAPS, config_map("a"))
        informer.observe(created)
        assert informer.get(Key("default", "a")) == created
        later = await client.patch(CONFIG_MAPS, created, {"data": {"b": "c"}})
        async with asyncio.timeout(5):
            while changes[-1] != later["metadata"]["resourceVersion"]:  # noqa: ASYNC110 - a list grows
                await asyncio.sleep(0)
        assert len(changes) == 2
        await informer.stop()
    await api.stop()


async def test_only_the_object_that_was_meant_is_deleted() -> None:
    api = ClusterApi(name="informer-tests")
    await api.start()
    async with ClusterClient(api.url) as client:
        old = await client.create(CONFIG_MAPS, config_map("a"))
        await client.delete(CONFIG_MAPS, old)
        await client.create(CONFIG_MAPS, config_map("a"))
        with pytest.raises(ConflictError):
            await client.delete(CONFIG_MAPS, old)
        with pytest.raises(NotFoundError):
            await client.delete(CONFIG_MAPS, config_map("b"))
    await api.stop()


async def test_a_key_is_worked_on_once_and_again_when_it_changed_meanwhile() -> None:
    queue = WorkQueue()
    queue.add(KEY)
    queue.add(KEY)
    assert await queue.take() == KEY
    queue.add(KEY)
    pending = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not pending.done()
    queue.done(KEY)
    assert await pending == KEY


async def test_a_key_may_fail_for_ever() -> None:
    queue = WorkQueue()
    for _ in range(2000):
        queue.retry(KEY)
    queue.close()


async def test_a_failed_reconciliation_is_repeated() -> None:
    attempts = 0
    succeeded = asyncio.Event()

    async def reconcile(_: Key) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ConflictError(409, "Conflict", "changed meanwhile")
        succeeded.set()

    reconciler = Reconciler("test", reconcile)
    reconciler.start()
    reconciler.queue.add(KEY)
    async with asyncio.timeout(5):
        await succeeded.wait()
    await reconciler.stop()
    assert attempts == 3


async def test_whoever_is_cancelled_while_it_cancels_another_ends() -> None:
    """A container whose program has just crashed must not be run again when its pod is deleted."""
    going = asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            going.set()
            await asyncio.sleep(0.01)

    async def again_and_again() -> None:
        while True:
            ending = asyncio.create_task(slow_to_end())
            await asyncio.sleep(0)
            await cancel(ending)

    running = asyncio.create_task(again_and_again())
    await going.wait()
    running.cancel()
    await asyncio.wait({running}, timeout=5)
    assert running.cancelled()


async def test_a_cancelled_task_s_own_failure_is_told() -> None:
    async def fails_at_its_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("too late")

    ending = asyncio.create_task(fails_at_its_end())
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="too late"):
        await cancel(ending)

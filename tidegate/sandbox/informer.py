"""Caches that follow a cluster API by list and watch, and the work queue that reconcilers take keys from.

The pattern is Kubernetes' own: events only say *which* object to look at; a reconciler compares what
is there with what should be, so that a missed or doubled event does no harm. A cache also learns from
the answers to its owner's own writes (`observe`), so that a reconciler never acts twice on the same
want because the watch has not caught up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

import aiohttp

from tidegate.sandbox.client import ApiError, ClusterClient, ConflictError, NotFoundError, Object, Resource

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.01
LAST_RETRY_SECONDS = 2.0


class Key(NamedTuple):
    """What a cache and a queue know an object by."""

    namespace: str
    name: str


def key_of(obj: Object) -> Key:
    """The object's key; cluster-wide objects have an empty namespace."""
    return Key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


Handler = Callable[[Object, Object | None], None]
"""Called with an object's last known state, and the state before (None when it is new)."""


class Informer:
    """A cache of one resource, kept current by a watch that reconnects; handlers hear of each change."""

    def __init__(
        self, client: ClusterClient, resource: Resource, namespace: str | None = None, **selectors: str
    ) -> None:
        self.resource = resource
        self._client = client
        self._namespace = namespace
        self._selectors = selectors
        self._objects: dict[Key, Object] = {}
        self._deleted_uids: deque[str] = deque(maxlen=1024)
        self._handlers: list[Handler] = []
        self._synced = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def on_change(self, handler: Handler) -> None:
        """Have the handler called on every addition, change and deletion, after the cache has it."""
        self._handlers.append(handler)

    def get(self, key: Key) -> Object | None:
        """The cached object. It is shared: never change it in place."""
        return self._objects.get(key)

    def all(self, namespace: str | None = None) -> Iterator[Object]:
        """The cached objects, of one namespace or of all."""
        return (obj for key, obj in list(self._objects.items()) if namespace in (None, key.namespace))

    def observe(self, obj: Object) -> None:
        """Take the answer to a write into the cache, ahead of the watch."""
        self._store(obj)

    def forget(self, obj: Object) -> None:
        """Take a deletion that the API has confirmed into the cache, ahead of the watch."""
        self._drop(obj)

    async def start(self) -> None:
        """Follow the API in the background; returns when the first list is in the cache."""
        self._task = asyncio.create_task(self._follow(), name=f"informer {self.resource.plural}")
        await self._synced.wait()

    async def stop(self) -> None:
        """Stop following."""
        await cancel(self._task)
        self._task = None

    async def _follow(self) -> None:
        delay = FIRST_RETRY_SECONDS
        version = ""
        while True:
            try:
                if not version:
                    version = await self._list()
                    self._synced.set()
                async for kind, obj in self._client.watch(
                    self.resource, version, self._namespace, **self._selectors
                ):
                    version = obj["metadata"]["resourceVersion"]
                    delay = FIRST_RETRY_SECONDS
                    self._apply(kind, obj)
                await asyncio.sleep(FIRST_RETRY_SECONDS)
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
                level = logging.DEBUG if self._synced.is_set() else logging.WARNING
                log.log(level, "watch of %s starts anew: %s", self.resource.plural, error)
                version = ""
                await asyncio.sleep(delay)
                delay = min(delay * 2, LAST_RETRY_SECONDS)

    async def _list(self) -> str:
        answer = await self._client.list(self.resource, self._namespace, **self._selectors)
        version: str = answer["metadata"]["resourceVersion"]
        current = {key_of(obj): obj for obj in answer["items"]}
        for key, obj in list(self._objects.items()):
            if key not in current and _version(obj) <= int(version):
                self._drop(obj)
        for obj in current.values():
            self._store(obj)
        return version

    def _apply(self, kind: str, obj: Object) -> None:
        if kind == "DELETED":
            self._drop(obj)
        elif kind in ("ADDED", "MODIFIED"):
            self._store(obj)

    def _store(self, obj: Object) -> None:
        key = key_of(obj)
        known = self._objects.get(key)
        if obj["metadata"].get("uid") in self._deleted_uids:
            return
        if known is not None and _version(known) >= _version(obj):
            return
        self._objects[key] = obj
        self._notify(obj, known)

    def _drop(self, obj: Object) -> None:
        uid = obj["metadata"].get("uid", "")
        self._deleted_uids.append(uid)
        known = self._objects.get(key_of(obj))
        if known is not None and known["metadata"].get("uid", "") == uid:
            del self._objects[key_of(obj)]
            self._notify(obj, known)

    def _notify(self, obj: Object, before: Object | None) -> None:
        for handler in self._handlers:
            handler(obj, before)


def _version(obj: Object) -> int:
    return int(obj["metadata"].get("resourceVersion", 0))


class WorkQueue:
    """Keys to look at: each at most once at a time, and again when it was added while being worked on."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._working: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._back_offs: dict[Key, float] = {}

    def add(self, key: Key) -> None:
        """Have the key looked at soon."""
        if key in self._waiting:
            return
        self._waiting.add(key)
        if key not in self._working:
            self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Have the key looked at after that time, or at an earlier time that was already asked for."""
        loop = asyncio.get_running_loop()
        pending = self._timers.get(key)
        if pending is not None:
            if pending.when() <= loop.time() + seconds:
                return
            pending.cancel()
        self._timers[key] = loop.call_later(max(seconds, 0), self._due, key)

    async def take(self) -> Key:
        """The next key; `done` or `retry` must follow."""
        key = await self._ready.get()
        self._waiting.discard(key)
        self._working.add(key)
        return key

    def done(self, key: Key) -> None:
        """The key was looked at."""
        self._back_offs.pop(key, None)
        self._release(key)

    def retry(self, key: Key) -> None:
        """Looking at the key failed: again after a back-off."""
        back_off = min(self._back_offs.get(key, FIRST_RETRY_SECONDS), LAST_RETRY_SECONDS)
        self._back_offs[key] = 2 * back_off
        self._release(key)
        self.add_after(key, back_off)

    def close(self) -> None:
        """Forget the timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _release(self, key: Key) -> None:
        self._working.discard(key)
        if key in self._waiting:
            self._ready.put_nowait(key)


Reconcile = Callable[[Key], Awaitable[None]]


class Reconciler:
    """Takes keys from a queue and has each reconciled; failures are retried with a back-off."""

    def __init__(self, name: str, reconcile: Reconcile, workers: int = 4) -> None:
        self.name = name
        self.queue = WorkQueue()
        self._reconcile = reconcile
        self._workers = workers
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work in the background."""
        self._tasks = [
            asyncio.create_task(self._work(), name=f"{self.name} {n}") for n in range(self._workers)
        ]

    async def stop(self) -> None:
        """Stop where it stands."""
        self.queue.close()
        for task in self._tasks:
            await cancel(task)

    async def _work(self) -> None:
        while True:
            key = await self.queue.take()
            try:
                await self._reconcile(key)
            except (ConflictError, NotFoundError, aiohttp.ClientError, OSError) as error:
                log.debug("%s: %s/%s again, the cache was behind: %s", self.name, *key, error)
                self.queue.retry(key)
            except ApiError as error:
                log.warning("%s: %s/%s will be retried: %s", self.name, *key, error)
                self.queue.retry(key)
            except Exception:
                log.exception("%s: %s/%s failed, will be retried", self.name, *key)
                self.queue.retry(key)
            else:
                self.queue.done(key)


async def cancel(task: asyncio.Task[None] | None) -> None:
    """Cancel the task and wait until it has ended; whoever is cancelled meanwhile is cancelled."""
    if task is None:
        return
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()

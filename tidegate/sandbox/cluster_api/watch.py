"""Watches: what has happened since a revision, then each change in the turn in which it happens."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator

from tidegate.sandbox.cluster_api import conversion
from tidegate.sandbox.cluster_api.errors import bad_request, gone
from tidegate.sandbox.cluster_api.kinds import Kind
from tidegate.sandbox.cluster_api.listing import predicate
from tidegate.sandbox.cluster_api.objects import Object, namespace_of
from tidegate.sandbox.cluster_api.requests import ListOptions
from tidegate.sandbox.cluster_api.selectors import Predicate
from tidegate.sandbox.cluster_api.store import Change, Store

WatchEvent = tuple[str, Object]
_BOOKMARK_EVERY = 30.0
_DEFAULT_TIMEOUT = 1800.0
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class Watch:
    """One client's watch on one kind."""

    def __init__(self, store: Store, kind: Kind, namespace: str, options: ListOptions) -> None:
        """Raises ApiError: 400 for a bad selector or revision, 410 for a revision that is forgotten."""
        self._store = store
        self._kind = kind
        self._namespace = namespace
        self._options = options
        self._wanted: Predicate = predicate(kind, options)
        self._pending: deque[WatchEvent] = deque()
        self._arrived = asyncio.Event()
        self._closed = False
        self._start()
        self._unsubscribe = store.subscribe(kind.storage, self._take)

    def close(self) -> None:
        """End the stream after what is pending."""
        self._closed = True
        self._arrived.set()

    async def events(self) -> AsyncGenerator[list[WatchEvent], None]:
        """Batches of events, until the watch's time is over or it is closed."""
        end = time.monotonic() + (self._options.timeout or _DEFAULT_TIMEOUT)
        try:
            while not self._closed:
                left = end - time.monotonic()
                if left <= 0:
                    break
                if not self._pending:
                    await self._wait(min(left, _BOOKMARK_EVERY))
                yield self._drain()
            if self._options.bookmarks and not self._closed:
                yield [self._bookmark()]
        finally:
            self._unsubscribe()

    def _start(self) -> None:
        revision = self._options.revision
        if self._options.initial_events or revision in ("", "0"):
            self._state_of_now()
            return
        if not revision.isdecimal():
            raise bad_request(f"invalid resource version: {revision!r}")
        missed = self._store.changes_since(self._kind.storage, int(revision))
        if missed is None:
            raise gone(f"too old resource version: {revision} ({self._store.revision})")
        for change in missed:
            self._take(change)

    def _state_of_now(self) -> None:
        for obj in self._store.list_objects(self._kind.storage, self._namespace):
            if self._wanted(obj):
                self._pending.append(("ADDED", self._shown(obj)))
        if self._options.initial_events:
            kind, mark = self._bookmark()
            mark["metadata"]["annotations"] = {INITIAL_EVENTS_END: "true"}
            self._pending.append((kind, mark))

    def _take(self, change: Change) -> None:
        event = self._seen(change)
        if event:
            self._pending.append(event)
            self._arrived.set()

    def _seen(self, change: Change) -> WatchEvent | None:
        """The change as this watch sees it: what enters its selection is added, what leaves is deleted."""
        if self._namespace and namespace_of(change.object) != self._namespace:
            return None
        was = change.previous is not None and self._wanted(change.previous)
        now = change.type != "DELETED" and self._wanted(change.object)
        if not was and not now:
            return None
        event = "DELETED" if not now else "MODIFIED" if was else "ADDED"
        return event, self._shown(change.object)

    def _shown(self, obj: Object) -> Object:
        return conversion.from_stored(obj, self._kind)

    async def _wait(self, seconds: float) -> None:
        self._arrived.clear()
        if self._closed:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            if self._options.bookmarks and seconds >= _BOOKMARK_EVERY:
                self._pending.append(self._bookmark())

    def _drain(self) -> list[WatchEvent]:
        events = list(self._pending)
        self._pending.clear()
        return events

    def _bookmark(self) -> WatchEvent:
        mark: Object = {
            "kind": self._kind.kind,
            "apiVersion": self._kind.api_version,
            "metadata": {"resourceVersion": str(self._store.revision), "creationTimestamp": None},
        }
        return "BOOKMARK", mark

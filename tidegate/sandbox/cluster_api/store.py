"""The state of one cluster: its objects, the revision that counts every change, and the changes themselves.

One counter serves as every object's resourceVersion, as in etcd. Subscribers are called in the same
turn as the change happens, so that a watch never polls.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from tidegate.sandbox.cluster_api.kinds import Storage
from tidegate.sandbox.cluster_api.objects import Object, meta, name_of, namespace_of

Key = tuple[str, str]
"""An object within its storage: (namespace, name)."""

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one object; `previous` is what it was before, None for a new one."""

    revision: int
    type: ChangeType
    object: Object
    previous: Object | None


Subscriber = Callable[[Change], None]


class Store:
    """Objects by storage and key. `window` is how many changes of a storage a watch may go back to."""

    def __init__(self, window: int = 5000) -> None:
        self.revision = 1
        self._objects: defaultdict[Storage, dict[Key, Object]] = defaultdict(dict)
        self._changes: defaultdict[Storage, deque[Change]] = defaultdict(lambda: deque(maxlen=window))
        self._forgotten: defaultdict[Storage, int] = defaultdict(int)
        self._subscribers: defaultdict[Storage, list[Subscriber]] = defaultdict(list)
        self._watchmen: list[Callable[[Storage, Change], None]] = []
        self._uids: dict[str, tuple[Storage, Key]] = {}
        self._dependents: defaultdict[str, set[tuple[Storage, Key]]] = defaultdict(set)

    def get(self, storage: Storage, namespace: str, name: str) -> Object | None:
        return self._objects[storage].get((namespace, name))

    def list_objects(self, storage: Storage, namespace: str = "") -> list[Object]:
        """All objects of a storage, or those of one namespace, in the order of their keys."""
        found = self._objects[storage]
        return [found[key] for key in sorted(found) if not namespace or key[0] == namespace]

    def by_uid(self, uid: str) -> tuple[Storage, Object] | None:
        if uid not in self._uids:
            return None
        storage, key = self._uids[uid]
        return storage, self._objects[storage][key]

    def dependents(self, uid: str) -> Iterator[tuple[Storage, Object]]:
        """The objects that name an owner of this uid."""
        for storage, key in sorted(self._dependents.get(uid, ())):
            yield storage, self._objects[storage][key]

    def put(self, storage: Storage, obj: Object) -> Object:
        """Keep the object, which gets the next resourceVersion."""
        key = (namespace_of(obj), name_of(obj))
        previous = self._objects[storage].get(key)
        self.revision += 1
        meta(obj)["resourceVersion"] = str(self.revision)
        self._objects[storage][key] = obj
        self._index(storage, key, previous, obj)
        self._tell(storage, Change(self.revision, "MODIFIED" if previous else "ADDED", obj, previous))
        return obj

    def remove(self, storage: Storage, obj: Object) -> Object:
        """Forget the object; returns its last state, with the revision at which it ended."""
        key = (namespace_of(obj), name_of(obj))
        previous = self._objects[storage].pop(key)
        self.revision += 1
        last = {**obj, "metadata": {**meta(obj), "resourceVersion": str(self.revision)}}
        self._index(storage, key, previous, None)
        self._tell(storage, Change(self.revision, "DELETED", last, previous))
        return last

    def changes_since(self, storage: Storage, revision: int) -> list[Change] | None:
        """The changes after a revision; None when some of them are forgotten."""
        if revision < self._forgotten[storage]:
            return None
        return [change for change in self._changes[storage] if change.revision > revision]

    def compact(self) -> None:
        """Forget the changes so far, as etcd does every few minutes."""
        for storage in list(self._objects):
            self._changes[storage].clear()
            self._forgotten[storage] = self.revision

    def subscribe(self, storage: Storage, subscriber: Subscriber) -> Callable[[], None]:
        """Call the subscriber with each change; the result ends that."""
        self._subscribers[storage].append(subscriber)
        return lambda: self._subscribers[storage].remove(subscriber)

    def observe(self, watchman: Callable[[Storage, Change], None]) -> None:
        """Call with each change of any storage."""
        self._watchmen.append(watchman)

    def _index(self, storage: Storage, key: Key, previous: Object | None, obj: Object | None) -> None:
        for owner in _owners(previous):
            self._dependents[owner].discard((storage, key))
            if not self._dependents[owner]:
                del self._dependents[owner]
        for owner in _owners(obj):
            self._dependents[owner].add((storage, key))
        if previous:
            self._uids.pop(meta(previous)["uid"], None)
        if obj:
            self._uids[meta(obj)["uid"]] = (storage, key)

    def _tell(self, storage: Storage, change: Change) -> None:
        changes = self._changes[storage]
        if len(changes) == changes.maxlen:
            self._forgotten[storage] = changes[0].revision
        changes.append(change)
        for subscriber in tuple(self._subscribers[storage]):
            subscriber(change)
        for watchman in self._watchmen:
            watchman(storage, change)


def _owners(obj: Object | None) -> set[str]:
    references = meta(obj).get("ownerReferences") if obj else None
    return {reference["uid"] for reference in references or ()}

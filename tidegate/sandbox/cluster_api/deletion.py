"""How objects end: finalizers, grace periods, owners and dependents, namespaces and their content.

What a real cluster leaves to its garbage collector and its namespace controller happens here in the
same turn, because nothing else of those controllers is needed.

A Pod bound to a node ends in two steps, as on a real cluster: DELETE marks it, and whoever plays the
kubelet deletes it for good with gracePeriodSeconds 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.sandbox.cluster_api import crds
from tidegate.sandbox.cluster_api.errors import bad_request, forbidden, precondition_failed
from tidegate.sandbox.cluster_api.kinds import Catalog, Storage
from tidegate.sandbox.cluster_api.objects import Object, clone, dig, meta, name_of, namespace_of
from tidegate.sandbox.cluster_api.store import Change, Store

FOREGROUND = "foregroundDeletion"
_CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
_NAMESPACES: Storage = ("", "namespaces")
_LASTING = ("default", "kube-system", "kube-public")
_PODS: Storage = ("", "pods")
_POLICIES = ("Orphan", "Background", "Foreground")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """metav1.DeleteOptions, as body and query give it; the grace period is in seconds."""

    propagation: str = "Background"
    grace: int | None = None
    dry_run: bool = False
    uid: str | None = None
    revision: str | None = None


def delete_options(body: Mapping[str, Any], query: Mapping[str, str]) -> DeleteOptions:
    """Raises ApiError (400) for a propagation policy that does not exist."""
    given = {**body, **{name: value for name, value in query.items() if value}}
    policy = given.get("propagationPolicy") or "Background"
    if str(given.get("orphanDependents", "")).lower() == "true":
        policy = "Orphan"
    if policy not in _POLICIES:
        raise bad_request(f"invalid DeletionPropagation: {policy!r} is not one of {', '.join(_POLICIES)}")
    grace = given.get("gracePeriodSeconds")
    preconditions = body.get("preconditions") or {}
    return DeleteOptions(
        propagation=policy,
        grace=None if grace is None else max(0, int(grace)),
        dry_run=bool(given.get("dryRun")),
        uid=preconditions.get("uid"),
        revision=preconditions.get("resourceVersion"),
    )


class Deletion:
    """Ends objects of one store, and sees to what follows from an end."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        store.observe(self._follow)

    def delete(self, storage: Storage, obj: Object, options: DeleteOptions) -> tuple[Object, bool]:
        """Delete an object: its state after that, and whether it is gone.

        Raises ApiError: 409 when a precondition does not hold, 403 for the cluster's own namespaces.
        """
        _check(storage, obj, options)
        if storage == _NAMESPACES and name_of(obj) in _LASTING:
            raise forbidden(*storage, name_of(obj), "this namespace may not be deleted")
        if options.dry_run:
            return obj, not meta(obj).get("finalizers")
        if options.propagation == "Orphan":
            self._release_dependents(obj)
        grace = _grace(storage, obj, options)
        finalizers = self._finalizers(storage, obj, options)
        if not finalizers and not grace:
            return self._store.remove(storage, obj), True
        marked = self._mark(storage, obj, finalizers, grace)
        self._empty(storage, marked, options)
        current = self._store.get(storage, namespace_of(obj), name_of(obj))
        return (current, False) if current else (marked, True)

    def finish(self, storage: Storage, obj: Object) -> Object:
        """Remove an object that waits for deletion, once nothing holds it any more."""
        metadata = meta(obj)
        if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
            return obj
        if storage == _NAMESPACES and dig(obj, "spec", "finalizers"):
            return obj
        if metadata.get("deletionGracePeriodSeconds"):
            return obj
        return self._store.remove(storage, obj)

    def _finalizers(self, storage: Storage, obj: Object, options: DeleteOptions) -> list[str]:
        finalizers = list(meta(obj).get("finalizers") or ())
        if options.propagation == "Foreground" and FOREGROUND not in finalizers and self._blockers(obj):
            finalizers.append(FOREGROUND)
        if storage == crds.DEFINITIONS and self._store.list_objects(crds.storage_of(obj)):
            finalizers.append(_CLEANUP)
        if storage == _NAMESPACES and not finalizers and dig(obj, "spec", "finalizers"):
            return ["kubernetes"]
        return finalizers

    def _mark(self, storage: Storage, obj: Object, finalizers: list[str], grace: int) -> Object:
        """Note in the object that it is to end; deleting it again may only shorten its grace."""
        marked: Object = clone(obj)
        metadata = meta(marked)
        first = "deletionTimestamp" not in metadata
        if first or grace < metadata.get("deletionGracePeriodSeconds", 0):
            end = datetime.now(UTC) + timedelta(seconds=grace)
            metadata["deletionTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
            metadata["deletionGracePeriodSeconds"] = grace
        if first and "generation" in metadata:
            metadata["generation"] += 1
        if storage == _NAMESPACES:
            marked["status"] = {**(marked.get("status") or {}), "phase": "Terminating"}
        elif finalizers:
            metadata["finalizers"] = finalizers
        return marked if marked == obj else self._store.put(storage, marked)

    def _empty(self, storage: Storage, marked: Object, options: DeleteOptions) -> None:
        """Delete what has to go before the object itself may."""
        if storage == _NAMESPACES:
            self._empty_namespace(name_of(marked))
        elif storage == crds.DEFINITIONS:
            self._empty_kind(marked)
        elif FOREGROUND in (meta(marked).get("finalizers") or ()):
            inner = replace(options, grace=None, uid=None, revision=None)
            for owned, dependent in list(self._store.dependents(meta(marked)["uid"])):
                self._delete_dependent(owned, dependent, inner)
            self._unblock(meta(marked)["uid"])

    def _delete_dependent(self, storage: Storage, dependent: Object, options: DeleteOptions) -> None:
        current = self._store.get(storage, namespace_of(dependent), name_of(dependent))
        if current and "deletionTimestamp" not in meta(current):
            self.delete(storage, current, options)

    def _empty_namespace(self, namespace: str) -> None:
        for storage in list(self._catalog.storages()):
            kind = self._catalog.stored(storage)
            for obj in self._store.list_objects(storage, namespace) if kind and kind.namespaced else ():
                self._delete_dependent(storage, obj, DeleteOptions())
        self._finish_namespace(namespace)

    def _finish_namespace(self, namespace: str) -> None:
        obj = self._store.get(_NAMESPACES, "", namespace)
        if not obj or "deletionTimestamp" not in meta(obj) or self._has_content(namespace):
            return
        if dig(obj, "spec", "finalizers"):
            obj = self._store.put(_NAMESPACES, {**clone(obj), "spec": {}})
        self.finish(_NAMESPACES, obj)

    def _has_content(self, namespace: str) -> bool:
        return any(self._store.list_objects(storage, namespace) for storage in self._catalog.storages())

    def _empty_kind(self, definition: Object) -> None:
        storage = crds.storage_of(definition)
        for obj in self._store.list_objects(storage):
            self._delete_dependent(storage, obj, DeleteOptions())
        self._finish_kind(definition)

    def _finish_kind(self, definition: Object) -> None:
        current = self._store.get(crds.DEFINITIONS, "", name_of(definition))
        if current and not self._store.list_objects(crds.storage_of(current)):
            self._drop_finalizer(crds.DEFINITIONS, current, _CLEANUP)

    def _blockers(self, owner: Object) -> list[Object]:
        """The dependents that the owner's foreground deletion waits for."""
        uid = meta(owner)["uid"]
        return [dependent for _, dependent in self._store.dependents(uid) if _blocks(dependent, uid)]

    def _release_dependents(self, owner: Object) -> None:
        for storage, dependent in list(self._store.dependents(meta(owner)["uid"])):
            self._disown(storage, dependent, meta(owner)["uid"])

    def _disown(self, storage: Storage, dependent: Object, uid: str) -> None:
        changed: Object = clone(dependent)
        references = [r for r in meta(changed)["ownerReferences"] if r["uid"] != uid]
        meta(changed)["ownerReferences"] = references
        if not references:
            del meta(changed)["ownerReferences"]
        self._store.put(storage, changed)

    def _drop_finalizer(self, storage: Storage, obj: Object, finalizer: str) -> None:
        held = meta(obj).get("finalizers") or []
        if finalizer not in held or "deletionTimestamp" not in meta(obj):
            return
        changed: Object = clone(obj)
        meta(changed)["finalizers"] = [name for name in held if name != finalizer]
        if not meta(changed)["finalizers"]:
            del meta(changed)["finalizers"]
        self.finish(storage, self._store.put(storage, changed))

    def _follow(self, storage: Storage, change: Change) -> None:
        """What a change of one object means for others."""
        if change.type == "ADDED":
            self._collect_stray(storage, change.object)
        elif change.type == "DELETED":
            self._collect(meta(change.object)["uid"])
            for reference in meta(change.object).get("ownerReferences") or ():
                self._unblock(reference["uid"])
            self._finish_containers(storage, change.object)

    def _collect_stray(self, storage: Storage, obj: Object) -> None:
        owners = meta(obj).get("ownerReferences") or ()
        if owners and not any(self._store.by_uid(owner["uid"]) for owner in owners):
            self._delete_dependent(storage, obj, DeleteOptions())

    def _collect(self, uid: str) -> None:
        """An owner is gone: so are its dependents, but for those with another owner."""
        for storage, dependent in list(self._store.dependents(uid)):
            others = [r["uid"] for r in meta(dependent)["ownerReferences"] if r["uid"] != uid]
            if any(self._store.by_uid(other) for other in others):
                self._disown(storage, dependent, uid)
            else:
                self._delete_dependent(storage, dependent, DeleteOptions())

    def _unblock(self, uid: str) -> None:
        found = self._store.by_uid(uid)
        if found and not self._blockers(found[1]):
            self._drop_finalizer(*found, FOREGROUND)

    def _finish_containers(self, storage: Storage, obj: Object) -> None:
        """The last object of a namespace or of a custom kind sets free what waited for it."""
        if storage == crds.DEFINITIONS:
            crds.unregister(self._catalog, obj)
        if namespace_of(obj):
            self._finish_namespace(namespace_of(obj))
        kind = self._catalog.stored(storage)
        if kind and kind.custom:
            definition = self._store.get(crds.DEFINITIONS, "", f"{kind.plural}.{kind.group}")
            if definition:
                self._finish_kind(definition)


def _check(storage: Storage, obj: Object, options: DeleteOptions) -> None:
    for what, wanted, actual in (
        ("UID", options.uid, meta(obj)["uid"]),
        ("ResourceVersion", options.revision, meta(obj)["resourceVersion"]),
    ):
        if wanted and wanted != actual:
            raise precondition_failed(*storage, name_of(obj), what, wanted, actual)


def _grace(storage: Storage, obj: Object, options: DeleteOptions) -> int:
    """Seconds that the object may take to end: none but for a pod that is on a node and not over."""
    if storage != _PODS or not dig(obj, "spec", "nodeName"):
        return 0
    if dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    wanted = options.grace if options.grace is not None else dig(obj, "spec", "terminationGracePeriodSeconds")
    return int(30 if wanted is None else wanted)


def _blocks(dependent: Object, uid: str) -> bool:
    references = meta(dependent).get("ownerReferences") or ()
    return any(reference["uid"] == uid and reference.get("blockOwnerDeletion") for reference in references)

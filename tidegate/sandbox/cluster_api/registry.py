"""What the verbs do: the one place where an object is completed, checked, owned and stored.

Requests name a kind in a version; objects are stored in one version and handed out in the one asked for.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidegate.sandbox.cluster_api import (
    admission,
    canonical,
    conversion,
    crds,
    errors,
    initial,
    updates,
    validation,
)
from tidegate.sandbox.cluster_api.apply import apply_configuration
from tidegate.sandbox.cluster_api.deletion import DeleteOptions, Deletion
from tidegate.sandbox.cluster_api.kinds import Catalog, Kind, Storage
from tidegate.sandbox.cluster_api.listing import Page, select
from tidegate.sandbox.cluster_api.objects import (
    Object,
    clone,
    meta,
    name_of,
    namespace_of,
    now,
)
from tidegate.sandbox.cluster_api.ownership import Manager, note_update, write_owners
from tidegate.sandbox.cluster_api.requests import ListOptions, WriteOptions
from tidegate.sandbox.cluster_api.store import Store

Change = Callable[[Object], Object]
_CREATED_BY_PUT = (("", "services"), ("", "endpoints"), ("", "events"), ("coordination.k8s.io", "leases"))


@dataclass(frozen=True, slots=True)
class Written:
    """An object after a write, and what the server has to say about the write."""

    object: Object
    created: bool = False
    warnings: tuple[str, ...] = ()


class Registry:
    """The verbs of one cluster."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self.store = store
        self.catalog = catalog
        self._deletion = Deletion(store, catalog)
        self._addresses = initial.ServiceAddresses(self._addresses_in_use)

    def read(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises ApiError (404)."""
        return conversion.from_stored(self._stored(kind, namespace, name), kind)

    def select(self, kind: Kind, namespace: str, options: ListOptions) -> Page:
        """Raises ApiError: 400, 410 (the page before is too old)."""
        return select(self.store, kind, namespace, options)

    def create(self, kind: Kind, namespace: str, body: Object, options: WriteOptions) -> Written:
        """Raises ApiError: 400, 403 (namespace ends), 404 (no namespace), 409, 422."""
        obj = admission.admit(kind, namespace, "", admission.read(kind, body))
        stored_kind = self._stored_kind(kind)
        obj = conversion.to_stored(obj, kind, stored_kind)
        admission.name_new(stored_kind, obj)
        if self.store.get(kind.storage, namespace, name_of(obj)):
            raise errors.already_exists(kind.group, kind.plural, name_of(obj))
        self._check_namespace(kind, namespace, name_of(obj))
        return self._insert(stored_kind, kind, obj, options, owners=None)

    def replace(self, kind: Kind, namespace: str, name: str, body: Object, options: WriteOptions) -> Written:
        """Raises ApiError: 400, 404, 409 (stale resourceVersion), 422."""
        if kind.storage in _CREATED_BY_PUT and not self.store.get(kind.storage, namespace, name):
            return self.create(kind, namespace, body, options)
        obj = admission.admit(kind, namespace, name, admission.read(kind, body))
        old = self._stored(kind, namespace, name)
        if kind.custom and not meta(obj).get("resourceVersion"):
            problem = errors.invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            raise errors.invalid(kind.group, kind.kind, name, [problem])
        return self._update(kind, old, obj, options)

    def patch(self, kind: Kind, namespace: str, name: str, change: Change, options: WriteOptions) -> Written:
        """Change an object by a function from the version asked for to the same version.

        Raises ApiError: 404, 409 (the patch names another resourceVersion), 422.
        """
        old = self._stored(kind, namespace, name)
        patched = change(conversion.from_stored(old, kind))
        if (patched.get("metadata") or {}).get("uid", meta(old)["uid"]) != meta(old)["uid"]:
            problem = errors.invalid_value("metadata.uid", patched["metadata"]["uid"], "field is immutable")
            raise errors.invalid(kind.group, kind.kind, name, [problem])
        return self._update(
            kind, old, admission.admit(kind, namespace, name, admission.read(kind, patched)), options
        )

    def apply(self, kind: Kind, namespace: str, name: str, wanted: Object, options: WriteOptions) -> Written:
        """Server-side apply; creates what is not there. Raises ApiError: 400, 404, 409, 422."""
        wanted = admission.admit(kind, namespace, name, wanted)
        if meta(wanted).get("managedFields"):
            raise errors.bad_request("metadata.managedFields must be nil")
        if options.subresource:
            self._stored(kind, namespace, name)
        stored_kind = self._stored_kind(kind)
        wanted = clone(conversion.to_stored(wanted, kind, stored_kind))
        admission.check_types(stored_kind, wanted)
        return self._apply(stored_kind, kind, wanted, options)

    def _apply(self, stored_kind: Kind, kind: Kind, wanted: Object, options: WriteOptions) -> Written:
        old = self.store.get(kind.storage, namespace_of(wanted), name_of(wanted))
        manager = Manager(options.manager, "Apply", kind.api_version, options.subresource)
        if old is None:
            return self._apply_new(stored_kind, kind, wanted, manager, options)
        updates.check_precondition(kind, old, wanted)
        base = updates.applied_part(kind, wanted, options.subresource)
        empty = updates.applied_part(kind, canonical.empty(stored_kind), options.subresource)
        whole = updates.applied_part(kind, old, options.subresource)
        merged, owners = apply_configuration(
            old, base, manager, stored_kind.shape, force=options.force, untracked=(empty, whole)
        )
        merged = admission.read(kind, merged)
        write_owners(merged, owners, old)
        return self._update(kind, old, merged, options, applied=True)

    def rewrite(self, kind: Kind, obj: Object, options: WriteOptions) -> Written:
        """Store an object whose field managers are told already. Raises ApiError: 404, 409, 422."""
        old = self._stored(kind, namespace_of(obj), name_of(obj))
        return self._update(kind, old, obj, options, applied=True)

    def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions) -> tuple[Object, bool]:
        """The object's last state, and whether it is gone. Raises ApiError: 404, 409."""
        obj, gone = self._deletion.delete(kind.storage, self._stored(kind, namespace, name), options)
        return conversion.from_stored(obj, kind), gone

    def delete_all(self, kind: Kind, namespace: str, selected: ListOptions, options: DeleteOptions) -> Page:
        page = self.select(kind, namespace, selected)
        for obj in page.items:
            current = self.store.get(kind.storage, namespace_of(obj), name_of(obj))
            if current:
                self._deletion.delete(kind.storage, current, options)
        return page

    def _addresses_in_use(self) -> list[str]:
        return [service["spec"].get("clusterIP", "") for service in self.store.list_objects(("", "services"))]

    def _stored(self, kind: Kind, namespace: str, name: str) -> Object:
        obj = self.store.get(kind.storage, namespace, name)
        if obj is None:
            raise errors.not_found(kind.group, kind.plural, name)
        return obj

    def _stored_kind(self, kind: Kind) -> Kind:
        return self.catalog.stored(kind.storage) or kind

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        found = self.store.get(("", "namespaces"), "", namespace)
        if found is None:
            raise errors.not_found("", "namespaces", namespace)
        if "deletionTimestamp" in meta(found):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise errors.forbidden(kind.group, kind.plural, name, why)

    def _apply_new(
        self, stored_kind: Kind, kind: Kind, wanted: Object, manager: Manager, options: WriteOptions
    ) -> Written:
        self._check_namespace(kind, namespace_of(wanted), name_of(wanted))
        base = updates.applied_part(kind, wanted, "")
        empty: Object = {"metadata": {}}
        _, owners = apply_configuration(empty, base, manager, stored_kind.shape, force=True)
        return self._insert(stored_kind, kind, admission.read(kind, wanted), options, owners=owners)

    def _insert(
        self,
        stored_kind: Kind,
        kind: Kind,
        obj: Object,
        options: WriteOptions,
        owners: dict[Manager, Any] | None,
    ) -> Written:
        if kind.status:
            obj.pop("status", None)
        metadata = meta(obj)
        for field in (
            "resourceVersion",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "managedFields",
            "selfLink",
        ):
            metadata.pop(field, None)
        metadata["uid"], metadata["creationTimestamp"] = str(uuid.uuid4()), now()
        if stored_kind.generation:
            metadata["generation"] = 1
        warnings = admission.accept(stored_kind, obj, options) if owners is None else ()
        admission.fill(stored_kind, obj)
        if owners is None:
            note_update(canonical.empty(stored_kind), obj, _writer(kind, options), stored_kind.shape)
        else:
            write_owners(obj, owners, None)
        canonical.settle(kind.kind, obj)
        validation.check(stored_kind, obj, None)
        initial.begin(kind.group, kind.kind, obj, self._addresses)
        if not options.dry_run:
            self._keep(kind.storage, obj)
        return Written(conversion.from_stored(obj, kind), created=True, warnings=warnings)

    def _update(
        self, kind: Kind, old: Object, obj: Object, options: WriteOptions, *, applied: bool = False
    ) -> Written:
        updates.check_precondition(kind, old, obj)
        stored_kind = self._stored_kind(kind)
        obj = conversion.to_stored(obj, kind, stored_kind)
        obj = updates.confined(stored_kind, old, obj, options.subresource)
        updates.keep_system_fields(old, obj)
        warnings = () if applied else admission.accept(stored_kind, obj, options)
        admission.fill(stored_kind, obj)
        if kind.storage == ("", "services"):
            updates.keep_address(old, obj)
        if not applied:
            note_update(old, obj, _writer(kind, options), stored_kind.shape)
        canonical.settle(kind.kind, obj)
        if stored_kind.generation and updates.is_respecified(stored_kind, old, obj):
            meta(obj)["generation"] = meta(old).get("generation", 1) + 1
        validation.check(stored_kind, obj, old)
        meta(obj)["resourceVersion"] = meta(old)["resourceVersion"]
        if obj != old and not options.dry_run:
            obj = self._deletion.finish(kind.storage, self._keep(kind.storage, obj))
        return Written(conversion.from_stored(obj, kind), warnings=warnings)

    def _keep(self, storage: Storage, obj: Object) -> Object:
        if storage == crds.DEFINITIONS:
            crds.register(self.catalog, obj)
        return self.store.put(storage, obj)


def _writer(kind: Kind, options: WriteOptions) -> Manager:
    return Manager(options.manager, "Update", kind.api_version, options.subresource)

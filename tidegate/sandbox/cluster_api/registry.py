"""What the verbs do: the one place where an object is completed, checked, owned and stored.

Requests name a kind in a version; objects are stored in one version and handed out in the one asked for.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tidegate.sandbox.cluster_api import (
    canonical,
    conversion,
    crds,
    defaults,
    errors,
    initial,
    known_fields,
    structural,
    typed,
    updates,
    validation,
)
from tidegate.sandbox.cluster_api.apply import apply_configuration
from tidegate.sandbox.cluster_api.deletion import DeleteOptions, Deletion
from tidegate.sandbox.cluster_api.fieldset import NOTHING, readable
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
from tidegate.sandbox.cluster_api.scale import scaled_to_nothing
from tidegate.sandbox.cluster_api.store import Store

Change = Callable[[Object], Object]
_CREATED_BY_PUT = (("", "services"), ("", "endpoints"), ("", "events"), ("coordination.k8s.io", "leases"))
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


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
        obj = self._admit(kind, namespace, "", _read(kind, body))
        stored_kind = self._stored_kind(kind)
        obj = conversion.to_stored(obj, kind, stored_kind)
        self._name(stored_kind, obj)
        if self.store.get(kind.storage, namespace, name_of(obj)):
            raise errors.already_exists(kind.group, kind.plural, name_of(obj))
        self._check_namespace(kind, namespace, name_of(obj))
        return self._insert(stored_kind, kind, obj, options, owners=None)

    def replace(self, kind: Kind, namespace: str, name: str, body: Object, options: WriteOptions) -> Written:
        """Raises ApiError: 400, 404, 409 (stale resourceVersion), 422."""
        if kind.storage in _CREATED_BY_PUT and not self.store.get(kind.storage, namespace, name):
            return self.create(kind, namespace, body, options)
        obj = self._admit(kind, namespace, name, _read(kind, body))
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
        return self._update(kind, old, self._admit(kind, namespace, name, _read(kind, patched)), options)

    def apply(self, kind: Kind, namespace: str, name: str, wanted: Object, options: WriteOptions) -> Written:
        """Server-side apply; creates what is not there. Raises ApiError: 400, 404, 409, 422."""
        wanted = self._admit(kind, namespace, name, wanted)
        if meta(wanted).get("managedFields"):
            raise errors.bad_request("metadata.managedFields must be nil")
        stored_kind = self._stored_kind(kind)
        wanted = clone(conversion.to_stored(wanted, kind, stored_kind))
        _check_types(stored_kind, wanted)
        return self._apply(stored_kind, kind, wanted, options)

    def _apply(self, stored_kind: Kind, kind: Kind, wanted: Object, options: WriteOptions) -> Written:
        old = self.store.get(kind.storage, namespace_of(wanted), name_of(wanted))
        manager = Manager(options.manager, "Apply", kind.api_version, options.subresource)
        if old is None:
            return self._apply_new(stored_kind, kind, wanted, manager, options)
        updates.check_precondition(kind, old, wanted)
        base = updates.applied_part(kind, wanted, options.subresource)
        merged, owners = apply_configuration(
            old, base, manager, stored_kind.shape, force=options.force, empty=canonical.empty(stored_kind)
        )
        merged = _read(kind, merged)
        write_owners(merged, owners, old)
        return self._update(kind, old, merged, options, applied=True)

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

    def _admit(self, kind: Kind, namespace: str, name: str, body: Object) -> Object:
        """The body, if it is of this kind and for this place. Raises ApiError (400)."""
        if kind.custom and not (body.get("kind") and body.get("apiVersion")):
            raise errors.bad_request(
                f"the object provided is unrecognized (must be of type {kind.kind}): "
                "a custom object tells its kind and its apiVersion"
            )
        for field, wanted in (("kind", kind.kind), ("apiVersion", kind.api_version)):
            if body.setdefault(field, wanted) != wanted:
                raise errors.bad_request(
                    f"the {field} in the data ({body[field]}) does not match the expected {field} ({wanted})"
                )
        metadata = body.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            raise errors.bad_request("metadata must be an object")
        for absent in [field for field, value in metadata.items() if value is None]:
            del metadata[absent]
        _refuse(kind, structural.problems(metadata, known_fields.METADATA))
        if metadata.setdefault("namespace", namespace) not in ("", namespace):
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        metadata["namespace"] = namespace
        if not namespace:
            del metadata["namespace"]
        if name and metadata.setdefault("name", name) != name:
            raise errors.bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
            )
        return body

    def _name(self, kind: Kind, obj: Object) -> None:
        metadata = meta(obj)
        prefix = metadata.get("generateName")
        if not metadata.get("name") and prefix:
            metadata["name"] = prefix[:58] + "".join(random.choices(_SUFFIX, k=5))  # noqa: S311 - a name
        if not metadata.get("name"):
            problem = errors.required("metadata.name", "name or generateName is required")
            raise errors.invalid(kind.group, kind.kind, "", [problem])

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
        if options.subresource:
            raise errors.not_found(kind.group, kind.plural, name_of(wanted))
        self._check_namespace(kind, namespace_of(wanted), name_of(wanted))
        base = updates.applied_part(kind, wanted, "")
        empty: Object = {"metadata": {}}
        _, owners = apply_configuration(empty, base, manager, stored_kind.shape, force=True)
        return self._insert(stored_kind, kind, _read(kind, wanted), options, owners=owners)

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
        warnings = _accept(stored_kind, obj, options) if owners is None else ()
        _fill(stored_kind, obj)
        if owners is None:
            note_update(canonical.empty(stored_kind), obj, _writer(kind, options), stored_kind.shape)
        else:
            write_owners(obj, owners, None)
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
        warnings = () if applied else _accept(stored_kind, obj, options)
        _fill(stored_kind, obj)
        if kind.storage == ("", "services"):
            updates.keep_address(old, obj)
        if stored_kind.generation and updates.is_respecified(stored_kind, old, obj):
            meta(obj)["generation"] = meta(old).get("generation", 1) + 1
        if not applied:
            self._note_update(stored_kind, kind, old, obj, options)
        validation.check(stored_kind, obj, old)
        meta(obj)["resourceVersion"] = meta(old)["resourceVersion"]
        if obj != old and not options.dry_run:
            obj = self._deletion.finish(kind.storage, self._keep(kind.storage, obj))
        return Written(conversion.from_stored(obj, kind), warnings=warnings)

    def _note_update(
        self, stored_kind: Kind, kind: Kind, old: Object, obj: Object, options: WriteOptions
    ) -> None:
        is_scale = options.subresource == "scale"
        if is_scale and kind.custom:
            return  # a real server cannot follow who scaled a custom object
        unowned = scaled_to_nothing(kind, obj) if is_scale else NOTHING
        note_update(old, obj, _writer(kind, options), stored_kind.shape, unowned)

    def _keep(self, storage: Storage, obj: Object) -> Object:
        if storage == crds.DEFINITIONS:
            crds.register(self.catalog, obj)
        return self.store.put(storage, obj)


def _read(kind: Kind, body: Object) -> Object:
    return canonical.custom_form(body) if kind.custom else canonical.form(kind.group, kind.kind, body)


def _accept(kind: Kind, obj: Object, options: WriteOptions) -> tuple[str, ...]:
    """Check the types of what was sent and prune it, in place; returns the warnings. Raises ApiError (400).

    Custom kinds have their types checked with the rest of their schema, when the object is complete.
    """
    if kind.schema is not None:
        return _prune(kind, obj, kind.schema, options)
    schema = known_fields.SCHEMAS.get((kind.group, kind.kind))
    if schema is None or options.subresource == "status":
        _refuse(kind, structural.problems(obj, known_fields.PLAIN))
        return ()
    _refuse(kind, structural.problems(obj, schema))
    return _prune(kind, obj, schema, options)


def _check_types(kind: Kind, wanted: Object) -> None:
    """Refuse an applied configuration that does not fit its schema. Raises ApiError (500, as real ones)."""
    schema = kind.schema or known_fields.SCHEMAS.get((kind.group, kind.kind)) or known_fields.PLAIN
    unknown = structural.prune(clone(wanted), schema)
    faults = [f".{path}: field not declared in schema" for path in unknown]
    faults += [str(problem) for problem in structural.type_problems(wanted, schema)]
    for path, element in () if faults else typed.repeated(wanted, kind.shape):
        entry = readable((element,))
        faults.append(f"{readable(path)}: duplicate entries for key {entry}")
    if faults:
        raise errors.untyped(kind.api_version, kind.kind, namespace_of(wanted), name_of(wanted), faults)


def _refuse(kind: Kind, problems: Iterable[errors.FieldError]) -> None:
    for problem in problems:
        raise _unreadable(kind, str(problem))


def _unreadable(kind: Kind, why: str) -> errors.ApiError:
    return errors.bad_request(
        f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}'
    )


def _prune(kind: Kind, obj: Object, schema: structural.Schema, options: WriteOptions) -> tuple[str, ...]:
    unknown = [f'unknown field "{path}"' for path in structural.prune(obj, schema)]
    if unknown and options.field_validation == "Strict":
        raise _unreadable(kind, f"strict decoding error: {', '.join(unknown)}")
    return tuple(unknown) if options.field_validation == "Warn" else ()


def _fill(kind: Kind, obj: Object) -> None:
    if kind.schema is None:
        canonical.fill_structs(kind.group, kind.kind, obj)
        defaults.complete(kind.group, kind.kind, obj)
    else:
        structural.fill_defaults(obj, kind.schema)


def _writer(kind: Kind, options: WriteOptions) -> Manager:
    return Manager(options.manager, "Update", kind.api_version, options.subresource)

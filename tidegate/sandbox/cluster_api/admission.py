"""A body on its way in: is it of this kind and for this place, what is pruned, defaulted and named."""

from __future__ import annotations

import random
from collections.abc import Iterable

from tidegate.sandbox.cluster_api import canonical, defaults, errors, known_fields, structural, typed
from tidegate.sandbox.cluster_api.fieldset import readable
from tidegate.sandbox.cluster_api.kinds import Kind
from tidegate.sandbox.cluster_api.objects import Object, clone, meta, name_of, namespace_of
from tidegate.sandbox.cluster_api.requests import WriteOptions

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


def admit(kind: Kind, namespace: str, name: str, body: Object) -> Object:
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


def name_new(kind: Kind, obj: Object) -> None:
    metadata = meta(obj)
    prefix = metadata.get("generateName")
    if not metadata.get("name") and prefix:
        metadata["name"] = prefix[:58] + "".join(random.choices(_SUFFIX, k=5))  # noqa: S311 - a name
    if not metadata.get("name"):
        problem = errors.required("metadata.name", "name or generateName is required")
        raise errors.invalid(kind.group, kind.kind, "", [problem])


def read(kind: Kind, body: Object) -> Object:
    return canonical.custom_form(body) if kind.custom else canonical.form(kind.group, kind.kind, body)


def accept(kind: Kind, obj: Object, options: WriteOptions) -> tuple[str, ...]:
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


def check_types(kind: Kind, wanted: Object) -> None:
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


def fill(kind: Kind, obj: Object) -> None:
    if kind.schema is None:
        canonical.fill_structs(kind.group, kind.kind, obj)
        defaults.complete(kind.group, kind.kind, obj)
    else:
        structural.fill_defaults(obj, kind.schema)

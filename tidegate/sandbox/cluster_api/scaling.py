"""Writes through the scale subresource: the replicas change, and who owns them is told between two kinds.

A Scale has field managers of its own: those of its object that own the replicas, as of autoscaling/v1.
What a write makes of them goes back into the object's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tidegate.sandbox.cluster_api import errors, shapes, structural
from tidegate.sandbox.cluster_api.apply import apply_configuration
from tidegate.sandbox.cluster_api.fieldset import FieldSet, Path
from tidegate.sandbox.cluster_api.kinds import Kind, Scale
from tidegate.sandbox.cluster_api.objects import Object, clone, meta, name_of, namespace_of
from tidegate.sandbox.cluster_api.ownership import Manager, Owners, note_update, owners_of, write_owners
from tidegate.sandbox.cluster_api.registry import Registry
from tidegate.sandbox.cluster_api.requests import WriteOptions
from tidegate.sandbox.cluster_api.scale import rescaled, scale_of

_VERSION = "autoscaling/v1"
_REPLICAS: Path = ("f:spec", "f:replicas")
_SHAPE = shapes.struct(metadata=shapes.METADATA)
_SCHEMA: structural.Schema = {
    "properties": {"spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}}}
}
_EMPTY: Object = {"metadata": {}, "spec": {}, "status": {"replicas": 0}}


class Scaling:
    """The scale subresource of one cluster's kinds. `rule` is the kind's, everywhere."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def patch(
        self,
        kind: Kind,
        rule: Scale,
        obj: Object,
        change: Callable[[Object], Object],
        options: WriteOptions,
    ) -> Object:
        """The Scale after a plain write. Raises ApiError: 409, 422."""
        before = _scale(rule, obj)
        after = clone(change(before))
        after["metadata"] = {**(after.get("metadata") or {}), "managedFields": meta(before)["managedFields"]}
        if isinstance(after.get("spec"), dict) and after["spec"].get("replicas") == 0:
            del after["spec"]["replicas"]  # a Scale leaves out a zero, so that nobody owns it
        note_update(before, after, Manager(options.manager, "Update", _VERSION, "scale"), _SHAPE)
        return self._write(kind, rule, obj, after, options)

    def apply(self, kind: Kind, rule: Scale, obj: Object, wanted: Object, options: WriteOptions) -> Object:
        """The Scale after a server-side apply. Raises ApiError: 409, 422, 500 (as real servers do).

        Those cannot convert the Scale of a custom object, so that an apply may only agree with its owner.
        """
        faults = [str(problem) for problem in structural.type_problems(wanted, _SCHEMA)]
        if faults:
            raise errors.untyped(_VERSION, "Scale", namespace_of(obj), name_of(obj), faults)
        before = _scale(rule, obj)
        if kind.custom and not owners_of(before):
            raise _unconverted("failed to create manager for existing fields")
        wanted = {"metadata": {}, **wanted}
        manager = Manager(options.manager, "Apply", _VERSION, "scale")
        after, owners = apply_configuration(
            before, wanted, manager, _SHAPE, force=options.force, untracked=(_EMPTY, before)
        )
        if kind.custom and after["spec"] != before["spec"]:
            raise _unconverted(f"failed to convert new object (/{name_of(obj)}; {_VERSION}, Kind=Scale)")
        write_owners(after, owners, before)
        return self._write(kind, rule, obj, after, options)

    def _write(self, kind: Kind, rule: Scale, obj: Object, scale: Object, options: WriteOptions) -> Object:
        changed = rescaled(kind, obj, rule, scale)
        changed["metadata"] = dict(meta(changed))
        write_owners(changed, _of_object(kind, rule, owners_of(obj), owners_of(scale)), obj)
        return scale_of(self._registry.rewrite(kind, changed, options).object, rule)


def _unconverted(what: str) -> errors.ApiError:
    why = f"request to convert CR to an invalid group/version: {_VERSION}"
    return errors.ApiError(500, "", f"{what} to proper version: {why}")


def _scale(rule: Scale, obj: Object) -> Object:
    """The object's Scale, with the owners of the replicas as its own."""
    scale = scale_of(obj, rule)
    write_owners(scale, _of_scale(rule, owners_of(obj)), None)
    meta(scale).setdefault("managedFields", [])
    return scale


def _path(rule: Scale) -> Path:
    return tuple("f:" + step for step in rule.replicas)


def _of_scale(rule: Scale, owners: Owners) -> dict[Manager, FieldSet]:
    return {
        replace(manager, api_version=_VERSION): frozenset({_REPLICAS})
        for manager, fields in owners.items()
        if _path(rule) in fields
    }


def _of_object(kind: Kind, rule: Scale, owners: Owners, of_scale: Owners) -> dict[Manager, FieldSet]:
    """The object's owners after a write of its Scale: who lost the replicas there loses them here."""
    own = frozenset({_path(rule)})
    found = {manager: fields - own for manager, fields in owners.items()}
    for manager, fields in of_scale.items():
        if _REPLICAS in fields:
            mine = replace(manager, api_version=kind.api_version)
            found[mine] = found.get(mine, frozenset()) | own
    return found

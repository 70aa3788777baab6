"""What an update may change: the server's own fields and the other subresource's part stay as they are."""

from __future__ import annotations

from typing import Any

from tidegate.sandbox.cluster_api import errors
from tidegate.sandbox.cluster_api.kinds import Kind
from tidegate.sandbox.cluster_api.objects import Object, clone, meta, name_of

_KEPT_BY_SERVER = (
    "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "namespace",
)  # fmt: skip


def check_precondition(kind: Kind, old: Object, obj: Object) -> None:
    wanted = meta(obj)
    if wanted.get("resourceVersion") not in (None, "", meta(old)["resourceVersion"]):
        raise errors.conflict(kind.group, kind.plural, name_of(old))
    if wanted.get("uid") not in (None, "", meta(old)["uid"]):
        raise errors.precondition_failed(*kind.storage, name_of(old), "UID", wanted["uid"], meta(old)["uid"])


def confined(kind: Kind, old: Object, obj: Object, subresource: str) -> Object:
    """The object with only those parts changed that this (sub)resource may change."""
    if subresource == "status":
        narrowed = clone({**old, "status": None})
        meta(narrowed)["managedFields"] = meta(obj).get("managedFields")
        if kind.custom and "status" in obj:
            return {**narrowed, "status": obj["status"]}  # a null too, for its schema to refuse
        return _with_status(narrowed, obj.get("status"))
    return _with_status(obj, clone(old.get("status"))) if kind.status else obj


def _with_status(obj: Object, status: Any) -> Object:
    rest = {name: value for name, value in obj.items() if name != "status"}
    return rest if status is None else {**rest, "status": status}


def applied_part(kind: Kind, wanted: Object, subresource: str) -> Object:
    """What an applied configuration may own through this (sub)resource."""
    if subresource == "status":
        return {"metadata": {}, **({"status": wanted["status"] or {}} if "status" in wanted else {})}
    return {name: value for name, value in wanted.items() if name != "status"} if kind.status else wanted


def keep_system_fields(old: Object, obj: Object) -> None:
    metadata = meta(obj)
    metadata.pop("selfLink", None)
    for field in _KEPT_BY_SERVER:
        if field in meta(old):
            metadata[field] = meta(old)[field]
        else:
            metadata.pop(field, None)
    if metadata.get("managedFields") is None:
        metadata.pop("managedFields", None)


def keep_address(old: Object, obj: Object) -> None:
    """A service keeps the address it was given when the new object does not mention one."""
    for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if field in old["spec"] and not obj["spec"].get(field):
            obj["spec"][field] = clone(old["spec"][field])


def is_respecified(kind: Kind, old: Object, obj: Object) -> bool:
    ignored = (
        {"metadata", "status", "apiVersion", "kind"} if kind.status else {"metadata", "apiVersion", "kind"}
    )
    if kind.kind == "Deployment" and meta(old).get("annotations") != meta(obj).get("annotations"):
        return True  # a Deployment's annotations count as part of what it asks for
    if kind.kind == "EndpointSlice" and meta(old).get("labels") != meta(obj).get("labels"):
        return True
    return {k: v for k, v in old.items() if k not in ignored} != {
        k: v for k, v in obj.items() if k not in ignored
    }

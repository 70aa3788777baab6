"""What Kubernetes' controllers agree on about objects: owners, conditions, selectors, readiness, time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tidegate.sandbox.client import Object, Resource
from tidegate.sandbox.informer import Key

TEMPLATE_HASH = "pod-template-hash"
SAFE_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and none of 0, 1, 3: generated names never spell a word."""


def now() -> datetime:
    """The time, in the API's precision of a second."""
    return datetime.now(UTC).replace(microsecond=0)


def timestamp(moment: datetime) -> str:
    """The API's form of a time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """A time from the API, with or without fractions of a second."""
    return datetime.fromisoformat(text)


def seconds_since(text: str) -> float:
    """Seconds from a time of the API until now, to the millisecond."""
    return (datetime.now(UTC) - parse_timestamp(text)).total_seconds()


def owner_reference(resource: Resource, owner: Object) -> Object:
    """The reference that makes `owner` the controller of another object."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Object) -> Object | None:
    """The reference to the object's controller, if it has one."""
    references = obj["metadata"].get("ownerReferences") or []
    return next((reference for reference in references if reference.get("controller")), None)


def controller_key(obj: Object, resource: Resource) -> Key | None:
    """The key of the object's controller; None unless that is of this kind."""
    reference = controller_of(obj)
    if reference is None or reference["kind"] != resource.kind:
        return None
    return Key(obj["metadata"]["namespace"], reference["name"])


def owned_by(obj: Object, owner: Object) -> bool:
    """Is `owner` (this very one, by uid) the controller of the object?"""
    reference = controller_of(obj)
    return reference is not None and reference["uid"] == owner["metadata"]["uid"]


def deleting(obj: Object) -> bool:
    """Has the deletion of the object begun?"""
    return "deletionTimestamp" in obj["metadata"]


def labels_match(selector: dict[str, str], obj: Object) -> bool:
    """Does the object carry all labels of a non-empty equality selector?"""
    labels = obj["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(name) == value for name, value in selector.items())


def condition(obj: Object, kind: str) -> Object | None:
    """The object's status condition of that type."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((entry for entry in conditions if entry["type"] == kind), None)


def pod_active(pod: Object) -> bool:
    """A pod counts until it has ended or is being deleted."""
    return not deleting(pod) and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def pod_ready(pod: Object) -> bool:
    """Does the pod's Ready condition hold?"""
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def seconds_until_available(pod: Object, min_ready_seconds: int) -> float | None:
    """Seconds until the pod has been ready for long enough (0: it has); None when it is not ready."""
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return None
    if min_ready_seconds == 0:
        return 0.0
    return max(0.0, min_ready_seconds - seconds_since(ready["lastTransitionTime"]))


def without_hash(template: Object) -> Object:
    """The pod template as its Deployment has it."""
    metadata = dict(template.get("metadata") or {})
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != TEMPLATE_HASH}
    metadata["labels"] = labels
    metadata.pop("creationTimestamp", None)
    return {**template, "metadata": metadata}


def template_hash(template: Object) -> str:
    """A short name for the pod template's content, in letters that are safe in names."""
    digest = hashlib.sha256(json.dumps(without_hash(template), sort_keys=True).encode()).digest()
    return "".join(SAFE_LETTERS[byte % len(SAFE_LETTERS)] for byte in digest[:10])


def total(objects: Iterable[Object], *path: str) -> int:
    """The sum of one integer field over the objects; absent is 0."""
    return sum(field(obj, *path) for obj in objects)


def field(obj: Object, *path: str) -> int:
    """One integer field of the object; absent is 0."""
    value: Any = obj
    for name in path:
        value = (value or {}).get(name)
    return int(value or 0)

"""JSON patch (RFC 6902), with the two liberties that Kubernetes takes.

Replacing a member that is not there adds it; and whatever does not fit is told in one and the same way.
"""

from __future__ import annotations

from typing import Any

import jsonpatch
import jsonpointer

from tidegate.sandbox.cluster_api.errors import ApiError, bad_request
from tidegate.sandbox.cluster_api.objects import Object

_FAILURES = (
    jsonpatch.InvalidJsonPatch,
    jsonpatch.JsonPatchException,
    jsonpointer.JsonPointerException,
    TypeError,
    AttributeError,
)


def apply_operations(obj: Object, operations: Any) -> Object:
    """The object after the operations, which do not change the one given.

    Raises ApiError: 400 for what is no list of operations, 422 for one that does not fit the object.
    """
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    patched = obj
    try:
        for operation in operations:
            patched = jsonpatch.JsonPatch([_lenient(patched, operation)]).apply(patched)
    except _FAILURES as error:
        message = "the server rejected our request due to an error in our request"
        raise ApiError(422, "Invalid", message, {}) from error
    return patched


def _lenient(obj: Object, operation: dict[str, Any]) -> dict[str, Any]:
    if operation.get("op") != "replace":
        return operation
    parent, _ = jsonpointer.JsonPointer(operation.get("path", "")).to_last(obj)
    return {**operation, "op": "add"} if isinstance(parent, dict) else operation

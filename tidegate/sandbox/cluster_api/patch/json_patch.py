"""JSON patch (RFC 6902)."""

from __future__ import annotations

from typing import Any

import jsonpatch
import jsonpointer

from tidegate.sandbox.cluster_api.errors import ApiError, bad_request
from tidegate.sandbox.cluster_api.objects import Object


def apply_operations(obj: Object, operations: Any) -> Object:
    """The object after the operations, which do not change the one given.

    Raises ApiError: 400 for what is no JSON patch, 422 for one that does not fit the object.
    """
    try:
        patched: Object = jsonpatch.JsonPatch(operations).apply(obj)
    except (jsonpatch.InvalidJsonPatch, TypeError, AttributeError) as error:
        raise bad_request(f"error decoding patch: {error}") from error
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        message = f"the server rejected our request due to an error in our request: {error}"
        raise ApiError(422, "Invalid", message, {}) from error
    return patched

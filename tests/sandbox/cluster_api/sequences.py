"""Sequences of operations on one object, played on an API server, and what is compared of its answers.

An operation is plain JSON, so that a sequence can be kept in a file with the answers of a real server.
`do` is apply, create, replace (PUT of the body as it is), edit (PUT of the live object with the body
merged into it), merge, strategic, json or delete; `part` is a subresource or empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.sandbox.cluster_api.servers import CONTENT_TYPES, Json, Server

_ABSENT = object()
_UNCOMPARED = ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "selfLink")
_METHODS = {"create": "POST", "replace": "PUT", "edit": "PUT", "delete": "DELETE"}


def play(server: Server, place: str, name: str, operations: Iterable[Json]) -> list[Json]:
    """The comparable answers of a server to operations on the object of this name, one by one."""
    return [comparable(*_perform(server, place, name, operation)) for operation in operations]


def _perform(server: Server, place: str, name: str, operation: Json) -> tuple[int, Any]:
    do, part = operation["do"], operation.get("part", "")
    path = place if do == "create" else f"{place}/{name}" + (f"/{part}" if part else "")
    query = {
        option: operation[option] for option in ("fieldManager", "force", "dryRun") if option in operation
    }
    if do == "delete":
        return server.call("DELETE", path)
    body = _body(server, f"{place}/{name}", path, name, operation)
    return server.call(_METHODS.get(do, "PATCH"), path, body, content_type=CONTENT_TYPES[do], **query)


def _body(server: Server, whole: str, path: str, name: str, operation: Json) -> Any:
    body = operation["body"]
    if operation["do"] == "json":
        return body
    if operation["do"] == "edit":
        code, live = server.call("GET", path)
        return merged(live, body) if code == 200 else {**body, "metadata": {"name": name}}
    if operation["do"] in ("merge", "strategic"):
        return body
    body = {**body, "metadata": {**body.get("metadata", {}), "name": name}}
    if operation["do"] == "replace" and operation.get("current"):
        _, live = server.call("GET", whole)
        body["metadata"]["resourceVersion"] = live.get("metadata", {}).get("resourceVersion", "")
    return body


def merged(value: Any, patch: Any) -> Any:
    """RFC 7386, for edits: null removes, maps merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), change)
    return result


def comparable(code: int, answer: Any) -> Json:
    """What must be the same on both servers: for a refusal its code, reason and causes, else the object."""
    if not isinstance(answer, dict):
        return {"code": code}
    if answer.get("kind") == "Status":
        return {"code": code, **_refusal(answer)}
    return {"code": code, "object": _object(answer)}


def _refusal(status: Json) -> Json:
    causes = (status.get("details") or {}).get("causes") or []
    told = {"reason": status.get("reason", "")}
    if status.get("reason") == "Conflict":
        return {**told, "message": status["message"], "causes": sorted(causes, key=_blamed)}
    fields = sorted({(cause.get("field", ""), cause.get("reason", "")) for cause in causes})
    return {**told, "causes": [list(field) for field in fields]}


def _blamed(cause: Json) -> str:
    """A cause's manager: several managers are told in any order, the fields of one in theirs."""
    return str(cause["message"])


def _object(answer: Json) -> Json:
    metadata = {name: value for name, value in answer["metadata"].items() if name not in _UNCOMPARED}
    if "managedFields" in metadata:
        entries = [{k: v for k, v in entry.items() if k != "time"} for entry in metadata["managedFields"]]
        metadata["managedFields"] = sorted(entries, key=_manager)
    found = {**answer, "metadata": metadata}
    if "deletionTimestamp" in answer["metadata"] and "finalizers" not in metadata:
        # What a write has ended a real server tells as that write left it, not as it would store it.
        found = _filled({**found, "metadata": _filled(metadata)})
    if answer.get("kind") == "Service" and answer.get("spec", {}).get("clusterIP") not in (None, "None"):
        found["spec"] = {**answer["spec"], "clusterIP": "given"}
        if "clusterIPs" in answer["spec"]:
            found["spec"]["clusterIPs"] = ["given" for _ in answer["spec"]["clusterIPs"]]
    return found


def _filled(struct: Json) -> Json:
    return {name: value for name, value in struct.items() if value not in (None, {}, [])}


def _manager(entry: Json) -> tuple[str, ...]:
    return tuple(entry.get(name, "") for name in ("manager", "operation", "subresource", "apiVersion"))


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Where two answers differ, as lines to read: path, what the real server says, what the emulator says."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        found: list[str] = []
        for name in sorted({*expected, *actual}):
            found += differences(expected.get(name, _ABSENT), actual.get(name, _ABSENT), f"{path}/{name}")
        return found
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for index, (e, a) in pairs for line in differences(e, a, f"{path}/{index}")]
    if type(expected) is type(actual) and expected == actual:
        return []
    return [f"{path}: {_shown(expected)} is expected, not {_shown(actual)}"]


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else repr(value)

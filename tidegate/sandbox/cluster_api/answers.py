"""Answers: objects, lists, tables and watch events as the client asked to see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from tidegate.sandbox.cluster_api import media
from tidegate.sandbox.cluster_api.errors import ApiError
from tidegate.sandbox.cluster_api.kinds import Kind
from tidegate.sandbox.cluster_api.listing import Page
from tidegate.sandbox.cluster_api.media import Form
from tidegate.sandbox.cluster_api.objects import Object, encode, meta, name_of
from tidegate.sandbox.cluster_api.registry import Written
from tidegate.sandbox.cluster_api.table import table
from tidegate.sandbox.cluster_api.watch import WatchEvent


def respond(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON, encoded."""
    return web.Response(body=encode(body), status=status, content_type=media.JSON, headers=headers)


def written(written: Written) -> web.Response:
    """The object after a write, with its warnings as headers."""
    response = respond(written.object, 201 if written.created else 200)
    for warning in written.warnings:
        text = warning.replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    return response


def shown(kind: Kind, obj: Object, form: Form, include: str) -> Object:
    """One object in the form asked for; `include` says how much of it a table's row has."""
    if form.kind == "Table":
        shown = table(kind, [obj], include=include)
        shown["metadata"] = {"resourceVersion": meta(obj)["resourceVersion"]}
        return shown
    return media.partial(obj) if form.kind else obj


def listed(kind: Kind, page: Page, form: Form, include: str) -> Object:
    """A page of objects in the form asked for."""
    metadata: Object = {"resourceVersion": page.revision}
    if page.after:
        metadata.update({"continue": page.after, "remainingItemCount": page.remaining})
    if form.kind == "Table":
        return {**table(kind, page.items, include=include), "metadata": metadata}
    if form.kind:
        items = [media.partial(obj) for obj in page.items]
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "items": items,
        }
    return {
        "kind": f"{kind.kind}List",
        "apiVersion": kind.api_version,
        "metadata": metadata,
        "items": page.items if kind.custom else [_untyped(obj) for obj in page.items],
    }


def _untyped(obj: Object) -> Object:
    """An item of a built-in kind's list, which leaves its kind to the list as real servers do."""
    return {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}


def event_lines(
    kind: Kind, events: Iterable[WatchEvent], form: Form, include: str, *, header: bool
) -> Iterable[bytes]:
    """Watch events, a line each; the first of a table tells the columns."""
    for event, obj in events:
        yield (
            encode({"type": event, "object": _event_object(kind, event, obj, form, include, header=header)})
            + b"\n"
        )
        header = False


def error_line(error: ApiError) -> bytes:
    """A failed watch is a stream with one event, not a failed request."""
    return encode({"type": "ERROR", "object": error.status()}) + b"\n"


def _event_object(kind: Kind, event: str, obj: Object, form: Form, include: str, *, header: bool) -> Object:
    if event == "BOOKMARK" and form.kind == "Table":
        return {**table(kind, [], header=header), "metadata": obj["metadata"]}
    if form.kind == "Table":
        revision = {"resourceVersion": meta(obj)["resourceVersion"]}
        return {**table(kind, [obj], include=include, header=header), "metadata": revision}
    return media.partial(obj) if form.kind else obj


def deleted(kind: Kind, obj: Object) -> Object:
    """The Status that answers for an object that is gone."""
    details: Object = {"name": name_of(obj), "kind": kind.plural, "uid": meta(obj)["uid"]}
    if kind.group:
        details["group"] = kind.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

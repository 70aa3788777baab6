"""Lists: what is selected, and the pages it comes in."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from tidegate.sandbox.cluster_api import conversion, errors
from tidegate.sandbox.cluster_api.kinds import Kind
from tidegate.sandbox.cluster_api.objects import Object, meta, name_of, namespace_of
from tidegate.sandbox.cluster_api.requests import ListOptions
from tidegate.sandbox.cluster_api.selectors import Predicate, parse_fields, parse_labels
from tidegate.sandbox.cluster_api.store import Store


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a list: objects, the revision they are from, and how to go on."""

    items: list[Object]
    revision: str
    after: str = ""
    remaining: int = 0


def select(store: Store, kind: Kind, namespace: str, options: ListOptions) -> Page:
    """The objects that match, a page at a time when there is a limit."""
    wanted = predicate(kind, options)
    revision, start = _decode_continue(options.after) if options.after else (str(store.revision), "")
    if options.after and store.changes_since(kind.storage, int(revision)) is None:
        raise errors.gone("The provided continue parameter is too old to display a consistent list result.")
    found = [obj for obj in store.list_objects(kind.storage, namespace) if wanted(obj)]
    rest = [obj for obj in found if _position(obj) > start] if start else found
    page = rest[: options.limit] if options.limit else rest
    left = len(rest) - len(page)
    after = _encode_continue(revision, _position(page[-1])) if left else ""
    return Page([conversion.from_stored(obj, kind) for obj in page], revision, after, left)


def predicate(kind: Kind, options: ListOptions) -> Predicate:
    """What a request's selectors ask of an object. Raises ApiError (400)."""
    labels = parse_labels(options.labels) if options.labels else None
    fields = parse_fields(options.fields, kind.selectable) if options.fields else None

    def wanted(obj: Object) -> bool:
        if labels and not labels(meta(obj).get("labels") or {}):
            return False
        return fields is None or fields(obj)

    return wanted


def _position(obj: Object) -> str:
    return f"{namespace_of(obj)}\0{name_of(obj)}"


def _encode_continue(revision: str, position: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([revision, position]).encode()).decode()


def _decode_continue(token: str) -> tuple[str, str]:
    try:
        revision, position = json.loads(base64.urlsafe_b64decode(token))
        int(revision)
    except (ValueError, TypeError, binascii.Error):
        raise errors.bad_request("continue key is not valid") from None
    return str(revision), str(position)

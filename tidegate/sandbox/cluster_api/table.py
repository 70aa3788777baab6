"""Tables: how `kubectl get` wants its rows. Built-in kinds have printers, custom ones tell their columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate.sandbox.cluster_api import jsonpath
from tidegate.sandbox.cluster_api.ages import age
from tidegate.sandbox.cluster_api.kinds import Column, Kind
from tidegate.sandbox.cluster_api.objects import Object, compact_json
from tidegate.sandbox.cluster_api.printers import NAME, PRINTERS, SIMPLE, Printer, simple
from tidegate.sandbox.cluster_api.selectors import field_text


def table(kind: Kind, objects: Iterable[Object], *, include: str = "Metadata", header: bool = True) -> Object:
    """A meta.k8s.io/v1 Table; `include` says how much of each object comes along (None, Metadata, Object)."""
    columns, printer = _layout(kind)
    rows = [{"cells": printer(obj), "object": _included(obj, include)} for obj in objects]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": [_definition(column) for column in columns] if header else None,
        "rows": rows,
    }


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _included(obj: Object, include: str) -> Object | None:
    if include == "None":
        return None
    if include == "Object":
        return obj
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _layout(kind: Kind) -> tuple[tuple[Column, ...], Printer]:
    if kind.columns:
        return (NAME, *kind.columns), lambda obj: [
            obj["metadata"]["name"],
            *(_cell(obj, c) for c in kind.columns),
        ]
    columns, printer = PRINTERS.get((kind.group, kind.kind), (SIMPLE, simple))
    return columns, printer


def _cell(obj: Object, column: Column) -> Any:
    found = jsonpath.find(obj, column.path)
    if not found or found[0] is None:
        return None
    if column.type == "date":
        return age(str(found[0]))
    if column.type in ("integer", "number", "boolean"):
        return found[0]
    return ",".join(_text(value) for value in found)


def _text(value: Any) -> str:
    return compact_json(value) if isinstance(value, list | dict) else field_text(value)

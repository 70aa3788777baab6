"""Structural schemas of custom kinds: what they prune, what they default, what they refuse.

CEL rules (x-kubernetes-validations) are left to a real server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from tidegate.sandbox.cluster_api.errors import FieldError, duplicate, invalid_value, required, unsupported
from tidegate.sandbox.cluster_api.objects import clone, compact_json

Schema = Mapping[str, Any]
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_ROOT = ("apiVersion", "kind", "metadata")


def prune(obj: Any, schema: Schema) -> list[str]:
    """Remove, in place, what the schema does not know; returns the paths of what went."""
    return list(_prune(obj, schema, "", root=True))


def _prune(value: Any, schema: Schema, path: str, *, root: bool = False) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value if "items" in schema else ()):
            yield from _prune(item, schema["items"], f"{path}[{index}]")
    elif isinstance(value, dict):
        yield from _prune_map(
            value, schema, path, root=root or bool(schema.get("x-kubernetes-embedded-resource"))
        )


def _prune_map(value: dict[str, Any], schema: Schema, path: str, *, root: bool) -> Iterator[str]:
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name in list(value):
        inner = f"{path}.{name}" if path else name
        if root and name in _ROOT:
            continue
        if name in properties:
            yield from _prune(value[name], properties[name], inner)
        elif isinstance(extra, Mapping):
            yield from _prune(value[name], extra, inner)
        elif not extra and not schema.get(_PRESERVE):
            del value[name]
            yield inner


def fill_defaults(value: Any, schema: Schema) -> None:
    """Write the schema's defaults into a value, in place."""
    if isinstance(value, list):
        for item in value:
            fill_defaults(item, schema.get("items") or {})
    elif isinstance(value, dict):
        _fill_map(value, schema)


def _fill_map(value: dict[str, Any], schema: Schema) -> None:
    properties = schema.get("properties") or {}
    for name, child in properties.items():
        if "default" in child and (name not in value or (value[name] is None and not child.get("nullable"))):
            value[name] = clone(child["default"])
    extra = schema.get("additionalProperties")
    for name, item in value.items():
        child = properties.get(name) or (extra if isinstance(extra, Mapping) else None)
        if child:
            fill_defaults(item, child)


def problems(obj: Any, schema: Schema) -> Iterator[FieldError]:
    """Why an object does not fit its schema."""
    yield from _problems(obj, schema, "")


def type_problems(obj: Any, schema: Schema) -> Iterator[FieldError]:
    """Where an object's values are of another type than its schema says."""
    for problem in problems(obj, schema):
        if problem.cause == "FieldValueTypeInvalid":
            yield problem


def _problems(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if value is None and (schema.get("nullable") or not path):
        return
    mismatch = list(_type_problems(value, schema, path))
    if mismatch:
        yield from mismatch
        return
    for check in _CHECKS:
        yield from check(value, schema, path)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def _type_problems(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if schema.get("x-kubernetes-int-or-string"):
        if not (_TYPES["integer"](value) or _TYPES["string"](value)):
            yield _wrong_type(path, value, "must be an integer or a string")
        return
    wanted = schema.get("type")
    if wanted in _TYPES and not _TYPES[wanted](value):
        yield _wrong_type(path, value, f'{path} in body must be of type {wanted}: "{_type_name(value)}"')


def _wrong_type(path: str, value: Any, detail: str) -> FieldError:
    return FieldError(path, "FieldValueTypeInvalid", f'Invalid value: "{_type_name(value)}": {detail}')


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    return next((name for name, fits in _TYPES.items() if fits(value)), "null")


def _enum(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(path, value, schema["enum"])


def _string(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if not isinstance(value, str):
        return
    pattern = schema.get("pattern")
    if pattern and not _matches(pattern, value):
        yield invalid_value(path, value, f"{path} in body should match '{pattern}'")
    if len(value) < schema.get("minLength", 0):
        yield invalid_value(
            path, value, f"{path} in body should be at least {schema['minLength']} chars long"
        )
    if len(value) > schema.get("maxLength", len(value)):
        yield invalid_value(path, value, f"{path} in body should be at most {schema['maxLength']} chars long")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None  # valid for Go's RE2, not for Python: nothing to judge by


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(value) is not None


def _number(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (value == low and schema.get("exclusiveMinimum"))):
        yield invalid_value(path, value, f"{path} in body should be greater than or equal to {low}")
    if high is not None and (value > high or (value == high and schema.get("exclusiveMaximum"))):
        yield invalid_value(path, value, f"{path} in body should be less than or equal to {high}")


def _list(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if not isinstance(value, list):
        return
    if len(value) < schema.get("minItems", 0):
        yield invalid_value(
            path, len(value), f"{path} in body should have at least {schema['minItems']} items"
        )
    if len(value) > schema.get("maxItems", len(value)):
        yield FieldError(
            path, "FieldValueTooMany", f"Too many: {len(value)}: must have at most {schema['maxItems']} items"
        )
    yield from _repeated(value, schema, path)
    for index, item in enumerate(value):
        yield from _problems(item, schema.get("items") or {}, f"{path}[{index}]")


def _repeated(value: list[Any], schema: Schema, path: str) -> Iterator[FieldError]:
    style, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or ()
    if style not in ("set", "map"):
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        identity = {key: item.get(key) for key in keys} if style == "map" and isinstance(item, dict) else item
        text = compact_json(identity)
        if text in seen:
            yield duplicate(f"{path}[{index}]", identity)
        seen.add(text)


def _map(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if not isinstance(value, dict):
        return
    for name in schema.get("required") or ():
        if name not in value:
            yield required(f"{path}.{name}" if path else name)
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name, item in value.items():
        child = properties.get(name) or (extra if isinstance(extra, Mapping) else None)
        if child:
            yield from _problems(item, child, f"{path}.{name}" if path else name)


def _combined(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    for inner in schema.get("allOf") or ():
        yield from _problems(value, inner, path)
    if "anyOf" in schema and not any(_fits(value, inner) for inner in schema["anyOf"]):
        yield invalid_value(path, value, f'"{path}" must validate at least one schema (anyOf)')
    if "oneOf" in schema and sum(_fits(value, inner) for inner in schema["oneOf"]) != 1:
        yield invalid_value(path, value, f'"{path}" must validate one and only one schema (oneOf)')
    if "not" in schema and _fits(value, schema["not"]):
        yield invalid_value(path, value, f'"{path}" must not validate the schema (not)')


def _fits(value: Any, schema: Schema) -> bool:
    return next(_problems(value, schema, "value"), None) is None


_CHECKS = (_enum, _string, _number, _list, _map, _combined)

"""Content negotiation: what form an answer shall have, and what form a body is in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tidegate.sandbox.cluster_api.errors import bad_request, not_acceptable, unsupported_media_type
from tidegate.sandbox.cluster_api.objects import Object

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_BODIES = (JSON, "application/yaml")
_ANY = ("*/*", "application/*", JSON, "")


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer shall look: `kind` is empty for plain objects, or Table, PartialObjectMetadata(List)."""

    kind: str = ""


def form_of(accept: str) -> Form:
    """The first form of those accepted that is served here. Raises ApiError (406)."""
    for choice in accept.split(","):
        media, *parameters = [part.strip() for part in choice.split(";")]
        given = dict(part.partition("=")[::2] for part in parameters)
        if media not in _ANY:
            continue
        kind = given.get("as", "")
        if kind in ("", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"):
            return Form(kind)
    raise not_acceptable(JSON)


def media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def read_object(body: bytes, content_type: str) -> Object:
    """The object in a body. Raises ApiError: 415 for another form (protobuf), 400 for what is no object."""
    kind = media_type(content_type) or JSON
    if kind not in _BODIES:
        raise unsupported_media_type(_BODIES)
    value = decode(body) if kind == JSON else decode_yaml(body)
    if not isinstance(value, dict):
        raise bad_request("the object provided is unrecognized: it must be a JSON object")
    return value


def decode(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise bad_request(f"error decoding the body as JSON: {error}") from None


def decode_yaml(body: bytes) -> Any:
    try:
        return json.loads(body) if body[:1] == b"{" else yaml.safe_load(body)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"error decoding the body as YAML: {error}") from None


def partial(obj: Mapping[str, Any]) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}

"""OpenAPI, as much as kubectl asks for: that its patches are validated by the server."""

from __future__ import annotations

from tidegate.sandbox.cluster_api.discovery import group_versions
from tidegate.sandbox.cluster_api.kinds import Catalog, Kind
from tidegate.sandbox.cluster_api.objects import Object

V2_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
V2_EMPTY = b"\n\x032.0"
"""An OpenAPI v2 document in protobuf that says its version and nothing else."""


def index(catalog: Catalog) -> Object:
    paths = [
        f"apis/{group}/{version}" if group else f"api/{version}" for group, version in group_versions(catalog)
    ]
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in paths}}


def document(catalog: Catalog, group: str, version: str) -> Object | None:
    """The OpenAPI v3 document of one group version; None when it is not served."""
    kinds = [kind for kind in catalog if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.33.0"},
        "paths": {_path(kind): {"patch": _patch(kind)} for kind in kinds},
    }


def _path(kind: Kind) -> str:
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    scope = "/namespaces/{namespace}" if kind.namespaced else ""
    return f"{root}{scope}/{kind.plural}/{{name}}"


def _patch(kind: Kind) -> Object:
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string"}}
        for name in ("dryRun", "fieldManager", "fieldValidation", "force")
    ]
    return {
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
    }

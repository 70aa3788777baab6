"""Reviews: questions about who one is and what one may do. Here everybody may do everything."""

from __future__ import annotations

from tidegate.sandbox.cluster_api.kinds import Kind
from tidegate.sandbox.cluster_api.objects import Object

_USER: Object = {"username": "sandbox-admin", "groups": ["system:masters", "system:authenticated"]}


def review(kind: Kind, body: Object) -> Object:
    """The review with its answer."""
    status: Object = {"userInfo": _USER} if kind.kind == "SelfSubjectReview" else {"allowed": True}
    metadata = {"creationTimestamp": None, **(body.get("metadata") or {})}
    return {**body, "kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata, "status": status}

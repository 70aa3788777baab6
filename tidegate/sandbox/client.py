"""A small asynchronous client of one cluster API: what the sandbox's controllers and nodes speak.

It knows nothing of the emulator behind the address, so that a real kube-apiserver can stand there
instead. Objects are the API's own JSON. Lists and watches become caches in `informer.py`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Self

import aiohttp

Object = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
STATUS = "status"
SCALE = "scale"


class Resource(NamedTuple):
    """One resource of the API: `apps/v1`, `deployments`, `Deployment`."""

    api_version: str
    plural: str
    kind: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """The request path of the collection, of one object, or of its subresource."""
        root = "/api" if "/" not in self.api_version else "/apis"
        parts = [root, self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


NAMESPACES = Resource("v1", "namespaces", "Namespace", namespaced=False)
NODES = Resource("v1", "nodes", "Node", namespaced=False)
PODS = Resource("v1", "pods", "Pod")
SERVICES = Resource("v1", "services", "Service")
CONFIG_MAPS = Resource("v1", "configmaps", "ConfigMap")
SECRETS = Resource("v1", "secrets", "Secret")
ENDPOINTS = Resource("v1", "endpoints", "Endpoints")
DEPLOYMENTS = Resource("apps/v1", "deployments", "Deployment")
DAEMON_SETS = Resource("apps/v1", "daemonsets", "DaemonSet")
REPLICA_SETS = Resource("apps/v1", "replicasets", "ReplicaSet")
AUTOSCALERS = Resource("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SCALED_OBJECTS = Resource("keda.sh/v1alpha1", "scaledobjects", "ScaledObject")
ENDPOINT_SLICES = Resource("discovery.k8s.io/v1", "endpointslices", "EndpointSlice")


class ApiError(Exception):
    """The cluster API refused a request: its HTTP status, and the reason and message it gave."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class NotFoundError(ApiError):
    """There is no such object, or no such resource."""


class ConflictError(ApiError):
    """The object exists already, or has changed since it was read."""


class ExpiredError(ApiError):
    """The watch's resourceVersion is too old; list again."""


_ERRORS: dict[int, type[ApiError]] = {404: NotFoundError, 409: ConflictError, 410: ExpiredError}


def api_error(status: int, body: str) -> ApiError:
    """The error that an answer (a `Status` object, or any text) stands for."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        answer = {"message": body[:200]}
    kind = _ERRORS.get(status, ApiError)
    return kind(status, str(answer.get("reason", "")), str(answer.get("message", "")))


class ClusterClient:
    """Reads and writes the objects of one cluster. Use it as an async context manager, or `close()` it."""

    def __init__(self, url: str, *, token: str | None = None, ssl: Any = True) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._ssl = ssl
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections, watches included."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """The object; NotFoundError when there is none."""
        return await self._call("GET", resource.path(namespace, name))

    async def list(self, resource: Resource, namespace: str | None = None, **params: str) -> Object:
        """The list object, its `items` and its `metadata.resourceVersion`."""
        return await self._call("GET", resource.path(namespace), params=params)

    async def create(self, resource: Resource, obj: Object, subresource: str = "") -> Object:
        """Create the object in the namespace it names; ConflictError when it exists."""
        meta = obj["metadata"]
        name = meta.get("name") if subresource else None
        path = resource.path(meta.get("namespace"), name, subresource)
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        return await self._call("POST", path, body=body)

    async def replace(self, resource: Resource, obj: Object, subresource: str = "") -> Object:
        """Replace the object, or its subresource; ConflictError when its resourceVersion is stale."""
        meta = obj["metadata"]
        path = resource.path(meta.get("namespace"), meta["name"], subresource)
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        return await self._call("PUT", path, body=body)

    async def patch(self, resource: Resource, obj: Object, patch: Object, subresource: str = "") -> Object:
        """Merge the patch into the object that `obj` names, or into its subresource."""
        meta = obj["metadata"]
        path = resource.path(meta.get("namespace"), meta["name"], subresource)
        return await self._call("PATCH", path, body=patch, content_type=MERGE_PATCH)

    async def delete(
        self, resource: Resource, obj: Object, *, grace_seconds: int | None = None, same_uid: bool = True
    ) -> Object:
        """Delete the object that `obj` names (only that very one, by uid, unless told otherwise)."""
        meta = obj["metadata"]
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        if same_uid and "uid" in meta:
            body["preconditions"] = {"uid": meta["uid"]}
        return await self._call("DELETE", resource.path(meta.get("namespace"), meta["name"]), body=body)

    async def watch(
        self, resource: Resource, resource_version: str, namespace: str | None = None, **params: str
    ) -> AsyncIterator[tuple[str, Object]]:
        """(type, object) of each event since the resourceVersion, until the server ends the stream.

        ExpiredError when the version is too old, ApiError for any other error in the stream.
        """
        query = {**params, "watch": "true", "allowWatchBookmarks": "true"}
        query["resourceVersion"] = resource_version
        timeout = aiohttp.ClientTimeout(total=None, sock_read=None)
        async with self._open().get(resource.path(namespace), params=query, timeout=timeout) as response:
            if response.status != 200:
                raise api_error(response.status, await response.text())
            async for line in _lines(response.content):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise api_error(int(event["object"].get("code", 500)), json.dumps(event["object"]))
                yield event["type"], event["object"]

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type} if data else {}
        async with self._open().request(method, path, params=params, data=data, headers=headers) as response:
            if response.status >= 400:
                raise api_error(response.status, await response.text())
            answer: Object = json.loads(await response.read())
            return answer

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                self._url,
                headers={"Accept": "application/json", **self._headers},
                connector=aiohttp.TCPConnector(limit=0, ssl=self._ssl),
                trust_env=False,
            )
        return self._session


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Whole lines of any length (a StreamReader's own iterator refuses long ones)."""
    pending = bytearray()
    async for chunk in stream.iter_any():
        pending += chunk
        *lines, rest = pending.split(b"\n")
        for line in lines:
            if line:
                yield bytes(line)
        pending = bytearray(rest)

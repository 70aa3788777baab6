"""Resource requests: from method, path and body to the registry's verbs and back to JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from aiohttp import web

from tidegate.sandbox.cluster_api import errors, media
from tidegate.sandbox.cluster_api.deletion import delete_options
from tidegate.sandbox.cluster_api.errors import ApiError
from tidegate.sandbox.cluster_api.kinds import Catalog, Kind
from tidegate.sandbox.cluster_api.listing import Page
from tidegate.sandbox.cluster_api.media import Form
from tidegate.sandbox.cluster_api.objects import Object, encode, meta, name_of
from tidegate.sandbox.cluster_api.patch.json_patch import apply_operations
from tidegate.sandbox.cluster_api.patch.merge import merge
from tidegate.sandbox.cluster_api.patch.strategic import strategic_merge
from tidegate.sandbox.cluster_api.registry import Registry, Written
from tidegate.sandbox.cluster_api.requests import (
    ListOptions,
    Target,
    WriteOptions,
    list_options,
    write_options,
)
from tidegate.sandbox.cluster_api.reviews import review
from tidegate.sandbox.cluster_api.scale import check_scale, scale_of
from tidegate.sandbox.cluster_api.scaling import Scaling
from tidegate.sandbox.cluster_api.table import table
from tidegate.sandbox.cluster_api.watch import Watch, WatchEvent

_RETURNED_WHEN_DELETED = ("pods", "services", "serviceaccounts", "persistentvolumeclaims", "resourcequotas")


class Resources:
    """Serves every resource of one cluster."""

    def __init__(self, registry: Registry, catalog: Catalog) -> None:
        self._registry = registry
        self._scaling = Scaling(registry)
        self._catalog = catalog
        self._watches: set[Watch] = set()

    @property
    def watches(self) -> int:
        return len(self._watches)

    def close(self) -> None:
        for watch in tuple(self._watches):
            watch.close()

    async def serve(self, request: web.Request, target: Target) -> web.StreamResponse:
        """Raises ApiError."""
        kind = self._kind(target)
        if target.subresource:
            return await self._serve_subresource(request, kind, target)
        if request.method == "GET":
            return await self._get(request, kind, target)
        if request.method == "DELETE":
            return await self._delete(request, kind, target)
        return await self._write(request, kind, target)

    def _kind(self, target: Target) -> Kind:
        kind = self._catalog.find(target.group, target.version, target.plural)
        if kind is None or (target.namespace and not kind.namespaced):
            raise errors.no_such_path()
        if target.name and kind.namespaced and not target.namespace:
            raise errors.no_such_path()
        if target.subresource and target.subresource not in kind.subresources():
            raise errors.no_such_path()
        return kind

    async def _get(self, request: web.Request, kind: Kind, target: Target) -> web.StreamResponse:
        form = media.form_of(request.headers.get("Accept", ""))
        options = list_options(request.query, target.watch)
        if "list" not in kind.verbs:
            raise errors.method_not_allowed()
        if options.watch:
            return await self._watch(request, kind, target, form)
        include = request.query.get("includeObject", "Metadata")
        if target.name:
            obj = self._registry.read(kind, target.namespace, target.name)
            return _json(_shown(kind, obj, form, include))
        return _json(_listed(kind, self._registry.select(kind, target.namespace, options), form, include))

    async def _watch(
        self, request: web.Request, kind: Kind, target: Target, form: Form
    ) -> web.StreamResponse:
        options = list_options(request.query, watch=True)
        if target.name:
            options = _only(options, target.name)
        try:
            watch = Watch(self._registry.store, kind, target.namespace, options)
        except ApiError as error:
            if error.code != HTTPStatus.GONE:
                raise
            return web.Response(body=_error_line(error), content_type=media.JSON)
        response = web.StreamResponse(headers={"Content-Type": media.JSON})
        self._watches.add(watch)
        include = request.query.get("includeObject", "Metadata")
        try:
            await response.prepare(request)
            header = True
            async with aclosing(watch.events()) as batches:
                async for events in batches:
                    await response.write(b"".join(_event_lines(kind, events, form, include, header=header)))
                    header = header and not events
            await response.write_eof()
        except ConnectionError:
            pass  # the client has gone, as watchers do
        finally:
            self._watches.discard(watch)
        return response

    async def _write(self, request: web.Request, kind: Kind, target: Target) -> web.Response:
        options = _options(request, target)
        body = await request.read()
        if request.method == "POST" and not target.name:
            obj = media.read_object(body, _content_type(request))
            if kind.verbs == ("create",):
                return _json(review(kind, obj), 201)
            return _written(self._registry.create(kind, target.namespace, obj, options))
        if request.method == "PUT" and target.name:
            obj = media.read_object(body, _content_type(request))
            return _written(self._registry.replace(kind, target.namespace, target.name, obj, options))
        if request.method == "PATCH" and target.name:
            return self._patch(request, kind, target, body, options)
        raise errors.method_not_allowed()

    def _patch(
        self, request: web.Request, kind: Kind, target: Target, body: bytes, options: WriteOptions
    ) -> web.Response:
        if _content_type(request) == media.APPLY_PATCH:
            wanted = media.decode_yaml(body)
            _check_apply(request, wanted)
            return _written(self._registry.apply(kind, target.namespace, target.name, wanted, options))
        change = patcher(kind, _content_type(request), body)
        return _written(self._registry.patch(kind, target.namespace, target.name, change, options))

    async def _delete(self, request: web.Request, kind: Kind, target: Target) -> web.Response:
        body = await request.read()
        given = media.read_object(body, _content_type(request)) if body else {}
        options = delete_options(given, request.query)
        if not target.name:
            page = self._registry.delete_all(kind, target.namespace, list_options(request.query), options)
            return _json(_listed(kind, page, Form(), ""))
        obj, gone = self._registry.delete(kind, target.namespace, target.name, options)
        if not gone or kind.plural in _RETURNED_WHEN_DELETED:
            return _json(obj)
        return _json(_deleted(kind, obj))

    async def _serve_subresource(
        self, request: web.Request, kind: Kind, target: Target
    ) -> web.StreamResponse:
        if target.subresource == "scale" and kind.scale:
            return await self._scale(request, kind, target)
        if request.method == "GET":
            return await self._get(request, kind, target)
        if request.method in ("PUT", "PATCH"):
            return await self._write(request, kind, target)
        raise errors.method_not_allowed()

    async def _scale(self, request: web.Request, kind: Kind, target: Target) -> web.Response:
        rule = kind.scale
        if rule is None:
            raise errors.no_such_path()
        obj = self._registry.read(kind, target.namespace, target.name)
        if request.method == "GET":
            check_scale(kind, obj, rule)
            return _json(scale_of(obj, rule))
        body = await request.read()
        if request.method == "PATCH" and _content_type(request) == media.APPLY_PATCH:
            applied = media.decode_yaml(body)
            _check_apply(request, applied)
            return _json(self._scaling.apply(kind, rule, obj, applied, _options(request, target)))
        if request.method == "PUT":
            change = _constant(media.read_object(body, _content_type(request)))
        elif request.method == "PATCH":
            change = patcher(kind, _content_type(request), body)
        else:
            raise errors.method_not_allowed()
        return _json(self._scaling.patch(kind, rule, obj, change, _options(request, target)))


def patcher(kind: Kind, content_type: str, body: bytes) -> Callable[[Object], Object]:
    """What a patch does to an object. Raises ApiError: 400 for an unreadable one, 415 for an unknown type."""
    known = [media.JSON_PATCH, media.MERGE_PATCH, media.APPLY_PATCH]
    known += [] if kind.custom else [media.STRATEGIC_PATCH]
    if content_type not in known or content_type == media.APPLY_PATCH:
        raise errors.unsupported_media_type(known)
    change = media.decode(body)
    if content_type == media.JSON_PATCH:
        return lambda obj: apply_operations(obj, change)
    if not isinstance(change, dict):
        raise errors.bad_request("the patch must be a JSON object")
    if content_type == media.MERGE_PATCH:
        return lambda obj: merge(obj, change)
    return lambda obj: strategic_merge(obj, change, kind.shape)


def _content_type(request: web.Request) -> str:
    """What the header says: without one, aiohttp would claim octets where Kubernetes takes JSON."""
    return media.media_type(request.headers.get("Content-Type", ""))


def _constant(wanted: Object) -> Callable[[Object], Object]:
    return lambda obj: wanted


def _options(request: web.Request, target: Target) -> WriteOptions:
    return write_options(request.query, request.headers.get("User-Agent", ""), target.subresource)


def _only(options: ListOptions, name: str) -> ListOptions:
    return replace(options, fields=f"metadata.name={name}")


def _check_apply(request: web.Request, wanted: Any) -> None:
    if not isinstance(wanted, dict) or not wanted.get("kind") or not wanted.get("apiVersion"):
        raise errors.bad_request("invalid object type: an applied object needs apiVersion and kind")
    if not request.query.get("fieldManager"):
        problem = errors.required("fieldManager", "is required for apply patch")
        raise errors.invalid("meta.k8s.io", "PatchOptions", "", [problem])


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=encode(body), status=status, content_type=media.JSON, headers=headers)


def _written(written: Written) -> web.Response:
    response = _json(written.object, 201 if written.created else 200)
    for warning in written.warnings:
        text = warning.replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    return response


def _shown(kind: Kind, obj: Object, form: Form, include: str) -> Object:
    if form.kind == "Table":
        shown = table(kind, [obj], include=include)
        shown["metadata"] = {"resourceVersion": meta(obj)["resourceVersion"]}
        return shown
    return media.partial(obj) if form.kind else obj


def _listed(kind: Kind, page: Page, form: Form, include: str) -> Object:
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


def _event_lines(
    kind: Kind, events: Iterable[WatchEvent], form: Form, include: str, *, header: bool
) -> Iterable[bytes]:
    for event, obj in events:
        yield (
            encode({"type": event, "object": _event_object(kind, event, obj, form, include, header=header)})
            + b"\n"
        )
        header = False


def _error_line(error: ApiError) -> bytes:
    """A failed watch is a stream with one event, not a failed request."""
    return encode({"type": "ERROR", "object": error.status()}) + b"\n"


def _event_object(kind: Kind, event: str, obj: Object, form: Form, include: str, *, header: bool) -> Object:
    if event == "BOOKMARK" and form.kind == "Table":
        return {**table(kind, [], header=header), "metadata": obj["metadata"]}
    if form.kind == "Table":
        revision = {"resourceVersion": meta(obj)["resourceVersion"]}
        return {**table(kind, [obj], include=include, header=header), "metadata": revision}
    return media.partial(obj) if form.kind else obj


def _deleted(kind: Kind, obj: Object) -> Object:
    details: Object = {"name": name_of(obj), "kind": kind.plural, "uid": meta(obj)["uid"]}
    if kind.group:
        details["group"] = kind.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

"""Resource requests: from method, path and body to the registry's verbs and back to JSON."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from aiohttp import web

from tidegate.sandbox.cluster_api import answers, errors, media
from tidegate.sandbox.cluster_api.deletion import delete_options
from tidegate.sandbox.cluster_api.errors import ApiError
from tidegate.sandbox.cluster_api.kinds import Catalog, Kind
from tidegate.sandbox.cluster_api.media import Form
from tidegate.sandbox.cluster_api.objects import Object
from tidegate.sandbox.cluster_api.patch.json_patch import apply_operations
from tidegate.sandbox.cluster_api.patch.merge import merge
from tidegate.sandbox.cluster_api.patch.strategic import strategic_merge
from tidegate.sandbox.cluster_api.registry import Registry
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
from tidegate.sandbox.cluster_api.watch import Watch

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
            return answers.respond(answers.shown(kind, obj, form, include))
        return answers.respond(
            answers.listed(kind, self._registry.select(kind, target.namespace, options), form, include)
        )

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
            return web.Response(body=answers.error_line(error), content_type=media.JSON)
        response = web.StreamResponse(headers={"Content-Type": media.JSON})
        self._watches.add(watch)
        include = request.query.get("includeObject", "Metadata")
        try:
            await response.prepare(request)
            header = True
            async with aclosing(watch.events()) as batches:
                async for events in batches:
                    await response.write(
                        b"".join(answers.event_lines(kind, events, form, include, header=header))
                    )
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
                return answers.respond(review(kind, obj), 201)
            return answers.written(self._registry.create(kind, target.namespace, obj, options))
        if request.method == "PUT" and target.name:
            obj = media.read_object(body, _content_type(request))
            return answers.written(self._registry.replace(kind, target.namespace, target.name, obj, options))
        if request.method == "PATCH" and target.name:
            return self._patch(request, kind, target, body, options)
        raise errors.method_not_allowed()

    def _patch(
        self, request: web.Request, kind: Kind, target: Target, body: bytes, options: WriteOptions
    ) -> web.Response:
        if _content_type(request) == media.APPLY_PATCH:
            wanted = media.decode_yaml(body)
            _check_apply(request, wanted)
            return answers.written(self._registry.apply(kind, target.namespace, target.name, wanted, options))
        change = patcher(kind, _content_type(request), body)
        return answers.written(self._registry.patch(kind, target.namespace, target.name, change, options))

    async def _delete(self, request: web.Request, kind: Kind, target: Target) -> web.Response:
        body = await request.read()
        given = media.read_object(body, _content_type(request)) if body else {}
        options = delete_options(given, request.query)
        if not target.name:
            page = self._registry.delete_all(kind, target.namespace, list_options(request.query), options)
            return answers.respond(answers.listed(kind, page, Form(), ""))
        obj, gone = self._registry.delete(kind, target.namespace, target.name, options)
        if not gone or kind.plural in _RETURNED_WHEN_DELETED:
            return answers.respond(obj)
        return answers.respond(answers.deleted(kind, obj))

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
            return answers.respond(scale_of(obj, rule))
        body = await request.read()
        if request.method == "PATCH" and _content_type(request) == media.APPLY_PATCH:
            applied = media.decode_yaml(body)
            _check_apply(request, applied)
            return answers.respond(self._scaling.apply(kind, rule, obj, applied, _options(request, target)))
        if request.method == "PUT":
            change = _constant(media.read_object(body, _content_type(request)))
        elif request.method == "PATCH":
            change = patcher(kind, _content_type(request), body)
        else:
            raise errors.method_not_allowed()
        return answers.respond(self._scaling.patch(kind, rule, obj, change, _options(request, target)))


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

"""One cluster: reading, server-side apply, fenced writes and waiting, all on plain manifests."""

import contextlib
import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from tidegate.adapters.kubernetes.connection import Connection
from tidegate.adapters.kubernetes.discovery import Discovery, api_path
from tidegate.adapters.kubernetes.service_proxy import ProxyTarget, proxy_path
from tidegate.adapters.kubernetes.watch import Wait
from tidegate.contracts import FENCE_ANNOTATION, Fence
from tidegate.domain.errors import Conflict, ReleaseFailed, StaleCommand
from tidegate.domain.manifest import Manifest, ObjectRef, ref_of

ATTEMPTS = 12
"""Times that a fenced write reads anew before it leaves a conflict to the workflow's retry."""

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"

T = TypeVar("T")


class Change(NamedTuple):
    """An object before and after a write; `before` is None when the write created it."""

    before: Manifest | None
    after: Manifest


class Cluster:
    """Safe for use from any thread."""

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self._connection = connection
        self._discovery = Discovery(connection)

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        """The live object, or None."""
        ref = ObjectRef(api_version=api_version, kind=kind, namespace=namespace, name=name)
        found: Manifest | None = self._connection.call("GET", self._path(ref), subject=str(ref))
        return found

    def list(self, api_version: str, kind: str, namespace: str, label_selector: str = "") -> "list[Manifest]":
        """All objects of a kind in a namespace (in all of them when it is empty)."""
        path = self._collection(api_version, kind, namespace)
        query = {"labelSelector": label_selector} if label_selector else {}
        answer = self._connection.call("GET", path, query=query, subject=f"{kind} of {namespace}") or {}
        return [{"apiVersion": api_version, "kind": kind} | item for item in answer.get("items") or []]

    def apply(
        self, manifest: Manifest, *, manager: str, force: bool = True, dry_run: bool = False
    ) -> Manifest:
        """Server-side apply; a metadata.resourceVersion in the manifest is a precondition (Conflict)."""
        ref = ref_of(manifest)
        query = {"fieldManager": manager, "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        applied: Manifest = self._connection.call(
            "PATCH", self._path(ref), query=query, body=manifest, content_type=APPLY, subject=str(ref)
        )
        return applied

    def fenced_apply(self, manifest: Manifest, fence: Fence, *, manager: str) -> Change:
        """Apply unless the object obeyed a later command (StaleCommand); never over an unread write."""
        return self.fenced_apply_to(ref_of(manifest), lambda _: manifest, fence, manager=manager)

    def fenced_apply_to(
        self,
        ref: ObjectRef,
        desired: Callable[[Manifest | None], Manifest],
        fence: Fence,
        *,
        manager: str,
    ) -> Change:
        """The same for a manifest that depends on the live object, which `desired` gets."""

        def attempt() -> Change:
            before = self._read(ref)
            self._refuse_stale(ref, before, fence)
            fenced = _with_fence(desired(before), fence)
            if before is None:
                return Change(None, self._create(fenced, manager))
            fenced["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
            return Change(before, self.apply(fenced, manager=manager))

        return _reading_anew(attempt)

    def fenced_update(
        self, ref: ObjectRef, fence: Fence, change: Callable[[Manifest], Manifest], *, manager: str
    ) -> Change:
        """Replace an object by `change` of a copy of it; ReleaseFailed when it does not exist."""

        def attempt() -> Change:
            before = self._existing(ref)
            self._refuse_stale(ref, before, fence)
            body = _with_fence(change(copy.deepcopy(before)), fence)
            body["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
            return Change(before, self._replace(ref, body, manager))

        return _reading_anew(attempt)

    def fenced_merge(
        self, ref: ObjectRef, fence: Fence, patch: Callable[[Manifest], Manifest], *, manager: str
    ) -> Change:
        """Merge a patch of the live object into it (RFC 7386); ReleaseFailed when it does not exist.

        It takes no more than the right to patch, where an update would take another one.
        """

        def attempt() -> Change:
            before = self._existing(ref)
            self._refuse_stale(ref, before, fence)
            body = _with_fence(patch(before), fence)
            body["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
            query = {"fieldManager": manager}
            after: Manifest = self._connection.call(
                "PATCH", self._path(ref), query=query, body=body, content_type=MERGE_PATCH, subject=str(ref)
            )
            return Change(before, after)

        return _reading_anew(attempt)

    def change_status(
        self, ref: ObjectRef, change: Callable[[Manifest], Manifest], *, manager: str
    ) -> Manifest | None:
        """Replace an object's status by `change` of the live object, if that differs; None without one."""

        def attempt() -> Manifest | None:
            before = self._read(ref)
            if before is None:
                return None
            status = change(before)
            if status == before.get("status"):
                return before
            return self._replace(ref, before | {"status": status}, manager, subresource="/status")

        return _reading_anew(attempt)

    def create(self, manifest: Manifest, *, manager: str) -> None:
        """Create an object; one of that name that exists is fine."""
        ref = ref_of(manifest)
        with contextlib.suppress(Conflict):
            self._connection.call(
                "POST",
                self._collection(ref.api_version, ref.kind, ref.namespace),
                query={"fieldManager": manager},
                body=manifest,
                subject=str(ref),
            )

    def delete(self, api_version: str, kind: str, namespace: str, name: str) -> None:
        """Delete an object and, in the background, what it owns; one that does not exist is fine."""
        ref = ObjectRef(api_version=api_version, kind=kind, namespace=namespace, name=name)
        query = {"propagationPolicy": "Background"}
        self._connection.call("DELETE", self._path(ref), query=query, subject=str(ref))

    def fenced_delete(self, ref: ObjectRef, fence: Fence) -> bool:
        """Delete an object unless it obeyed a later command; False when there is none."""

        def attempt() -> bool:
            before = self._read(ref)
            if before is None:
                return False
            self._refuse_stale(ref, before, fence)
            options = {
                "propagationPolicy": "Background",
                "preconditions": {"resourceVersion": before["metadata"]["resourceVersion"]},
            }
            self._connection.call("DELETE", self._path(ref), body=options, subject=str(ref))
            return True

        return _reading_anew(attempt)

    def refuse_undeletable(self, ref: ObjectRef) -> None:
        """AccessDenied when we may not delete an object, be it there or not; nothing is deleted."""
        self._connection.call("DELETE", self._path(ref), query={"dryRun": "All"}, subject=str(ref))

    def wait(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        name: str,
        until: Callable[[Manifest | None], T | None],
        *,
        deadline_seconds: float,
        beat: Callable[[], None],
    ) -> T:
        """The first result of `until` that is not None, asked at every change; NotReady at the deadline.

        `beat` is called at least once a second from this thread, and may raise to end the waiting.
        """
        ref = ObjectRef(api_version=api_version, kind=kind, namespace=namespace, name=name)
        collection = self._collection(api_version, kind, namespace)
        waiting = Wait(self._connection, collection, ref, deadline_seconds=deadline_seconds, beat=beat)
        return waiting.until(until)

    def served(self, group: str, kind: str, preferred: Sequence[str] = ()) -> str:
        """The apiVersion to use for a kind; `preferred` are versions ("v1", "v1beta1"), best first."""
        return self._discovery.served(group, kind, preferred)

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether the cluster serves a kind."""
        return self._discovery.serves(api_version, kind)

    def namespaced(self, api_version: str, kind: str) -> bool:
        """Whether objects of the kind live in a namespace; InvalidInput when the kind is not served."""
        return self._discovery.resource(api_version, kind).namespaced

    def service_proxy(self, url: str) -> ProxyTarget:
        """How to call an in-cluster URL through this cluster's API."""
        return ProxyTarget(
            url=self._connection.host + proxy_path(url),
            headers=self._connection.credentials(),
            verify=self._connection.verification(),
        )

    def close(self) -> None:
        """Close idle connections."""
        self._connection.close()

    def _read(self, ref: ObjectRef) -> Manifest | None:
        return self.get(ref.api_version, ref.kind, ref.namespace, ref.name)

    def _existing(self, ref: ObjectRef) -> Manifest:
        found = self._read(ref)
        if found is None:
            raise ReleaseFailed(f"{ref} does not exist in cluster {self.name}")
        return found

    def _create(self, manifest: Manifest, manager: str) -> Manifest:
        """Create, and fail when somebody else did meanwhile: an apply would overwrite a later command.

        A created object's fields belong to the manager's updates; handing them over to its applies lets a
        later apply remove what the manifest no longer has.
        """
        ref = ref_of(manifest)
        created: Manifest = self._connection.call(
            "POST",
            self._collection(ref.api_version, ref.kind, ref.namespace),
            query={"fieldManager": manager},
            body=manifest,
            subject=str(ref),
        )
        with contextlib.suppress(Conflict):
            return self._hand_over(ref, created, manager)
        return created

    def _hand_over(self, ref: ObjectRef, created: Manifest, manager: str) -> Manifest:
        metadata = created["metadata"]
        entries = [
            entry | {"operation": "Apply"} if entry.get("manager") == manager else entry
            for entry in metadata.get("managedFields") or []
        ]
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        ]
        handed: Manifest = self._connection.call(
            "PATCH",
            self._path(ref),
            query={"fieldManager": manager},
            body=patch,
            content_type=JSON_PATCH,
            subject=str(ref),
        )
        return handed

    def _replace(self, ref: ObjectRef, body: Manifest, manager: str, subresource: str = "") -> Manifest:
        replaced: Manifest = self._connection.call(
            "PUT", self._path(ref) + subresource, query={"fieldManager": manager}, body=body, subject=str(ref)
        )
        return replaced

    def _refuse_stale(self, ref: ObjectRef, live: Manifest | None, fence: Fence) -> None:
        obeyed = Fence.obeyed_by(live)
        if fence.is_older_than(obeyed):
            raise StaleCommand(
                f"{ref} in cluster {self.name} obeyed command {obeyed} already; {fence} is older",
                obeyed=str(obeyed),
            )

    def _path(self, ref: ObjectRef) -> str:
        return f"{self._collection(ref.api_version, ref.kind, ref.namespace)}/{quote(ref.name, safe='')}"

    def _collection(self, api_version: str, kind: str, namespace: str) -> str:
        resource = self._discovery.resource(api_version, kind)
        scope = f"/namespaces/{quote(namespace, safe='')}" if resource.namespaced and namespace else ""
        return f"{api_path(api_version)}{scope}/{resource.plural}"


def _with_fence(manifest: Manifest, fence: Fence) -> Manifest:
    """A copy that carries the token."""
    fenced = copy.deepcopy(manifest)
    annotations = fenced["metadata"].get("annotations") or {}
    fenced["metadata"]["annotations"] = annotations | {FENCE_ANNOTATION: str(fence)}
    return fenced


def _reading_anew(attempt: Callable[[], T]) -> T:
    """The attempt's result; somebody else's write in between makes it read anew, ATTEMPTS times in all."""
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(Conflict):
            return attempt()
    return attempt()

"""What a request asks for: its path taken apart, its query read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.sandbox.cluster_api.errors import bad_request

_FALSE = ("", "0", "false", "False", "f")


@dataclass(frozen=True, slots=True)
class Target:
    """A resource path: /api/v1/... or /apis/<group>/<version>/..., with `rest` after the subresource."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    watch: bool = False


def parse_target(path: str) -> Target | None:
    """The target of a path; None for a path that names no resource."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, parts = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, parts = parts[1], parts[2], parts[3:]
    else:
        return None
    watch = parts[0] == "watch" and len(parts) > 1
    parts = parts[1:] if watch else parts
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2 and not _of_namespace(group, parts[2]):
        namespace, parts = parts[1], parts[2:]
    plural, name, subresource, *rest = [*parts, "", "", ""][: max(3, len(parts))]
    return Target(group, version, plural, namespace, name, subresource, "/".join(rest), watch)


def _of_namespace(group: str, part: str) -> bool:
    return not group and part in ("status", "finalize")


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a write is to be done: by whom, for real or not, and how strictly."""

    manager: str
    dry_run: bool = False
    force: bool = False
    field_validation: str = "Warn"
    subresource: str = ""


def write_options(query: Mapping[str, str], user_agent: str, subresource: str) -> WriteOptions:
    """Raises ApiError (400) for a dryRun that is not All."""
    dry_run = query.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise bad_request(f'dryRun: Unsupported value: "{dry_run}": supported values: "All"')
    return WriteOptions(
        manager=query.get("fieldManager") or user_agent.split("/")[0] or "unknown",
        dry_run=bool(dry_run),
        force=truth(query.get("force")),
        field_validation=query.get("fieldValidation") or "Warn",
        subresource=subresource,
    )


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What of a kind is asked for."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    after: str = ""
    revision: str = ""
    watch: bool = False
    bookmarks: bool = False
    initial_events: bool = False
    timeout: float | None = None


def list_options(query: Mapping[str, str], watch: bool = False) -> ListOptions:
    timeout = _integer(query, "timeoutSeconds")
    return ListOptions(
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        limit=_integer(query, "limit") or 0,
        after=query.get("continue", ""),
        revision=query.get("resourceVersion", ""),
        watch=watch or truth(query.get("watch")),
        bookmarks=truth(query.get("allowWatchBookmarks")),
        initial_events=truth(query.get("sendInitialEvents")),
        timeout=timeout or None,
    )


def truth(text: str | None) -> bool:
    return text is not None and text not in _FALSE


def _integer(query: Mapping[str, str], name: str) -> int | None:
    try:
        return int(query[name]) if query.get(name) else None
    except ValueError:
        raise bad_request(f"{name}: {query[name]!r} is not a number") from None

"""Which program stands in for which image: the sandbox's image registry."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple


class Image(NamedTuple):
    """A pulled image: the module that runs it, the names its program may be called by, and its tag."""

    module: str
    programs: frozenset[str]
    tag: str


class Known(NamedTuple):
    """A row of the registry: repositories that match the pattern run the module."""

    repository: str
    module: str
    programs: frozenset[str]


_PODINFO = ("tidegate.sandbox.images.podinfo", frozenset({"podinfo"}))
_LOADTESTER = ("tidegate.sandbox.images.loadtester", frozenset({"loadtester"}))

REGISTRY: tuple[Known, ...] = (
    Known("stefanprodan/podinfo", *_PODINFO),
    Known("*/stefanprodan/podinfo", *_PODINFO),
    Known("*loadtester*", *_LOADTESTER),
)


def pull(reference: str, registry: Sequence[Known] = REGISTRY) -> Image | None:
    """The image of a reference such as `ghcr.io/stefanprodan/podinfo:6.0.0`; None when unknown."""
    repository, tag = split_reference(reference)
    for known in registry:
        if fnmatchcase(repository, known.repository):
            return Image(known.module, known.programs, tag)
    return None


def split_reference(reference: str) -> tuple[str, str]:
    """Repository and tag; no tag means `latest`, a digest is dropped."""
    name = reference.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, "latest"
    return head, tag

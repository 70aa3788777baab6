"""Whether there is anything to release: the target's template and configuration against the last promoted.

A configuration is told by digests: what a ConfigMap or Secret is called in messages -> its contents' digest.
"""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tidegate.domain.manifest import Manifest, name_of
from tidegate.domain.marks import CONFIGURATION, INITIALISING, REVISION, ROLLBACK, TEMPLATE_HASH, annotations
from tidegate.domain.plan import Purpose
from tidegate.domain.workload import kind_of

Digests = Mapping[str, str]
NONE: Digests = MappingProxyType({})


def template_hash(target: Manifest, configuration: Digests = NONE) -> str:
    """Sixteen hex digits that name a target's pod template and configuration; no order of keys counts."""
    hashed = kind_of(target).template(target)
    if configuration:
        hashed = {"template": hashed, "configuration": dict(configuration)}
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def purpose_of(
    primary: Manifest | None, target: Manifest, configuration: Digests = NONE
) -> tuple[Purpose, str]:
    """Why a plan is walked, and the reason in words. `primary` is the live object, `target` the rendered one.

    A primary that carries no hash was made by another controller: nobody knows what it runs, so that the
    target is released against it. One with an unfinished promotion counts as what it was promoted from.
    """
    name = f"{name_of(target)}-primary"
    if primary is None:
        return Purpose.INITIALISATION, f"there is no {name} yet"
    marks = annotations(primary)
    if INITIALISING in marks:
        return Purpose.INITIALISATION, f"{name} was not finished"
    promoted = _promoted(marks)
    if not promoted.hash:
        return Purpose.RELEASE, f"{name} carries no record of what it runs"
    unfinished = ", from which an unfinished promotion is undone" if ROLLBACK in marks else ""
    known = f"{promoted.hash} of {promoted.revision[:7] or 'an unknown revision'}{unfinished}"
    wanted, said = template_hash(target, configuration), kind_of(target).version
    if wanted == promoted.hash:
        return Purpose.UPKEEP, f"{said} is still {known}"
    changed = changes(promoted.configuration, configuration)
    if changed and template_hash(target, promoted.configuration) == promoted.hash:
        return Purpose.RELEASE, f"{'; '.join(changed)}: {wanted} differs from {known}"
    return Purpose.RELEASE, "; ".join((f"{said} {wanted} differs from {known}", *changed))


def promoted_hash(primary: Manifest | None) -> str:
    """What the primary runs, or will once an unfinished promotion is undone; empty when nobody knows."""
    return _promoted(annotations(primary or {})).hash


def changes(before: Digests, after: Digests) -> tuple[str, ...]:
    """What differs between two configurations, in words."""
    return tuple(
        f"{name} {_change(before.get(name), after.get(name))}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def read_digests(text: str) -> dict[str, str]:
    """The digests of an annotation; empty where somebody has edited it beyond use."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _change(before: str | None, after: str | None) -> str:
    if before is None:
        return "is tracked now"
    return "has changed" if after else "is no longer there, or no longer tracked"


class _Promoted(NamedTuple):
    """What a primary runs by its marks; an empty hash: nobody knows."""

    hash: str = ""
    revision: str = ""
    configuration: Digests = NONE


def _promoted(marks: dict[str, str]) -> _Promoted:
    """What the primary runs, or will run once an unfinished promotion is undone."""
    if ROLLBACK not in marks:
        kept = (marks.get(mark, "") for mark in (TEMPLATE_HASH, REVISION, CONFIGURATION))
        return _known(*kept)
    try:
        record = json.loads(marks[ROLLBACK])
    except ValueError:
        return _Promoted()
    if not isinstance(record, dict):
        return _Promoted()
    return _known(*(str(record.get(key) or "") for key in ("hash", "revision", "configuration")))


def _known(hash_: str, revision: str, configuration: str) -> _Promoted:
    return _Promoted(hash_, revision, read_digests(configuration))

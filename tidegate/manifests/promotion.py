"""How a live primary changes: promoted, restored, settled, resized. Each makes a new object of the live one.

A promotion leaves a record of what ran before it in the object itself, in the same write; restoring needs
nothing but that record.
"""

import json
from collections.abc import Iterable
from copy import deepcopy
from datetime import datetime

from tidegate.contracts import FENCE_ANNOTATION
from tidegate.domain.manifest import Manifest, dig
from tidegate.domain.marks import (
    CONFIGURATION,
    INITIALISING,
    PROMOTED_BY,
    REVISION,
    ROLLBACK,
    TEMPLATE_HASH,
    annotations,
)
from tidegate.domain.workload import kind_of, pod_template
from tidegate.manifests import autoscaler as autoscalers
from tidegate.manifests.configuration import Configuration
from tidegate.manifests.primary import rollout_of

_RECORDED = {
    TEMPLATE_HASH: "hash",
    REVISION: "revision",
    PROMOTED_BY: "promotedBy",
    CONFIGURATION: "configuration",
}
"""Which marks a record keeps, and by which name."""

NOTHING_TRACKED = Configuration()


def initial_marks(
    template_hash: str, revision: str, epoch: int, configuration: Configuration = NOTHING_TRACKED
) -> dict[str, str]:
    """Annotations of a primary that is being made by the release whose fences have this epoch."""
    return {
        TEMPLATE_HASH: template_hash,
        REVISION: revision,
        PROMOTED_BY: str(epoch),
        INITIALISING: "true",
        **configuration.marks,
    }


def initialised(primary: Manifest) -> Manifest:
    """The primary once it serves."""
    return _marked(primary, {INITIALISING: None})


def is_initialising(primary: Manifest) -> bool:
    """Whether the primary is still being made, and serves nobody yet."""
    return INITIALISING in annotations(primary)


def serves(primary: Manifest | None) -> bool:
    """Whether a release has made this primary, and finished it: it has users."""
    return primary is not None and FENCE_ANNOTATION in annotations(primary) and not is_initialising(primary)


def is_unfinished(primary: Manifest) -> bool:
    """Whether the primary's last promotion was neither settled nor undone."""
    return ROLLBACK in annotations(primary)


def stands_with(primary: Manifest, home: Manifest | None) -> bool:
    """Whether a primary's unfinished promotion is there to stay: it is final at `home`, the first cluster."""
    if home is None or is_unfinished(home) or is_initialising(home) or not is_unfinished(primary):
        return False
    same = annotations(home).get(TEMPLATE_HASH) == annotations(primary).get(TEMPLATE_HASH)
    return same or promoted_by(home) == promoted_by(primary) != 0


def promoted(
    primary: Manifest,
    target: Manifest,
    *,
    template_hash: str,
    revision: str,
    epoch: int,
    replicas: int | None = None,
    configuration: Configuration = NOTHING_TRACKED,
    autoscaler: Manifest | None = None,
) -> Manifest:
    """The primary with the target's template, and with so many replicas; None: as many as it has.

    Twice is the same as once. `epoch` is that of the release's fences. The template refers to the copies of
    `configuration`, which have to exist. `autoscaler` is the live one that is about to be changed as well.
    """
    marks = annotations(primary)
    if marks.get(TEMPLATE_HASH) == template_hash and INITIALISING not in marks:
        return deepcopy(primary)
    size = {} if replicas is None else {"replicas": replicas}
    record = marks.get(ROLLBACK) or _record(primary, (*kind_of(primary).carried, *size), autoscaler)
    changed = _with_rollout(primary, rollout_of(target, configuration.names) | size)
    made = {TEMPLATE_HASH: template_hash, REVISION: revision, PROMOTED_BY: str(epoch)}
    return _marked(changed, {ROLLBACK: record, CONFIGURATION: None, **made, **configuration.marks})


def restored(primary: Manifest) -> Manifest:
    """The primary as it was before its unfinished promotion; unchanged when there is none."""
    record = _read(primary)
    if record is None:
        return settled(primary)
    changed = _with_rollout(primary, record["rollout"])
    made = {mark: record.get(key) or None for mark, key in _RECORDED.items()}
    return _marked(changed, {ROLLBACK: None, **made})


def templates(primary: Manifest) -> tuple[Manifest, ...]:
    """The pod templates that it runs, or may yet be brought back to."""
    record = _read(primary)
    before = [] if record is None else [record["rollout"].get("template") or {}]
    return (pod_template(primary), *before)


def autoscaler_before(primary: Manifest) -> Manifest | None:
    """The primary's autoscaler as it was before an unfinished promotion; None where that changed none.

    A record of anything else is nobody's: whoever may edit the primary is not to write elsewhere.
    """
    found = (_read(primary) or {}).get("autoscaler")
    if not isinstance(found, dict) or not autoscalers.scales(found, primary):
        return None
    metadata = {key: found["metadata"][key] for key in ("name", "namespace")}
    return {"metadata": metadata} | {key: found[key] for key in ("apiVersion", "kind", "spec")}


def promoted_by(primary: Manifest) -> int:
    """The epoch of the release that promoted what it runs; 0 when it does not say."""
    said = annotations(primary).get(PROMOTED_BY, "")
    return int(said) if said.isdecimal() else 0


def decided(primaries: Iterable[Manifest]) -> frozenset[int]:
    """The epochs of releases whose promotions are there to stay, of canaries that go together.

    None of them becomes final before all are promoted. One that such a release initialised tells nothing of
    the others: it is younger than the release.
    """
    final = (primary for primary in primaries if not (is_unfinished(primary) or is_initialising(primary)))
    return frozenset(promoted_by(each) for each in final if _was_there_before(each, promoted_by(each)))


def _was_there_before(primary: Manifest, epoch: int) -> bool:
    created = str(dig(primary, "metadata", "creationTimestamp") or "")
    return bool(created and epoch) and datetime.fromisoformat(created).timestamp() * 1000 < epoch


def settled(primary: Manifest) -> Manifest:
    """The primary without its record: what it runs is there to stay."""
    return _marked(primary, {ROLLBACK: None})


def resized(primary: Manifest, replicas: int) -> Manifest:
    """The primary with so many replicas."""
    return _with_spec(primary, primary["spec"] | {"replicas": replicas})


def _record(primary: Manifest, fields: tuple[str, ...], autoscaler: Manifest | None) -> str:
    marks = annotations(primary)
    rollout = {field: primary["spec"][field] for field in fields if field in primary["spec"]}
    record: Manifest = {"rollout": rollout} | {key: marks.get(mark, "") for mark, key in _RECORDED.items()}
    if autoscaler is not None:
        metadata = {key: autoscaler["metadata"][key] for key in ("name", "namespace")}
        kept = {key: autoscaler[key] for key in ("apiVersion", "kind", "spec")}
        record["autoscaler"] = kept | {"metadata": metadata}
    return json.dumps(record, separators=(",", ":"), sort_keys=True)


def _read(primary: Manifest) -> Manifest | None:
    """The record; None when absent, or when somebody has edited it beyond use."""
    try:
        record = json.loads(annotations(primary).get(ROLLBACK, ""))
    except ValueError:
        return None
    usable = isinstance(record, dict) and isinstance(record.get("rollout"), dict)
    return record if usable and kind_of(primary).carried[0] in record["rollout"] else None


def _with_rollout(primary: Manifest, rollout: Manifest) -> Manifest:
    """The replicas stay where the rollout names none."""
    return deepcopy(kind_of(primary).carrying(primary, rollout))


def _with_spec(primary: Manifest, spec: Manifest) -> Manifest:
    return deepcopy(primary | {"spec": spec})


def _marked(primary: Manifest, marks: dict[str, str | None]) -> Manifest:
    merged = annotations(primary) | marks
    kept = {key: value for key, value in merged.items() if value is not None}
    return deepcopy(primary | {"metadata": primary["metadata"] | {"annotations": kept}})

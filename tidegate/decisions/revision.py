"""Whether there is anything to release: the target's pod template against the one promoted last."""

import hashlib
import json

from tidegate.domain.manifest import Manifest, dig, name_of
from tidegate.domain.marks import INITIALISING, REVISION, ROLLBACK, TEMPLATE_HASH, annotations
from tidegate.domain.plan import Purpose


def template_hash(target: Manifest) -> str:
    """Sixteen hex digits that name a rendered target's pod template; the order of keys does not count."""
    template = dig(target, "spec", "template") or {}
    text = json.dumps(template, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def purpose_of(primary: Manifest | None, target: Manifest) -> tuple[Purpose, str]:
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
    promoted, revision = _promoted(marks)
    if not promoted:
        return Purpose.RELEASE, f"{name} carries no record of what it runs"
    unfinished = ", from which an unfinished promotion is undone" if ROLLBACK in marks else ""
    known = f"{promoted} of {revision[:7] or 'an unknown revision'}{unfinished}"
    wanted = template_hash(target)
    if wanted == promoted:
        return Purpose.UPKEEP, f"the pod template is still {known}"
    return Purpose.RELEASE, f"the pod template {wanted} differs from {known}"


def _promoted(marks: dict[str, str]) -> tuple[str, str]:
    """(hash, revision) of what the primary runs, or will run once an unfinished promotion is undone."""
    if ROLLBACK not in marks:
        return marks.get(TEMPLATE_HASH, ""), marks.get(REVISION, "")
    try:
        record = json.loads(marks[ROLLBACK])
    except ValueError:
        return "", ""
    if not isinstance(record, dict):
        return "", ""
    return str(record.get("hash") or ""), str(record.get("revision") or "")

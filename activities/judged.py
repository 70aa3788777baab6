"""What is promoted must be what was judged: the target's live pod template is remembered at its scale-up.

The live template, with the server's defaults, is compared with itself: a sync of the same revision does not
change it, nor does an autoscaler.
"""

from tidegate.contracts import CANARY_FIELD_MANAGER, FENCE_ANNOTATION, FIELD_MANAGER, Fence
from tidegate.decisions.revision import template_hash
from tidegate.domain.errors import ReleaseFailed
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.domain.marks import JUDGED_TEMPLATE, PRIMARY, annotations
from tidegate.manifests import snapshot
from tidegate.manifests.drift import last_writer


def marked(target: Manifest, fence: Fence, primary: Manifest | None) -> Manifest:
    """The target with its template's hash, and with the primary as it is now.

    A command that is tried again keeps what it found first.
    """
    marks = annotations(target)
    if JUDGED_TEMPLATE in marks and Fence.parse(marks.get(FENCE_ANNOTATION)) == fence:
        return target
    kept = {key: value for key, value in marks.items() if key != PRIMARY} | snapshot.taken(primary, fence)
    return _annotated(target, kept | {JUDGED_TEMPLATE: template_hash(target)})


def unmarked(target: Manifest) -> Manifest:
    """The target once nothing is judged by it any more."""
    marks = annotations(target)
    own = (JUDGED_TEMPLATE, PRIMARY)
    return _annotated(target, {key: value for key, value in marks.items() if key not in own})


def refuse_changed(target: Manifest | None) -> None:
    """ReleaseFailed, naming the writer, when the live template is not the one that was remembered."""
    judged = annotations(target or {}).get(JUDGED_TEMPLATE)
    if target is None or judged is None or judged == template_hash(target):
        return
    who = last_writer(target, FIELD_MANAGER, CANARY_FIELD_MANAGER, part=("spec", "template"))
    raise ReleaseFailed(
        f"{ref_of(target)} was changed by {who} during the analysis: "
        "what was judged is not what Git describes"
    )


def _annotated(target: Manifest, marks: dict[str, str]) -> Manifest:
    return target | {"metadata": target["metadata"] | {"annotations": marks}}

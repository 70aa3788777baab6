"""What is promoted must be what was judged: the target's live pod template is remembered at its scale-up.

The live template, with the server's defaults, is compared with itself: a sync of the same revision does not
change it, nor does an autoscaler. So are the ConfigMaps and Secrets that it refers to.
"""

from collections.abc import Mapping

from activities.configuration import configuration_of
from activities.site import Place
from tidegate.contracts import CANARY_FIELD_MANAGER, FIELD_MANAGER, Fence
from tidegate.decisions.revision import changes, read_digests, template_hash
from tidegate.domain.errors import ReleaseFailed
from tidegate.domain.manifest import Manifest, ObjectRef, ref_of
from tidegate.domain.marks import JUDGED_CONFIGURATION, JUDGED_TEMPLATE, PRIMARY, SCALED_BY, annotations
from tidegate.domain.workload import kind_of, pod_template
from tidegate.manifests import snapshot
from tidegate.manifests.configuration import Configuration, references, written
from tidegate.manifests.drift import last_writer

_OWN = (JUDGED_TEMPLATE, JUDGED_CONFIGURATION, PRIMARY, SCALED_BY)


def marked(
    place: Place, target: Manifest, fence: Fence, primary: Manifest | None, further: Mapping[str, str]
) -> Manifest:
    """The target with what is judged, with the primary as it is now, and with `further` marks.

    A command that is tried again keeps what it found first.
    """
    marks = annotations(target)
    if JUDGED_TEMPLATE in marks and Fence.obeyed_by(target) == fence:
        return target
    kept = {key: value for key, value in marks.items() if key not in _OWN} | snapshot.taken(primary, fence)
    judged = {JUDGED_TEMPLATE: template_hash(target), **_configured(place, target)}
    return _annotated(target, kept | judged | dict(further))


def unmarked(target: Manifest) -> Manifest:
    """The target once nothing is judged by it any more."""
    marks = annotations(target)
    return _annotated(target, {key: value for key, value in marks.items() if key not in _OWN})


def gone(ref: ObjectRef) -> ReleaseFailed:
    """Why there is nothing to judge: it was there when the release made it."""
    return ReleaseFailed(f"{ref} was deleted by another writer during the release")


def refuse_scaled_down(live: Manifest) -> None:
    """ReleaseFailed, naming the writer, for a workload under judgement that is to have no pods."""
    kind = kind_of(live)
    if kind.is_down(live):
        who = last_writer(live, FIELD_MANAGER, CANARY_FIELD_MANAGER, part=kind.size_field)
        raise ReleaseFailed(f"{ref_of(live)} was scaled to 0 by {who} during the analysis")


def refuse_unsynced(target: Manifest, synced: str | None) -> None:
    """ReleaseFailed, naming the writer, when the live template is not the one that the sync left.

    A release may wait for days between the two. Nothing is refused where no hash was remembered.
    """
    if synced and synced != template_hash(target):
        raise _edited(target, "before its scale-up: what would be judged")


def refuse_changed(place: Place, target: Manifest | None, configuration: Configuration | None = None) -> None:
    """ReleaseFailed, naming the writer, when the live template or configuration is not the one remembered.

    `configuration` is what will be promoted, where it was read already.
    """
    judged = annotations(target or {}).get(JUDGED_TEMPLATE)
    if target is None or judged is None:
        return
    if judged != template_hash(target):
        raise _edited(target, "during the analysis: what was judged")
    if (mark := annotations(target).get(JUDGED_CONFIGURATION)) is not None:
        _refuse_reconfigured(place, target, read_digests(mark), configuration)


def _edited(target: Manifest, when: str) -> ReleaseFailed:
    who = last_writer(target, FIELD_MANAGER, CANARY_FIELD_MANAGER, part=kind_of(target).version_field)
    return ReleaseFailed(f"{ref_of(target)} was changed by {who} {when} is not what Git describes")


def _refuse_reconfigured(
    place: Place, target: Manifest, judged: Mapping[str, str], known: Configuration | None
) -> None:
    """What is promoted is compared itself: it may have been edited after it was read."""
    read = known is not None and known.digests.keys() == judged.keys()
    live = known if known and read else configuration_of(place, pod_template(target))
    if changed := changes(judged, live.digests):
        raise ReleaseFailed(
            f"{'; '.join(changed)} in namespace {place.namespace} during the analysis: "
            "what was judged is not what would be promoted"
        )


def _configured(place: Place, target: Manifest) -> dict[str, str]:
    """The mark of the configuration; none for a template that refers to nothing."""
    template = pod_template(target)
    if not references(template):
        return {}
    return {JUDGED_CONFIGURATION: written(configuration_of(place, template).digests)}


def _annotated(target: Manifest, marks: dict[str, str]) -> Manifest:
    return target | {"metadata": target["metadata"] | {"annotations": marks}}

"""What is promoted must be what was judged: the target's live pod template is remembered at its scale-up.

The live template, with the server's defaults, is compared with itself: a sync of the same revision does not
change it, nor does an autoscaler. So are the ConfigMaps and Secrets that it refers to.
"""

from collections.abc import Mapping

from activities.configuration import configuration_of
from activities.site import Place
from tidegate.contracts import CANARY_FIELD_MANAGER, FENCE_ANNOTATION, FIELD_MANAGER, Fence
from tidegate.decisions.revision import changes, read_digests, template_hash
from tidegate.domain.errors import ReleaseFailed
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.domain.marks import JUDGED_CONFIGURATION, JUDGED_TEMPLATE, PRIMARY, SCALED_BY, annotations
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
    if JUDGED_TEMPLATE in marks and Fence.parse(marks.get(FENCE_ANNOTATION)) == fence:
        return target
    kept = {key: value for key, value in marks.items() if key not in _OWN} | snapshot.taken(primary, fence)
    judged = {JUDGED_TEMPLATE: template_hash(target), **_configured(place, target)}
    return _annotated(target, kept | judged | dict(further))


def unmarked(target: Manifest) -> Manifest:
    """The target once nothing is judged by it any more."""
    marks = annotations(target)
    return _annotated(target, {key: value for key, value in marks.items() if key not in _OWN})


def refuse_changed(place: Place, target: Manifest | None, configuration: Configuration | None = None) -> None:
    """ReleaseFailed, naming the writer, when the live template or configuration is not the one remembered.

    `configuration` is what will be promoted, where it was read already.
    """
    judged = annotations(target or {}).get(JUDGED_TEMPLATE)
    if target is None or judged is None:
        return
    if judged != template_hash(target):
        who = last_writer(target, FIELD_MANAGER, CANARY_FIELD_MANAGER, part=("spec", "template"))
        raise ReleaseFailed(
            f"{ref_of(target)} was changed by {who} during the analysis: "
            "what was judged is not what Git describes"
        )
    if (mark := annotations(target).get(JUDGED_CONFIGURATION)) is not None:
        _refuse_reconfigured(place, target, read_digests(mark), configuration)


def _refuse_reconfigured(
    place: Place, target: Manifest, judged: Mapping[str, str], known: Configuration | None
) -> None:
    """What is promoted is compared itself: it may have been edited after it was read."""
    read = known is not None and known.digests.keys() == judged.keys()
    live = known if known and read else configuration_of(place, target["spec"]["template"])
    if changed := changes(judged, live.digests):
        raise ReleaseFailed(
            f"{'; '.join(changed)} in namespace {place.namespace} during the analysis: "
            "what was judged is not what would be promoted"
        )


def _configured(place: Place, target: Manifest) -> dict[str, str]:
    """The mark of the configuration; none for a template that refers to nothing."""
    template = target["spec"]["template"]
    if not references(template):
        return {}
    return {JUDGED_CONFIGURATION: written(configuration_of(place, template).digests)}


def _annotated(target: Manifest, marks: dict[str, str]) -> Manifest:
    return target | {"metadata": target["metadata"] | {"annotations": marks}}

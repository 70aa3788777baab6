"""The ConfigMaps and Secrets of a canary: read from the workload cluster, and copied for the primary.

A template that refers to none costs no call. Contents stay in here: what goes out is names and digests.
"""

import contextlib
from functools import partial

from activities.offload import at_once
from activities.site import Place, Site
from tidegate.adapters.kubernetes import Change
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence
from tidegate.decisions.rollout import wanted_replicas
from tidegate.domain.errors import AccessDenied, ReleaseFailed, TidegateError
from tidegate.domain.manifest import Manifest, name_of, number, ref_of
from tidegate.domain.marks import COPIED_FOR, COPY_LABEL, annotations
from tidegate.domain.workload import DAEMON_SET, kind_of, pod_template
from tidegate.manifests import promotion
from tidegate.manifests.configuration import (
    KINDS,
    Configuration,
    Names,
    Reference,
    is_tracked,
    references,
    same_contents,
)


def configured(site: Site) -> Configuration:
    """What the target of the manifests is configured with, as it is in the cluster."""
    return configuration_of(site, pod_template(site.bundle.target))


def configuration_of(place: Place, template: Manifest) -> Configuration:
    """What a template refers to, as far as it is there and tracked.

    What is missing has no contents: if a pod cannot do without it, its rollout says so.
    """
    found = at_once(*(partial(live_reference, place, each) for each in references(template)))
    tracked = (each for each in found if each is not None and is_tracked(each))
    return Configuration(place.ref.primary, tuple(tracked))


def bring_copies(place: Place, configuration: Configuration, fence: Fence) -> tuple[str, ...]:
    """Make the primary's copies, and note the new ones; by the token in each, no older command removes it."""
    notes = at_once(*(partial(_bring, place, copy, fence) for copy in configuration.copies))
    return tuple(filter(None, notes))


def remove_stale_copies(place: Place, settled: Change, fence: Fence) -> tuple[str, ...]:
    """Remove the copies that a primary which was `settled` refers to no more; a note on what was left.

    Those that its pods of an earlier template still serve with stay until a later promotion stands.
    """
    before = settled.before or settled.after
    if not any(map(references, promotion.templates(before))):
        return ()
    used = {each for template in promotion.templates(settled.after) for each in references(template)}
    try:
        stale = [each for each in _copies(place) if _reference(each) not in used]
        serving = _serving(place, settled.after) if stale else frozenset()
        stale = [each for each in stale if _reference(each) not in serving]
        at_once(*(partial(place.cluster.fenced_delete, ref_of(each), fence) for each in stale))
    except TidegateError as error:
        return (f"copies of an earlier configuration were left: {error}",)
    return ()


def copies_of(place: Place) -> list[Manifest]:
    """All copies for the primary; none where the worker may not look, as it then has made none."""
    with contextlib.suppress(AccessDenied):
        return _copies(place)
    return []


def changed_since(place: Place, copies: list[Manifest], sources: Names) -> tuple[str, ...]:
    """What a primary's ConfigMaps and Secrets are copies of, and no longer equal, in words."""
    contents = {_reference(each): each for each in copies}
    lines = []
    for reference, name in sources.items():
        source = Reference(reference.kind, name)
        live = live_reference(place, source)
        if live is None or not same_contents(live, contents[reference]):
            lines.append(
                f"{source} is not what {place.ref.primary} serves with: its pods read {reference.name}"
            )
    return tuple(lines)


def live_reference(place: Place, reference: Reference) -> Manifest | None:
    """A ConfigMap or Secret in the cluster, or None."""
    return place.cluster.get("v1", reference.kind, place.namespace, reference.name)


def _serving(place: Place, primary: Manifest) -> frozenset[Reference]:
    """What the pods of a primary refer to, and those that its ReplicaSets are to have."""
    return frozenset(found for each in _templates(place, primary) for found in references(each))


def _templates(place: Place, primary: Manifest) -> list[Manifest]:
    """A DaemonSet makes pods of its last template only, so its pods tell all."""
    if kind_of(primary) is DAEMON_SET:
        return place.pods(primary)
    live = place.replica_sets(primary)
    return [each["spec"]["template"] for each in live if wanted_replicas(each) or _pods_of(each)]


def _pods_of(replica_set: Manifest) -> int:
    return number(replica_set, "status", "replicas")


def _reference(copy: Manifest) -> Reference:
    return Reference(copy["kind"], name_of(copy))


def _copies(place: Place) -> list[Manifest]:
    found = at_once(*(partial(place.cluster.list, "v1", kind, place.namespace, COPY_LABEL) for kind in KINDS))
    return [each for kind in found for each in kind if annotations(each).get(COPIED_FOR) == place.ref.primary]


def _bring(place: Place, wanted: Manifest, fence: Fence) -> str:
    reference = _reference(wanted)
    live = live_reference(place, reference)
    if live is not None:
        _refuse_stranger(place, live)
        if not same_contents(live, wanted):
            # Somebody has replaced it, and what is immutable cannot be mended.
            place.cluster.fenced_delete(ref_of(wanted), fence)
            live = None
    place.cluster.fenced_apply(wanted, fence, manager=CANARY_FIELD_MANAGER)
    return "" if live is not None else f"{reference} was made for {place.ref.primary}"


def _refuse_stranger(place: Place, live: Manifest) -> None:
    """ReleaseFailed when an object of a copy's name is none of ours."""
    if annotations(live).get(COPIED_FOR) != place.ref.primary:
        raise ReleaseFailed(
            f"{ref_of(live)} exists, and was not made for {place.ref.primary}; rename or remove it"
        )

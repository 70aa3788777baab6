"""The primary's autoscaler: changed by a promotion, brought back, removed; and KEDA's pause of the target."""

from collections.abc import Callable

from activities.site import Place, Site
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence
from tidegate.decisions.ownership import application_of
from tidegate.domain.errors import AccessDenied, Permanent
from tidegate.domain.manifest import Manifest, name_of, ref_of
from tidegate.domain.marks import SCALED_BY, annotations
from tidegate.manifests import promotion, scaled_object
from tidegate.manifests.autoscaler import CURRENT, KIND, scales_for_us


def live_autoscaler(site: Site) -> Manifest | None:
    """What scales the primary now, of what the manifests ask for."""
    wanted = site.bundle.primary_autoscaler
    return None if wanted is None else _live(site, wanted)


def bring_to_git(site: Site, fence: Fence) -> tuple[str, ...]:
    """Give the primary's autoscaler what the manifests say; a note when that is something else."""
    wanted = site.bundle.primary_autoscaler
    if wanted is None:
        return ()
    change = site.apply(wanted, fence)
    if change.before is None or change.before["spec"] == change.after["spec"]:
        return ()
    return (f"{wanted['kind']} {name_of(wanted)} is as in Git now",)


def bring_back(place: Place, primary: Manifest, fence: Fence) -> tuple[str, ...]:
    """Undo what an unfinished promotion of this primary changed in its autoscaler; a warning if that fails.

    This comes before the primary is restored, whose record says how it was.
    """
    before = promotion.autoscaler_before(primary)
    if before is None or _live(place, before) is None:
        return ()
    try:
        place.cluster.fenced_apply(before, fence, manager=CANARY_FIELD_MANAGER)
    except Permanent as error:
        return (f"{before['kind']} {name_of(before)} was not brought back: {error}",)
    return ()


def remove_strays(site: Site, fence: Fence) -> tuple[str, ...]:
    """Remove those of the primary that a release made, and that no Canary asks for any more; notes on it.

    Only our own go: those that bear a fence, scale the primary, and were not brought from Git by a sync. The
    primary gets the size that Git asks for.
    """
    primary, wanted = site.ref.primary, site.bundle.primary_autoscaler
    asked = None if wanted is None else (wanted["kind"], name_of(wanted))
    kinds = [(CURRENT, KIND)]
    if wanted is not None and wanted["kind"] == scaled_object.KIND:
        kinds.append((wanted["apiVersion"], wanted["kind"]))
    found = [each for kind in kinds for each in site.cluster.list(*kind, site.namespace)]
    strays = [
        each
        for each in found
        if scales_for_us(each, primary)
        and not application_of(each)
        and (each["kind"], name_of(each)) != asked
    ]
    notes = []
    for stray in strays:
        named = f"{stray['kind']} {name_of(stray)}"
        try:
            site.cluster.fenced_delete(ref_of(stray), fence)
        except AccessDenied as error:
            notes.append(f"{named} is no longer asked for, and was left: {error}")
        else:
            notes.append(f"{named} is no longer asked for; it was removed")
    replicas = site.bundle.replicas
    if strays and replicas is not None:
        site.change_deployment(primary, fence, lambda live: promotion.resized(live, replicas))
    return tuple(notes)


def marks(site: Site) -> dict[str, str]:
    """What a target bears while KEDA scales it, so that it is paused again; nothing where KEDA does not."""
    scaler = scaled_object_of(site)
    return {} if scaler is None else {SCALED_BY: name_of(scaler)}


def resume(site: Site, fence: Fence) -> None:
    """Let KEDA scale the target, where it does; the target has its marks already."""
    scaler = scaled_object_of(site)
    if scaler is not None:
        _update(site, scaler, fence, scaled_object.resumed)


def scaled_object_of(site: Site) -> Manifest | None:
    """The target's ScaledObject in the manifests; None where it has none."""
    scaler = site.bundle.autoscaler
    return scaler if scaler is not None and scaler["kind"] == scaled_object.KIND else None


def pause(place: Place, target: Manifest, fence: Fence, known: str = "") -> tuple[str, ...]:
    """Keep KEDA from scaling the target between releases; a warning where that cannot be.

    The ScaledObject's name is in the target's mark; `known` is what the manifests say where it has none.
    """
    name = annotations(target).get(SCALED_BY) or known
    if not name:
        return ()
    metadata = {"name": name, "namespace": place.namespace}
    scaler = {"apiVersion": scaled_object.API_VERSION, "kind": scaled_object.KIND, "metadata": metadata}
    try:
        if _live(place, scaler) is not None:
            _update(place, scaler, fence, scaled_object.paused)
    except Permanent as error:
        return (f"ScaledObject {name} was not paused: {error}",)
    return ()


def _live(place: Place, manifest: Manifest) -> Manifest | None:
    ref = ref_of(manifest)
    return place.cluster.get(ref.api_version, ref.kind, place.namespace, ref.name)


def _update(place: Place, manifest: Manifest, fence: Fence, change: Callable[[Manifest], Manifest]) -> None:
    ref = ref_of(manifest)
    place.cluster.fenced_update(
        ref.api_version, ref.kind, place.namespace, ref.name, fence, change, manager=CANARY_FIELD_MANAGER
    )

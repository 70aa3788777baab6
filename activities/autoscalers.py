"""The primary's autoscaler: changed by a promotion, brought back, removed; and KEDA's pause of the target."""

import contextlib
from collections.abc import Callable

from activities.site import Place, Site
from tidegate.contracts import CANARY_FIELD_MANAGER, FENCE_ANNOTATION, Fence
from tidegate.decisions.ownership import application_of
from tidegate.domain.errors import AccessDenied, InvalidInput, Permanent, ReleaseFailed
from tidegate.domain.manifest import Manifest, dig, name_of, ref_of
from tidegate.domain.marks import SCALED_BY, annotations
from tidegate.manifests import promotion, scaled_object
from tidegate.manifests.autoscaler import CURRENT, KIND, scales, scales_for_us


def live_autoscaler(site: Site) -> Manifest | None:
    """What scales the primary now: what the manifests ask for, or else what an earlier revision's asked for.

    None where the manifests ask for nothing.
    """
    wanted = site.bundle.primary_autoscaler
    if wanted is None:
        return None
    live = _live(site, wanted)
    return live if live is not None else next(iter(made_autoscalers(site)), None)


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
    live = None if before is None else _live(place, before)
    if before is None or live is None:
        return ()
    if not scales(live, primary):
        return (f"{live['kind']} {name_of(live)} was not brought back: it scales something else now",)
    try:
        place.cluster.fenced_apply(before, fence, manager=CANARY_FIELD_MANAGER)
    except Permanent as error:
        return (f"{before['kind']} {name_of(before)} was not brought back: {error}",)
    return _removed(place, _others(place, before), fence)


def remove_strays(site: Site, fence: Fence) -> tuple[str, ...]:
    """Remove those of the primary that a release made, and that no Canary asks for any more; notes on it.

    The primary gets the size that Git asks for.
    """
    strays, replicas = _others(site, site.bundle.primary_autoscaler), site.bundle.replicas
    notes = _removed(site, strays, fence)
    if strays and replicas is not None:
        site.change_workload(site.ref.primary, fence, lambda live: promotion.resized(live, replicas))
    return notes


def refuse_abandoned(site: Site, scaler: Manifest | None) -> None:
    """ReleaseFailed when a ScaledObject that we paused keeps the target at 0, and no Canary refers to it.

    `scaler` is what scales the primary: where it is of the kind that is asked for, none was given up.
    """
    wanted = site.bundle.autoscaler
    if wanted is not None and wanted["kind"] in (scaled_object.KIND, (scaler or {}).get("kind")):
        return
    for each in _paused_by_us(site):
        raise ReleaseFailed(
            f"{ref_of(each)} keeps {site.ref.target} at 0 replicas, and the Canary no longer refers "
            "to it; delete it, or let spec.autoscalerRef name it"
        )


def _others(place: Place, kept: Manifest | None) -> list[Manifest]:
    """All that releases have made to scale the primary, but for this one."""
    own = None if kept is None else (kept["kind"], name_of(kept))
    return [each for each in made_autoscalers(place) if (each["kind"], name_of(each)) != own]


def made_autoscalers(place: Place) -> list[Manifest]:
    """The primary's that releases have made: they bear a fence, and no sync has brought them from Git."""
    every = [*place.cluster.list(CURRENT, KIND, place.namespace), *_scaled_objects(place)]
    return [each for each in every if scales_for_us(each, place.ref.primary) and not application_of(each)]


def _scaled_objects(place: Place) -> list[Manifest]:
    """None where the cluster knows no KEDA, or where we may not look: then none is ours."""
    with contextlib.suppress(InvalidInput, AccessDenied):
        return place.cluster.list(scaled_object.API_VERSION, scaled_object.KIND, place.namespace)
    return []


def _paused_by_us(place: Place) -> list[Manifest]:
    """The target's ScaledObjects that releases have paused."""
    return [
        each
        for each in _scaled_objects(place)
        if {FENCE_ANNOTATION, scaled_object.PAUSED} <= annotations(each).keys()
        and _scales_target(place, each)
    ]


def _scales_target(place: Place, scaler: Manifest) -> bool:
    return bool(dig(scaler, "spec", "scaleTargetRef", "name") == place.ref.target)


def _removed(place: Place, strays: list[Manifest], fence: Fence) -> tuple[str, ...]:
    notes = []
    for stray in strays:
        named = f"{stray['kind']} {name_of(stray)}"
        try:
            place.cluster.fenced_delete(ref_of(stray), fence)
        except AccessDenied as error:
            notes.append(f"{named} is no longer asked for, and was left: {error}")
        else:
            notes.append(f"{named} is no longer asked for; it was removed")
    return tuple(notes)


def marks(site: Site) -> dict[str, str]:
    """What a target bears while KEDA scales it, so that it is paused again; nothing where KEDA does not."""
    scaler = scaled_object_of(site)
    return {} if scaler is None else {SCALED_BY: name_of(scaler)}


def resume(site: Site, fence: Fence, marked: Callable[[Manifest], Manifest]) -> None:
    """Let KEDA scale the target, where it does.

    The target gets its marks before, so that it is paused again whatever happens, and its pods after it:
    KEDA takes them from one that is still paused.
    """
    scaler = scaled_object_of(site)
    if scaler is not None:
        site.change_workload(site.ref.target, fence, marked)
        _update(site, scaler, fence, scaled_object.resumed)


def resume_target(place: Place, fence: Fence) -> None:
    """Let KEDA scale the target for good, where a release has paused it; no manifest is needed."""
    for each in _paused_by_us(place):
        _update(place, each, fence, scaled_object.resumed)


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
        live = _live(place, scaler)
        if live is not None and _scales_target(place, live):
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
        place.named(ref.api_version, ref.kind, ref.name), fence, change, manager=CANARY_FIELD_MANAGER
    )

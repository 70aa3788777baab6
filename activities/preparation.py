"""Bringing everything around a canary up to date: primary, its autoscaler, services, destination rules.

A target that serves is never disturbed: its Service and its traffic go over to the primary only when the
primary's pods are ready.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from activities.adoption import Held, adopted
from activities.agreement import announce, kept_as_at_home, stood_at_home
from activities.autoscalers import bring_back, bring_to_git, live_autoscaler, refuse_abandoned
from activities.configuration import bring_copies, configured
from activities.followers import Followed, strayed, surrounding
from activities.leaving import refuse_left
from activities.offload import at_once
from activities.readiness import readiness_of
from activities.site import Site, described
from activities.surroundings import beside_services
from tidegate.adapters.kubernetes import Change
from tidegate.contracts import CANARY_FIELD_MANAGER, FENCE_ANNOTATION, CanaryCommand, StepReport
from tidegate.decisions.ownership import cluster_marks, then_deleted
from tidegate.decisions.revision import purpose_of, template_hash
from tidegate.decisions.rollout import wanted_replicas
from tidegate.domain.errors import AccessDenied, NotReady, ReleaseFailed
from tidegate.domain.manifest import Manifest, dig, name_of, ref_of
from tidegate.domain.marks import TEMPLATE_HASH, annotations
from tidegate.domain.plan import Purpose
from tidegate.domain.workload import KINDS, SERVICE, kind_of
from tidegate.manifests import promotion
from tidegate.manifests.autoscaler import min_replicas
from tidegate.manifests.changed import changed_fields
from tidegate.manifests.configuration import Configuration
from tidegate.manifests.primary import primary
from tidegate.manifests.services import cannot_follow, services, taken_over
from tidegate.manifests.takeover import with_original


def prepare(site: Site, command: CanaryCommand) -> StepReport:
    """Everything but the primary's template becomes as Git has it; its size where nothing is released."""
    announce(site, command.fence)
    live = site.primary()
    if live is None or promotion.is_initialising(live):
        return _initialise(site, command, live)
    warnings = _undo_unfinished(site, command, live)
    configuration = configured(site)
    purpose, _ = purpose_of(live, site.bundle.target, configuration.digests)
    scaler = live_autoscaler(site)
    if purpose is Purpose.RELEASE:
        refuse_abandoned(site, scaler)
    around = _surround(site, command, autoscaler=scaler is None)
    found = around.found if scaler is None else (*around.found, (site.cluster, scaler))
    kept = adopted(site, command.fence, found, live)
    notes = around.notes
    if purpose is Purpose.UPKEEP:
        notes = (*notes, *_keep_up(site, command, configuration))
    report = StepReport(notes=notes, warnings=(*warnings, *_complaints(site)), changed=around.changed)
    return report.and_then(kept)


def _initialise(site: Site, command: CanaryCommand, live: Manifest | None) -> StepReport:
    bundle = site.bundle
    configuration = configured(site)
    hash_ = template_hash(bundle.target, configuration.digests)
    revision, epoch = command.ref.owner.source.sha, command.fence.epoch
    marks = promotion.initial_marks(hash_, revision, epoch, configuration)
    marks |= {} if site.ref.is_further else cluster_marks(site.ref)
    replicas = _initial_replicas(site, live)
    made = primary(bundle.target, replicas=replicas, annotations=marks, copies=configuration.names)

    def unfinished(live: Manifest | None) -> Manifest:
        """A primary that another attempt of this very command has finished stays finished."""
        if live is not None and not promotion.is_initialising(live):
            return promotion.initialised(made)
        return made

    copied = bring_copies(site, configuration, command.fence)
    site.cluster.fenced_apply_to(ref_of(made), unfinished, command.fence, manager=CANARY_FIELD_MANAGER)
    few = _await_primary(site, command)
    refuse_left(site, command.fence)
    around = _surround(site, command, autoscaler=True)
    kept = adopted(site, command.fence, around.found)
    site.change_workload(bundle.names.primary, command.fence, promotion.initialised)
    serves = f"{bundle.names.primary} serves with {kind_of(made).size(made)}"
    return StepReport(notes=(*copied, *few, serves, *around.notes), changed=around.changed).and_then(kept)


def _await_primary(site: Site, command: CanaryCommand) -> tuple[str, ...]:
    name, enough = site.bundle.names.primary, site.primary_ready_percent
    return readiness_of(site).awaited(site, name, command.deadline_seconds, enough)


def _initial_replicas(site: Site, live: Manifest | None) -> int:
    """As many as the target has now, and no fewer than Git asks for."""
    autoscaler = site.bundle.primary_autoscaler
    asked = min_replicas(autoscaler) if autoscaler else wanted_replicas(site.bundle.target)
    present = [wanted_replicas(each) for each in (site.target(), live) if each is not None]
    return max(1, asked, *present)


def _undo_unfinished(site: Site, command: CanaryCommand, live: Manifest) -> tuple[str, ...]:
    if not promotion.is_unfinished(live):
        return ()
    name = site.bundle.names.primary
    if stood_at_home(site, live):
        return (kept_as_at_home(site, command.fence).note,)
    left = bring_back(site, live, command.fence)
    site.change_workload(name, command.fence, promotion.restored)
    said = (f"{name} was left by an unfinished promotion; it was restored", *left)
    try:
        _await_primary(site, command)
    except NotReady as error:
        return *said, str(error)
    return said


def refuse_other_kind(site: Site) -> None:
    """ReleaseFailed when a primary of another kind serves: the Services would select its pods as well."""
    for kind in KINDS.keys() - {site.ref.kind}:
        with suppress(AccessDenied):  # who may not look has made none
            ref = site.named(KINDS[kind].api_version, kind, site.ref.primary)
            live = site.cluster.get(ref.api_version, kind, ref.namespace, ref.name)
            mark = TEMPLATE_HASH if kind == SERVICE.name else FENCE_ANNOTATION
            if mark in annotations(live or {}):
                raise ReleaseFailed(
                    f"{ref} still serves, and the target is a {site.ref.kind} now: run `tidegate uninstall` "
                    f"at the revision that was released last, start again{then_deleted(kind, site.ref)}"
                )


def _keep_up(site: Site, command: CanaryCommand, configuration: Configuration) -> tuple[str, ...]:
    """Bring the primary to Git where no promotion will: an analysis needs all that serves now."""
    copied = bring_copies(site, configuration, command.fence)
    return (*copied, *bring_to_git(site, command.fence), *_resize(site, command))


def _resize(site: Site, command: CanaryCommand) -> tuple[str, ...]:
    replicas = site.bundle.replicas
    if replicas is None:
        return ()
    name = site.bundle.names.primary
    change = site.change_workload(name, command.fence, lambda live: promotion.resized(live, replicas))
    said = said_of_size(change)
    if said:
        with suppress(NotReady):  # What is not ready yet is told with the primary's other complaints.
            _await_primary(site, command)
    return said


def said_of_size(change: Change) -> tuple[str, ...]:
    """A note on a workload's new size; none when it is the old one."""
    before, after = (wanted_replicas(each) for each in (change.before or change.after, change.after))
    return (
        ()
        if before == after
        else (f"{name_of(change.after)} has {after} replicas, as in Git: {before} before",)
    )


class _Around(NamedTuple):
    """What stands around a primary as it is now, notes on what was taken over, and the fields changed."""

    found: tuple[Held, ...]
    notes: tuple[str, ...]
    changed: tuple[str, ...]


def _surround(site: Site, command: CanaryCommand, *, autoscaler: bool) -> _Around:
    """Autoscaler and rules at once, and then the services.

    The autoscaler of a primary that serves is a promotion's to change, or an upkeep's.
    """
    if command.ref.owner.create_namespace:
        site.ensure_mesh_namespace()
    beside = beside_services(site, autoscaler=autoscaler)
    changes = at_once(
        *(
            partial(cluster.fenced_apply, manifest, command.fence, manager=CANARY_FIELD_MANAGER)
            for cluster, manifest in beside
        )
    )
    # No service is taken over while something that its primary needs is refused.
    served = _served(site, command)
    found = [(cluster, change.after) for (cluster, _), change in zip(beside, changes, strict=True)]
    found += [(site.cluster, each.live) for each in served]
    lines = (*map(_change_of, changes), *(each.changed for each in served))
    return _Around(
        tuple(found),
        notes=tuple(each.note for each in served if each.note),
        changed=tuple(line for line in lines if line),
    )


def _served(site: Site, command: CanaryCommand) -> Sequence[Followed]:
    if site.kind is SERVICE:
        return surrounding(site, command.fence)
    wanted = services(site.bundle.canary, site.bundle.target)
    return at_once(*(partial(_serve, site, command, service) for service in wanted))


def _serve(site: Site, command: CanaryCommand, wanted: Manifest) -> Followed:
    """Create a Service, or take it over with exactly this selector: a merged one may select no pods."""
    name = name_of(wanted)
    live = site.service(name)
    if live is None:
        return Followed(site.apply(wanted, command.fence).after)
    unmanaged = site.bundle.canary.spec.service.unmanaged_metadata
    change = site.change_service(
        name,
        command.fence,
        lambda current: with_original(current, taken_over(current, wanted, unmanaged)),
    )
    before, after = (dig(each, "spec", "selector") for each in (change.before, change.after))
    took = f"{described(wanted)} was taken over: it selects {_pairs(after)} now"
    said = ("" if before == after else took, cannot_follow(live, wanted))
    return Followed(change.after, "; ".join(filter(None, said)), _change_of(change))


def _change_of(change: Change) -> str:
    """Which fields of an object around the primary were brought to Git, in words."""
    fields = changed_fields(change.before, change.after)
    return f"{described(change.after)}: {fields}" if fields else ""


def _pairs(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _complaints(site: Site) -> tuple[str, ...]:
    """A primary that is not ready does not stop a release: it may be the one that mends it."""
    name = site.bundle.names.primary
    reason = readiness_of(site).complaint(site, name, site.primary_ready_percent)
    unready = f"{name} is not ready: {reason}; the release goes on" if reason else ""
    return tuple(filter(None, (unready, strayed(site) if site.kind is SERVICE else "")))

"""Bringing everything around a canary up to date: primary, its autoscaler, services, destination rules.

A target that serves is never disturbed: its Service and its traffic go over to the primary only when the
primary's pods are ready.
"""

from contextlib import suppress
from functools import partial
from typing import NamedTuple

from activities.adoption import Held, adopted
from activities.agreement import announce, stood_at_home
from activities.autoscalers import bring_back, bring_to_git, live_autoscaler, refuse_abandoned
from activities.configuration import bring_copies, configuration_of
from activities.offload import at_once
from activities.rollout import await_rollout, settled_rollout
from activities.site import APPS, Site, described
from activities.surroundings import beside_services
from tidegate.adapters.kubernetes import Change
from tidegate.contracts import CANARY_FIELD_MANAGER, FENCE_ANNOTATION, CanaryCommand, StepReport
from tidegate.decisions.ownership import cluster_marks
from tidegate.decisions.revision import purpose_of, template_hash
from tidegate.decisions.rollout import Progress, wanted_replicas
from tidegate.domain.errors import AccessDenied, NotReady, ReleaseFailed
from tidegate.domain.manifest import Manifest, dig, name_of, ref_of
from tidegate.domain.marks import annotations
from tidegate.domain.plan import Purpose
from tidegate.domain.workload import KINDS, kind_of
from tidegate.manifests import promotion
from tidegate.manifests.autoscaler import min_replicas
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
    report = StepReport(notes=notes, warnings=(*warnings, *_complaints(site)))
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
    few = await_rollout(site, bundle.names.primary, command.deadline_seconds, site.primary_ready_percent)
    around = _surround(site, command, autoscaler=True)
    kept = adopted(site, command.fence, around.found)
    site.change_workload(bundle.names.primary, command.fence, promotion.initialised)
    serves = f"{bundle.names.primary} serves with {kind_of(made).size(made)}"
    return StepReport(notes=(*copied, *few, serves, *around.notes)).and_then(kept)


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
        site.change_workload(name, command.fence, promotion.settled)
        return (f"{name} keeps what was promoted: in cluster {site.home.name} it is final",)
    left = bring_back(site, live, command.fence)
    site.change_workload(name, command.fence, promotion.restored)
    said = (f"{name} was left by an unfinished promotion; it was restored", *left)
    try:
        await_rollout(site, name, command.deadline_seconds, site.primary_ready_percent)
    except NotReady as error:
        return *said, str(error)
    return said


def refuse_other_kind(site: Site) -> None:
    """ReleaseFailed when a primary of another kind serves: the Services would select its pods as well."""
    for kind in KINDS.keys() - {site.ref.kind}:
        with suppress(AccessDenied):  # who may not look has made none
            ref = site.named(APPS, kind, site.ref.primary)
            live = site.cluster.get(ref.api_version, kind, ref.namespace, ref.name)
            if live is not None and FENCE_ANNOTATION in annotations(live):
                raise ReleaseFailed(
                    f"{ref} still serves, and the target is a {site.ref.kind} now: run `tidegate uninstall` "
                    "at the revision that was released last, start again, and then delete the "
                    f"{kind} {site.ref.target}"
                )


def configured(site: Site) -> Configuration:
    """What the target of the manifests is configured with, as it is in the cluster."""
    return configuration_of(site, site.bundle.target["spec"]["template"])


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
            await_rollout(site, name, command.deadline_seconds, site.primary_ready_percent)
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
    """What stands around a primary as it is now, and notes on what was taken over."""

    found: tuple[Held, ...]
    notes: tuple[str, ...]


class _Served(NamedTuple):
    """A live Service, and a note on how it was taken over."""

    live: Manifest
    note: str = ""


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
    wanted = services(site.bundle.canary, site.bundle.target)
    served = at_once(*(partial(_serve, site, command, service) for service in wanted))
    found = [(cluster, change.after) for (cluster, _), change in zip(beside, changes, strict=True)]
    found += [(site.cluster, each.live) for each in served]
    return _Around(tuple(found), notes=tuple(each.note for each in served if each.note))


def _serve(site: Site, command: CanaryCommand, wanted: Manifest) -> _Served:
    """Create a Service, or take it over with exactly this selector: a merged one may select no pods."""
    name = name_of(wanted)
    live = site.cluster.get("v1", "Service", site.namespace, name)
    if live is None:
        return _Served(site.apply(wanted, command.fence).after)
    unmanaged = site.bundle.canary.spec.service.unmanaged_metadata
    change = site.change_service(
        name,
        command.fence,
        lambda current: with_original(current, taken_over(current, wanted, unmanaged)),
    )
    before, after = (dig(each, "spec", "selector") for each in (change.before, change.after))
    took = f"{described(wanted)} was taken over: it selects {_pairs(after)} now"
    said = ("" if before == after else took, cannot_follow(live, wanted))
    return _Served(change.after, "; ".join(filter(None, said)))


def _pairs(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _complaints(site: Site) -> tuple[str, ...]:
    """A primary that is not ready does not stop a release: it may be the one that mends it."""
    rollout = settled_rollout(site, site.bundle.names.primary, site.primary_ready_percent)
    if rollout.progress is Progress.DONE:
        return ()
    return (f"{site.bundle.names.primary} is not ready: {rollout.reason}; the release goes on",)

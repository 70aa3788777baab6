"""The workload's steps: target, primary and what stands around them. Each may run twice."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from temporalio import activity

from activities import baseline
from activities.agreement import stood_at_home
from activities.autoscalers import (
    bring_to_git,
    live_autoscaler,
    marks,
    pause,
    remove_strays,
    resume,
    scaled_object_of,
)
from activities.configuration import bring_copies, configured, remove_stale_copies
from activities.homing import kept_home
from activities.judged import marked, refuse_changed, refuse_unsynced, unmarked
from activities.preparation import prepare, refuse_other_kind, said_of_size
from activities.publication import end_at_best, publication_of
from activities.readiness import readiness_of
from activities.resting import come_to_rest
from activities.restoration import replaced, restored
from activities.site import Bundles, Place, Site, Sites
from activities.step import step
from activities.surroundings import mended_at_best
from activities.whereabouts import named
from tidegate.adapters.kubernetes import Clusters
from tidegate.contracts import CanaryCommand, CanaryRef, PlanResult, StepReport
from tidegate.decisions.clusters import Finding, purpose_of_all, told
from tidegate.decisions.plan import compile_plan
from tidegate.decisions.revision import purpose_of, template_hash
from tidegate.decisions.rollout import wanted_replicas
from tidegate.domain.errors import NotReady, TidegateError
from tidegate.domain.manifest import Manifest, name_of
from tidegate.domain.marks import TEMPLATE_HASH, annotations
from tidegate.domain.plan import Published
from tidegate.domain.workload import SERVICE, kind_of
from tidegate.manifests import handback, promotion
from tidegate.manifests.autoscaler import min_replicas
from tidegate.manifests.primary import refuse_stranger
from tidegate.settings.model import Settings


class WorkloadActivities:
    """Steps on the workload cluster, and on the mesh control plane for destination rules."""

    def __init__(self, clusters: Clusters, manifests: Bundles, settings: Settings) -> None:
        self._manifests = manifests
        self._sites = Sites(clusters, manifests, settings)
        self._drain_seconds = settings.release.drain_seconds

    @activity.defn(name="workload_plan")
    @step
    def plan(self, ref: CanaryRef) -> PlanResult:
        """Compile the canary's plan against what the primary runs now. Changes nothing."""
        looks = [_look(site) for site in self._sites.everywhere(ref)]
        bundle = looks[0].site.bundle
        purpose, reason = purpose_of_all([look.finding for look in looks])
        plan = compile_plan(bundle.canary, purpose, self._drain_seconds, bundle.policy)
        found = {"published": looks[0].published, "synced": _synced(looks) if plan.scales_up else {}}
        warnings = (told(look.site.ref.cluster, line) for look in looks for line in look.warnings)
        return PlanResult(
            plan=plan.model_copy(update=found),
            target=bundle.names.target,
            reason=reason,
            warnings=(*bundle.warnings, *warnings),
            freezes=self._manifests.contents(ref.owner).freezes,
        )

    @activity.defn(name="workload_prepare")
    @step
    def prepare(self, command: CanaryCommand) -> StepReport:
        """Make the primary, or bring what surrounds it up to date; undo an unfinished promotion."""
        site = self._sites.find(command.ref)
        stale = baseline.remove_stale(site, command.fence, self._drain_seconds)
        if stale != StepReport():  # the primary's pods have their time besides
            later = command.deadline_seconds + self._drain_seconds
            command = command.model_copy(update={"deadline_seconds": later})
        return stale.and_then(prepare(site, command))

    @activity.defn(name="workload_scale_up")
    @step
    def scale_up(self, command: CanaryCommand) -> StepReport:
        """Give the target replicas, and wait until all of them run the new version.

        Where a comparison asks for a baseline, it is made beside the target, and is ready as well.
        """
        site = self._sites.find(command.ref)
        name, replicas = site.ref.carrier, _canary_replicas(site)
        primary, scaled_by = site.primary(), marks(site)

        def judged(live: Manifest, *, raised: bool = True) -> Manifest:
            refuse_unsynced(live, command.synced.get(command.ref.cluster))
            sized = kind_of(live).up(live, replicas, site.bundle.target) if raised else live
            return marked(site, sized, command.fence, primary, scaled_by)

        resume(site, command.fence, partial(judged, raised=False))
        change = site.change_workload(name, command.fence, judged)
        with_baseline = site.bundle.with_baseline
        if with_baseline:
            baseline.bring(site, command.fence, replicas)
        enough = site.bundle.canary.spec.analysis.canary_ready_threshold
        readiness = readiness_of(site)
        few = readiness.awaited(site, name, command.deadline_seconds, enough)
        warnings = readiness.reached(site, site.bundle.names.canary_service)
        size = kind_of(change.after).size(change.after)
        report = StepReport(notes=(f"{name} is ready with {size}", *few), warnings=warnings)
        return report.and_then(self._beside(site, command, size)) if with_baseline else report

    def _beside(self, site: Site, command: CanaryCommand, size: str) -> StepReport:
        """All of the baseline's pods are ready: it is as large as the canary, or says nothing."""
        name = site.bundle.names.baseline
        readiness = readiness_of(site)
        readiness.awaited(site, name, command.deadline_seconds)
        warnings = readiness.reached(site, site.bundle.names.baseline_service)
        told = f"{name} is ready with {size}, and runs what {site.ref.primary} runs"
        return StepReport(notes=(told,), warnings=warnings)

    @activity.defn(name="workload_promote")
    @step
    def promote(self, command: CanaryCommand) -> StepReport:
        """Write the target's template and size into the primary, and wait until all its pods run it.

        ReleaseFailed when somebody has changed the target or its configuration since its scale-up.
        """
        site = self._sites.find(command.ref)
        name, target, replicas = site.bundle.names.primary, site.bundle.target, site.bundle.replicas
        configuration, revision = configured(site), command.ref.owner.source.sha
        hash_ = template_hash(target, configuration.digests)

        def refuse_unjudged(live: Manifest | None) -> None:
            if annotations(live or {}).get(TEMPLATE_HASH) != hash_:
                refuse_changed(site, site.target(), configuration)

        def promoted(live: Manifest) -> Manifest:
            refuse_unjudged(live)
            return promotion.promoted(
                live,
                target,
                template_hash=hash_,
                revision=revision,
                epoch=command.fence.epoch,
                replicas=replicas,
                configuration=configuration,
                autoscaler=scaler,
            )

        scaler = live_autoscaler(site)
        warnings = mended_at_best(site, command.fence)
        if configuration.sources:
            refuse_unjudged(site.primary())
        copied = bring_copies(site, configuration, command.fence)
        change = site.change_workload(name, command.fence, promoted)
        warnings += replaced(site, change.before, command.fence)
        scaled = bring_to_git(site, command.fence)
        few = readiness_of(site).awaited(site, name, command.deadline_seconds, site.primary_ready_percent)
        warnings += readiness_of(site).reached(site, name) if site.kind is SERVICE else ()
        notes = (*copied, *scaled, f"{name} runs {revision[:7]}", *few, *said_of_size(change))
        return StepReport(notes=notes, warnings=warnings)

    @activity.defn(name="workload_restore")
    @step
    def restore(self, command: CanaryCommand) -> StepReport:
        """Undo an unfinished promotion, and what other writers did to the primary and around it.

        Without any of these, only see to it that no promotion of this run can follow.
        """
        place = self._sites.named_place(command.ref)
        undone = restored(place, command.fence, command.copy_epoch, command.stands)
        if undone is None:
            return StepReport(notes=(f"there is no {place.ref.primary} to restore",))
        report = StepReport(notes=undone.notes, warnings=undone.warnings, promoted_by=undone.promoted_by)
        if undone.changed or activity.info().attempt > 1:
            report = self._with_readiness(place, command, report)
        return report.model_copy(update={"warnings": (*report.warnings, *self._mended(command))})

    def _with_readiness(self, place: Place, command: CanaryCommand, report: StepReport) -> StepReport:
        """The report on a primary that was restored, once its pods are ready or will not be."""
        try:
            enough = self._enough(command)
            readiness_of(place).awaited(place, place.ref.primary, command.deadline_seconds, enough)
        except NotReady as error:
            return report.model_copy(update={"warnings": (*report.warnings, str(error))})
        return report.model_copy(update={"notes": (*report.notes, f"{place.ref.primary} was restored")})

    def _enough(self, command: CanaryCommand) -> int:
        """The percent of the primary's pods that has to be available; without the manifests, all."""
        try:
            return self._sites.find(command.ref).primary_ready_percent
        except TidegateError:
            return 100

    def _mended(self, command: CanaryCommand) -> tuple[str, ...]:
        """The surroundings need the manifests; without them the next release looks after them."""
        try:
            return mended_at_best(self._sites.find(command.ref), command.fence)
        except TidegateError:
            return ()

    @activity.defn(name="workload_scale_down")
    @step
    def scale_down(self, command: CanaryCommand) -> StepReport:
        """Take the target's replicas away, unless there is no primary yet that serves in its place.

        The primary's record of what it ran before goes first: from here on the promotion stands. On the way
        back it stays: where it could not be restored, the next release's prepare does it. A baseline goes
        last, and in any case: all traffic has left it.
        """
        place = self._sites.named_place(command.ref)
        return self._laid_to_rest(place, command).and_then(baseline.remove(place, command.fence))

    def _laid_to_rest(self, place: Place, command: CanaryCommand) -> StepReport:
        target, primary = place.ref.carrier, place.primary()
        notes: tuple[str, ...] = ()
        if primary is None or promotion.is_initialising(primary):
            return StepReport(warnings=(f"{target} was left alone: {place.ref.primary} does not serve yet",))
        if not command.turning_back:
            settled = place.change_workload(place.ref.primary, command.fence, promotion.settled)
            notes = (*self._clear_up(command), *remove_stale_copies(place, settled, command.fence))
        live = place.target()
        if live is None:
            there_is_none = StepReport(notes=notes, warnings=(f"there is no {target} to scale down",))
            followed = come_to_rest(place, command) if place.kind is SERVICE else StepReport()
            return there_is_none.and_then(followed)
        if command.turning_back and (left := _left_serving(place, live, command)):
            return StepReport(notes=notes, warnings=(left,))
        warnings = kept_home(place, command.fence)
        warnings += pause(place, live, command.fence, self._scaled_object(command))
        serving = promotion.restored(primary) if command.turning_back else promotion.settled(primary)
        place.change_workload(
            target, command.fence, lambda live: kind_of(live).at_rest(unmarked(live), serving)
        )
        gone = come_to_rest(place, command)
        shown = end_at_best(place, command) if command.turning_back else ()
        return StepReport(notes=(*notes, *gone.notes), warnings=(*warnings, *gone.warnings, *shown))

    def _scaled_object(self, command: CanaryCommand) -> str:
        """The ScaledObject's name in the manifests; the way back does without them."""
        if command.turning_back:
            return ""
        try:
            scaler = scaled_object_of(self._sites.find(command.ref))
        except TidegateError:
            return ""
        return name_of(scaler) if scaler else ""

    def _clear_up(self, command: CanaryCommand) -> tuple[str, ...]:
        """What an earlier revision needed; without the manifests, the next release sees to it."""
        try:
            return remove_strays(self._sites.find(command.ref), command.fence)
        except TidegateError as error:
            return (f"autoscalers of an earlier revision were not looked for: {error}",)


class _Look(NamedTuple):
    """What a plan depends on in one cluster."""

    site: Site
    finding: Finding
    published: Published | None
    warnings: tuple[str, ...]


def _look(site: Site) -> _Look:
    with named(site.ref):
        target, primary = site.bundle.target, site.primary()
        if primary is None or _made_for_another(primary):
            refuse_other_kind(site)
        if primary is not None:
            refuse_stranger(primary, target)
            primary = promotion.settled(primary) if stood_at_home(site, primary) else primary
        digests = configured(site).digests
        shown = publication_of(site, template_hash(target, digests), primary, digests)
    finding = Finding(site.ref.cluster, *purpose_of(primary, target, digests))
    return _Look(site, finding, shown.published, shown.warnings)


def _made_for_another(primary: Manifest) -> bool:
    """Whether a Service of the primary's name may be that of a workload, which has no record of a version."""
    return kind_of(primary) is SERVICE and TEMPLATE_HASH not in annotations(primary)


def _synced(looks: Sequence[_Look]) -> dict[str, str]:
    """The targets' live templates, which may get others' writes before their scale-up.

    A Service beside its target is given what Git has by the scale-up itself.
    """
    synced = (look.site for look in looks if look.site.ref.carrier == look.site.ref.target)
    live = ((site.ref.cluster, site.target()) for site in synced)
    return {cluster: template_hash(target) for cluster, target in live if target is not None}


def _left_serving(place: Place, target: Manifest, command: CanaryCommand) -> str:
    """Why a target keeps its pods: an uninstallation that was cut off has led the Service to them."""
    service = place.apex()
    if service is None or not handback.selects(service, target):
        return ""
    place.change_workload(place.ref.target, command.fence, unmarked)
    return (
        f"{place.ref.target} keeps its pods, since Service {place.ref.service} selects them: go on with "
        "`tidegate uninstall`, or start a release, which leads it to the primary"
    )


def _canary_replicas(site: Site) -> int:
    """The autoscaler's lower bound, from where it takes over; else as many as the primary has."""
    if site.bundle.autoscaler:
        return min_replicas(site.bundle.autoscaler)
    primary = site.primary()
    return max(1, wanted_replicas(primary if primary is not None else site.bundle.target))

"""Traffic's one step: split it between primary and canary on the mesh control plane."""

import contextlib
from collections.abc import Sequence

from temporalio import activity

from activities.baseline import refuse_unready_baseline
from activities.homing import led_home
from activities.inspection import refuse_missing
from activities.leaving import shut_out
from activities.site import Bundles, Place, Site, Sites, described
from activities.step import step
from activities.surroundings import mended
from activities.whereabouts import named
from tidegate.adapters.kubernetes import Change, Clusters
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence, RouteCommand, StepReport
from tidegate.decisions.clusters import told
from tidegate.decisions.ownership import refuse_foreign_routes, with_marks
from tidegate.domain.errors import Conflict, ReleaseFailed, TidegateError, Transient, Unreachable
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.domain.marks import ORIGINAL, RELEASE, annotations
from tidegate.domain.plan import Routing
from tidegate.manifests import promotion, takeover
from tidegate.manifests.changed import changed_fields
from tidegate.manifests.drift import drift, last_writer
from tidegate.manifests.istio import virtual_service, weights
from tidegate.manifests.sessions import is_sticky, session_of
from tidegate.manifests.splits import Split, leads_elsewhere, mirrored, shares
from tidegate.settings.model import Settings


class TrafficActivities:
    """Steps on the mesh control plane."""

    def __init__(self, clusters: Clusters, manifests: Bundles, settings: Settings) -> None:
        self._sites = Sites(clusters, manifests, settings)

    @activity.defn(name="traffic_route")
    @step
    def route(self, command: RouteCommand) -> StepReport:
        """Give canary and baseline their shares and the primary the rest; says what others had changed."""
        if command.turning_back and (warnings := self._routed_back(command)) is not None:
            return StepReport(warnings=warnings)
        try:
            sites = self._asked(command)
        except TidegateError as error:
            warnings = None if command.takes_traffic else self._routed_back(command)
            if warnings is None:
                raise
            return StepReport(warnings=(*warnings, f"routed back without the manifests: {error}"))
        return _routed(self._sites, sites, command)

    def _asked(self, command: RouteCommand) -> Sequence[Site]:
        """Where it is looked whether the primaries serve: the way back hangs on the destination alone."""
        if command.turning_back:
            return (self._sites.find(command.ref.everywhere[0]),)
        return self._sites.everywhere(command.ref)

    def _routed_back(self, command: RouteCommand) -> tuple[str, ...] | None:
        """Put the live routes to 100/0 as they are, and say what others had changed.

        The way back needs no manifests then, and so neither Git nor the workload cluster. None when the
        routes lead elsewhere.
        """
        ref = command.ref
        if not ref.service:
            return None
        place = self._sites.place(ref)
        live = place.routes()
        if live is None or shares(live, ref.service) is None:
            return None

        change = led_home(place, live, command.fence)
        if is_sticky(live):
            self._end_sessions(command)
        return None if leads_elsewhere(change.after, ref.service) else _changed(place, live, command)

    def _end_sessions(self, command: RouteCommand) -> None:
        """Let the cookies expire, now that the traffic is safe: that takes the manifests."""
        with contextlib.suppress(TidegateError):
            _routed(self._sites, self._sites.everywhere(command.ref), command)


def _routed(known: Sites, sites: Sequence[Site], command: RouteCommand) -> StepReport:
    """One write for all workload clusters, of which the first is the destination."""
    site = sites[0]
    wanted = _written(site, command, command.routing)
    said = _look_everywhere(sites, command) if command.takes_traffic and not command.receding else ()
    marked = with_marks(wanted, site.ref)

    def desired(live: Manifest | None) -> Manifest:
        if not (_leads_to_primary(live, site) or all(map(_primary_serves, sites))):
            raise _PrimaryNotServing
        refuse_foreign_routes(live, site.ref, site.mesh.name)
        if command.is_first:
            shut_out(known, site, live, command.fence)
        if live is None and site.ref.owner.create_namespace:
            site.ensure_mesh_namespace()
        kept = annotations(marked) | takeover.original(live)
        return marked | {"metadata": marked["metadata"] | {"annotations": kept}}

    try:
        change = site.mesh.fenced_apply_to(
            ref_of(marked), desired, command.fence, manager=CANARY_FIELD_MANAGER
        )
    except _PrimaryNotServing:
        if command.is_first:
            shut_out(known, site, None, command.fence)
        return _without_primary(site, command)
    if takeover.leftovers(change.after, wanted):
        change = Change(change.before, _replaced(site, wanted, command))
    _verify(site, wanted, change.after)
    return StepReport(
        warnings=(*said, *_taken(site, wanted, change), *_drift(site, wanted, change, command)),
        changed=_brought_to_git(change, command),
    )


def _replaced(site: Site, wanted: Manifest, command: RouteCommand) -> Manifest:
    """The VirtualService without what others had written into it beside our rules."""
    change = site.mesh.fenced_update(
        ref_of(wanted),
        command.fence,
        lambda live: takeover.stripped(live, wanted),
        manager=CANARY_FIELD_MANAGER,
    )
    return change.after


def _taken(site: Site, wanted: Manifest, change: Change) -> tuple[str, ...]:
    """What is lost to those who used a VirtualService that was there before its first release."""
    hosts, had = takeover.gone(change.before, site.bundle.names.apex), takeover.lost(change.before, wanted)
    lines = [f"was taken over: its rules to {', '.join(hosts)} are gone"] if hosts else []
    lines += [f"had {had}, replaced by the Canary's; put them into spec.service"] if had else []
    is_kept = ORIGINAL in annotations(change.after)
    kept = f"is in its annotation {ORIGINAL}" if is_kept else "is too large to be kept"
    return tuple(f"{described(change.after)} {line}; what it was {kept}" for line in lines)


def _brought_to_git(change: Change, command: RouteCommand) -> tuple[str, ...]:
    """What Git asks of routes that were a release's: told where they come to rest for the first time."""
    ours = change.before is not None and RELEASE in annotations(change.before)
    fields = changed_fields(change.before, change.after) if command.is_first and ours else ""
    return (f"{described(change.after)}: {fields}",) if fields else ()


def _written(site: Site, command: RouteCommand, routing: Routing) -> Manifest:
    """The VirtualService as this command's release writes it."""
    canary = site.bundle.canary
    session = session_of(canary, command.fence.epoch)
    return virtual_service(canary, site.istio_version("VirtualService"), routing, session=session)


def _look_everywhere(sites: Sequence[Site], command: RouteCommand) -> tuple[str, ...]:
    said = []
    for site in sites:
        with named(site.ref):
            said += [told(site.ref.cluster, line) for line in _look_around(site, command)]
    return tuple(said)


def _look_around(site: Site, command: RouteCommand) -> tuple[str, ...]:
    """No traffic goes where nobody is to take it; a workload cluster out of reach tells us nothing."""
    try:
        refuse_missing(site)
        baseline = bool(command.routing.baseline)
        if baseline:
            refuse_unready_baseline(site)
        look = mended(site, command.fence, baseline=baseline)
    except Unreachable:
        return ()
    for failure in look.failures:
        if not isinstance(failure, Transient):
            raise failure
    return look.corrected


class _PrimaryNotServing(Exception):
    """There is nobody yet to take the traffic that the target has."""


def _leads_to_primary(live: Manifest | None, site: Site) -> bool:
    """Whether the live routes are the release's already; then the workload cluster need not be asked."""
    return live is not None and weights(live, site.bundle.canary) is not None


def _primary_serves(site: Site) -> bool:
    primary = site.primary()
    return primary is not None and not promotion.is_initialising(primary)


def _without_primary(site: Site, command: RouteCommand) -> StepReport:
    """Traffic was never taken from the target: the way back has nothing to do, any other way cannot be."""
    name = site.bundle.names.primary
    if command.takes_traffic:
        raise ReleaseFailed(f"{name} does not serve: no traffic can be split")
    return StepReport(notes=(f"{name} does not serve yet: the traffic was left as it is",))


def _verify(site: Site, wanted: Manifest, written: Manifest) -> None:
    """An admission webhook may change what is written, and then this was no routing."""
    found, asked = weights(written, site.bundle.canary), weights(wanted, site.bundle.canary)
    if found != asked:
        raise Conflict(f"{described(wanted)} has weights {found} after a write of {asked}")
    if left := takeover.leftovers(written, wanted):
        raise Conflict(f"{described(wanted)} keeps {', '.join(left)} of somebody else's")


def _is_ours(change: Change, wanted: Manifest, site: Site, command: RouteCommand) -> bool:
    """Whether this very command wrote what was found and nobody told us, or its run did before a reset."""
    obeyed = Fence.obeyed_by(change.before)
    if _is_before_reset(obeyed, command.after):
        return True
    found = weights(change.before or {}, site.bundle.canary)
    return obeyed == command.fence and found == weights(wanted, site.bundle.canary)


def _is_before_reset(obeyed: Fence | None, after: Fence | None) -> bool:
    """A run's own token, and later than the last that it knows of: it gave it before it was reset."""
    return bool(after and obeyed and obeyed.epoch == after.epoch and after.is_older_than(obeyed))


def _changed(place: Place, live: Manifest, command: RouteCommand) -> tuple[str, ...]:
    """What another writer did since the last routing, as far as it can be told without the manifests."""
    expected, obeyed, service = command.expected, Fence.obeyed_by(live), place.ref.service
    if expected is None or obeyed == command.fence or _is_before_reset(obeyed, command.after):
        return ()
    found, asked = shares(live, service), Split.of(expected)
    if (found, mirrored(live, service)) == (asked, expected.mirror):
        return ()
    who = last_writer(live, CANARY_FIELD_MANAGER)
    return (f"{described(live)} was changed by {who}: weights {found} instead of {asked}; routed back",)


def _drift(site: Site, wanted: Manifest, change: Change, command: RouteCommand) -> tuple[str, ...]:
    """What another writer did since the last routing; before the first one nothing is known."""
    if command.expected is None or _is_ours(change, wanted, site, command):
        return ()
    if change.before is None:
        return (f"{described(wanted)} was deleted by another writer; created anew",)
    found = drift(change.before, _written(site, command, command.expected), site.bundle.canary)
    who = last_writer(change.before, CANARY_FIELD_MANAGER)
    return (f"{described(wanted)} was changed by {who}: {found}; corrected",) if found else ()

"""Traffic's one step: split it between primary and canary on the mesh control plane."""

from temporalio import activity

from activities.site import Bundles, Site, Sites, described
from activities.step import step
from tidegate.adapters.kubernetes import Change, Clusters
from tidegate.contracts import CANARY_FIELD_MANAGER, RouteCommand, StepReport
from tidegate.domain.errors import Conflict, ReleaseFailed, TidegateError
from tidegate.domain.manifest import Manifest
from tidegate.manifests import promotion
from tidegate.manifests.drift import drift, last_writer
from tidegate.manifests.istio import GROUP, VERSIONS, routed_back, virtual_service, weights
from tidegate.settings.model import Settings


class TrafficActivities:
    """Steps on the mesh control plane."""

    def __init__(self, clusters: Clusters, manifests: Bundles, settings: Settings) -> None:
        self._clusters = clusters
        self._settings = settings
        self._sites = Sites(clusters, manifests, settings)

    @activity.defn(name="traffic_route")
    @step
    def route(self, command: RouteCommand) -> StepReport:
        """Give the canary its share and the primary the rest; says what somebody else had changed."""
        try:
            site = self._sites.find(command.ref)
        except TidegateError as error:
            if command.canary_weight or not command.ref.service:
                raise
            return self._route_back_as_it_is(command, error)
        wanted = virtual_service(
            site.bundle.canary,
            site.istio_version("VirtualService"),
            canary_weight=command.canary_weight,
        )
        if not _leads_to_primary(site, wanted) and not _primary_serves(site):
            return _without_primary(site, command)
        change = site.apply_to_mesh(wanted, command.fence)
        _verify(site, wanted, change.after)
        return StepReport(warnings=_drift(site, wanted, change, command))

    def _route_back_as_it_is(self, command: RouteCommand, error: TidegateError) -> StepReport:
        """The way back needs no manifests: the live routes name both sides."""
        ref = command.ref
        mesh = self._clusters.cluster(self._settings.mesh_cluster(ref.owner.cluster))
        version = mesh.served(GROUP, "VirtualService", VERSIONS)
        if mesh.get(version, "VirtualService", ref.namespace, ref.service) is None:
            raise error
        mesh.fenced_update(
            version,
            "VirtualService",
            ref.namespace,
            ref.service,
            command.fence,
            lambda live: routed_back(live, ref.service),
            manager=CANARY_FIELD_MANAGER,
        )
        return StepReport(warnings=(f"routed back without the manifests: {error}",))


def _leads_to_primary(site: Site, wanted: Manifest) -> bool:
    """Whether the live routes are the release's already; then the workload cluster need not be asked."""
    live = site.mesh.get(wanted["apiVersion"], "VirtualService", site.namespace, site.bundle.names.apex)
    return live is not None and weights(live, site.bundle.canary) is not None


def _primary_serves(site: Site) -> bool:
    primary = site.primary()
    return primary is not None and not promotion.is_initialising(primary)


def _without_primary(site: Site, command: RouteCommand) -> StepReport:
    """Traffic was never taken from the target: the way back has nothing to do, any other way cannot be."""
    name = site.bundle.names.primary
    if command.canary_weight:
        raise ReleaseFailed(f"{name} does not serve: no traffic can be split")
    return StepReport(notes=(f"{name} does not serve yet: the traffic was left as it is",))


def _verify(site: Site, wanted: Manifest, written: Manifest) -> None:
    """An admission webhook may change what is written, and then this was no routing."""
    found, asked = weights(written, site.bundle.canary), weights(wanted, site.bundle.canary)
    if found != asked:
        raise Conflict(f"{described(wanted)} has weights {found} after a write of {asked}")


def _drift(site: Site, wanted: Manifest, change: Change, command: RouteCommand) -> tuple[str, ...]:
    """What another writer did since the last routing; before the first one nothing is known."""
    if command.expected is None:
        return ()
    if change.before is None:
        return (f"{described(wanted)} was deleted by another writer; created anew",)
    found = drift(change.before, wanted, site.bundle.canary, expected=command.expected)
    who = last_writer(change.before, CANARY_FIELD_MANAGER)
    return (f"{described(wanted)} was changed by {who}: {found}; corrected",) if found else ()

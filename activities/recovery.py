"""Recovery's look: what the last release of an application left on its clusters.

A canary is found by the marks on its VirtualService, which need neither Git nor Temporal's record. Of one
whose VirtualService was deleted, or bears no marks, only Git tells.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple, Protocol

from temporalio import activity

from activities.baseline import standing
from activities.git import limits_of
from activities.leaving import bearer_of
from activities.remains import faults, marked_canary
from activities.site import Place, connected, ref_to
from activities.step import step
from activities.sync import ContentsSource
from tidegate.adapters.git import ResolvedRevision
from tidegate.adapters.kubernetes import Clusters
from tidegate.contracts import CanaryRef, FindCommand, Findings, ReleaseRequest, Remains
from tidegate.decisions.clusters import told, with_clusters
from tidegate.decisions.ownership import epoch_of
from tidegate.domain.errors import AccessDenied, Permanent, TidegateError
from tidegate.domain.manifest import Manifest
from tidegate.domain.workload import SERVICE
from tidegate.manifests import istio, promotion
from tidegate.manifests.splits import exposes
from tidegate.settings import SettingsError
from tidegate.settings.model import Settings

_NOT_SEEN = (
    "a canary whose VirtualService was deleted would not be seen, since the manifests were not to be had"
)


class Revisions(Protocol):
    """What revisions name: tidegate.adapters.git."""

    def resolve(self, repo_url: str, revision: str) -> ResolvedRevision:
        """The commit."""


class _Look(NamedTuple):
    """A canary as it was found, in one cluster or in all: its faults, the latest epoch, and its primaries."""

    ref: CanaryRef
    faults: tuple[str, ...]
    epoch: int
    primaries: tuple[Manifest, ...] = ()

    def remains(self, decided: frozenset[int]) -> Remains:
        """What is told of it, where the promotions of these epochs stand."""
        unfinished = {promotion.promoted_by(each) for each in self.primaries if promotion.is_unfinished(each)}
        return Remains(ref=self.ref, faults=self.faults, stands=bool(unfinished & decided))


class RecoveryActivities:
    """Reads only."""

    def __init__(
        self,
        clusters: Clusters,
        manifests: ContentsSource,
        revisions: Revisions,
        settings: Settings,
        *,
        search_attributes: bool = False,
    ) -> None:
        """`search_attributes`: whether Temporal knows Tidegate's, for the workflows to use."""
        self._clusters = clusters
        self._manifests = manifests
        self._revisions = revisions
        self._settings = settings
        self._search_attributes = search_attributes

    @activity.defn(name="recovery_find")
    @step
    def find(self, command: FindCommand) -> Findings:
        """Every canary of the application, and what is not as it is between two releases."""
        request = command.request
        refs = {ref.full_name: ref for ref in self._by_marks(request)}
        warnings: tuple[str, ...] = ()
        if not command.by_marks_alone:
            unmarked, warnings = self._unmarked(request, refs)
            refs |= unmarked
        seen = [self._look(ref) for ref in refs.values()]
        together = (
            [each for look in seen for each in look.primaries] if request.application.coordinated else []
        )
        decided = promotion.decided(together)
        return Findings(
            canaries=tuple(look.remains(decided) for look in seen),
            epoch=max((look.epoch for look in seen), default=0),
            limits=limits_of(self._settings.release, self._search_attributes),
            warnings=warnings,
        )

    @activity.defn(name="recovery_find_traffic")
    @step
    def find_traffic(self, command: FindCommand) -> Findings:
        """The canaries of the application's namespace whose traffic is split, by their marks.

        Every start pays for it, so it is one call. Without a mesh there are none: what the release needs of
        it, its later steps say.
        """
        request = command.request
        try:
            routes = self._routes(request, request.application.spec.destination.namespace)
        except AccessDenied as error:
            return Findings(warnings=(f"no look at what an earlier release left: {error}",))
        except (Permanent, SettingsError):
            return Findings()
        split = [(ref, live) for ref, live in _marked(routes, request) if exposes(live, ref.service)]
        return Findings(
            canaries=tuple(Remains(ref=ref, faults=faults(ref, live, None, None)) for ref, live in split),
            epoch=max((epoch_of(live) for _, live in split), default=0),
        )

    def _by_marks(self, request: ReleaseRequest) -> list[CanaryRef]:
        try:
            routes = self._routes(request, "")
        except AccessDenied:  # granted namespace by namespace
            routes = self._routes(request, request.application.spec.destination.namespace)
        return [ref for ref, _ in _marked(routes, request)]

    def _routes(self, request: ReleaseRequest, namespace: str) -> list[Manifest]:
        mesh = self._clusters.cluster(self._settings.mesh_cluster(request.cluster))
        version = mesh.served(istio.GROUP, "VirtualService", istio.VERSIONS)
        return mesh.list(version, "VirtualService", namespace)

    def _unmarked(
        self, request: ReleaseRequest, marked: Mapping[str, CanaryRef]
    ) -> tuple[dict[str, CanaryRef], tuple[str, ...]]:
        """The manifests' other canaries. Without Git, those with marks are enough to go on with."""
        try:
            refs = {ref.full_name: ref for ref in self._by_manifests(request)}
        except TidegateError as error:
            if not marked:
                raise
            return {}, (f"{_NOT_SEEN}: {error}",)
        return {name: ref for name, ref in refs.items() if name not in marked}, ()

    def _by_manifests(self, request: ReleaseRequest) -> list[CanaryRef]:
        source = request.application.spec.source
        owner = request.owner_at(self._revisions.resolve(source.repo_url, request.wanted_revision).sha)
        return [ref_to(bundle, owner) for bundle in self._manifests.contents(owner).bundles]

    def _look(self, ref: CanaryRef) -> _Look:
        """The traffic can come back while a workload cluster gives no answer: that is one fault more."""
        place = connected(ref, self._clusters, self._settings)
        routes = place.routes()
        ref = _with_marked(place, routes)
        looks = [self._look_in(each, routes) for each in ref.everywhere]
        found = {fault: None for look in looks for fault in look.faults}
        primaries = tuple(each for look in looks for each in look.primaries)
        return _Look(ref, tuple(found), max(look.epoch for look in looks), primaries)

    def _look_in(self, ref: CanaryRef, routes: Manifest | None) -> _Look:
        """The faults of one workload cluster and of the routes, and the latest epoch."""
        of_routes = faults(ref, routes, None, None)
        try:
            place = connected(ref, self._clusters, self._settings)
            primary, target, baseline = place.primary(), place.target(), standing(place)
            apex = place.apex() if place.kind is SERVICE else None
        except TidegateError as error:
            return _Look(ref, (*of_routes, told(ref.cluster, str(error))), epoch_of(routes))
        every = faults(ref, routes, primary, target, baseline, apex)
        named = (told("" if fault in of_routes else ref.cluster, fault) for fault in every)
        epoch = max(map(epoch_of, (routes, primary, target, baseline)))
        return _Look(ref, tuple(named), epoch, () if primary is None else (primary,))


def _with_marked(place: Place, routes: Manifest | None) -> CanaryRef:
    """With the clusters that a first release was cut off in: the primary alone tells of them."""
    with suppress(TidegateError):
        bearer = bearer_of(routes, None) or place.primary()
        return with_clusters(place.ref, bearer)
    return place.ref


def _marked(routes: Iterable[Manifest], request: ReleaseRequest) -> list[tuple[CanaryRef, Manifest]]:
    """The application's canaries, each with its VirtualService."""
    return [(ref, live) for live in routes if (ref := marked_canary(live, request)) is not None]

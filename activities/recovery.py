"""Recovery's one look: what the last release of an application left on its clusters.

A canary is found by the marks on its VirtualService, which need neither Git nor Temporal's record. Where no
routes bear them, Git tells which canaries there are.
"""

from typing import Protocol

from temporalio import activity

from activities.git import limits_of
from activities.remains import faults, marked_canary
from activities.site import Place, connected, ref_to
from activities.step import step
from activities.sync import ContentsSource
from tidegate.adapters.git import ResolvedRevision
from tidegate.adapters.kubernetes import Clusters
from tidegate.contracts import CanaryRef, FindCommand, Findings, ReleaseRequest, Remains
from tidegate.decisions.ownership import epoch_of
from tidegate.domain.errors import AccessDenied, Unreachable
from tidegate.domain.manifest import Manifest
from tidegate.manifests import istio
from tidegate.settings.model import Settings


class Revisions(Protocol):
    """What revisions name: tidegate.adapters.git."""

    def resolve(self, repo_url: str, revision: str) -> ResolvedRevision:
        """The commit."""


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
        refs = self._by_marks(request) or self._by_manifests(request)
        seen = [self._look(ref) for ref in refs]
        return Findings(
            canaries=tuple(remains for remains, _ in seen),
            epoch=max((epoch for _, epoch in seen), default=0),
            limits=limits_of(self._settings.release, self._search_attributes),
        )

    def _by_marks(self, request: ReleaseRequest) -> list[CanaryRef]:
        mesh = self._clusters.cluster(self._settings.mesh_cluster(request.cluster))
        version = mesh.served(istio.GROUP, "VirtualService", istio.VERSIONS)
        try:
            routes = mesh.list(version, "VirtualService", "")
        except AccessDenied:  # granted namespace by namespace
            routes = mesh.list(version, "VirtualService", request.application.spec.destination.namespace)
        found = (marked_canary(each, request) for each in routes)
        return [ref for ref in found if ref is not None]

    def _by_manifests(self, request: ReleaseRequest) -> list[CanaryRef]:
        source = request.application.spec.source
        owner = request.owner_at(self._revisions.resolve(source.repo_url, request.wanted_revision).sha)
        return [ref_to(bundle, owner) for bundle in self._manifests.contents(owner).bundles]

    def _look(self, ref: CanaryRef) -> tuple[Remains, int]:
        """The traffic can come back while the workload cluster is out of reach: that is one fault more."""
        place = connected(ref, self._clusters, self._settings)
        routes = place.routes()
        try:
            primary, target = place.primary(), place.target()
        except Unreachable as error:
            return Remains(ref=ref, faults=(*_of_routes(place, routes), str(error))), epoch_of(routes)
        epoch = max(map(epoch_of, (routes, primary, target)))
        return Remains(ref=ref, faults=faults(ref, routes, primary, target)), epoch


def _of_routes(place: Place, routes: Manifest | None) -> tuple[str, ...]:
    return faults(place.ref, routes, None, None)

"""Sync: an application's manifests are rendered, validated, applied, and waited for until healthy.

A step receives references only and renders anew; every write is fenced, so that each step may run twice and
a late one does no harm.
"""

import time
from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import NamedTuple, Protocol

from temporalio import activity

from activities.elapsed import seconds_since_scheduled
from activities.flagger_watch import refuse_controllers
from activities.heartbeat import late_heartbeat
from activities.leaving import refuse_to_leave
from activities.references import providers_of, templates_of
from activities.site import connected, ref_to
from activities.step import step
from activities.sync_health import HealthWait
from activities.sync_objects import fitted, write
from activities.sync_preflight import missing_namespaces, refuse_unservable
from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.contracts import (
    FIELD_MANAGER,
    ApplicationRef,
    CanaryRef,
    Fence,
    ObjectOutcome,
    Survey,
    SyncCommand,
    SyncReport,
)
from tidegate.decisions.health import has_rule
from tidegate.decisions.ownership import epoch_of, refuse_foreign_routes, refuse_turned
from tidegate.decisions.requirements import Installation, check_requirements
from tidegate.decisions.sync_action import CREATED, READ
from tidegate.decisions.sync_set import NeededNamespace, SyncItem, SyncSet, sync_set
from tidegate.domain.manifest import ref_of
from tidegate.manifests import istio
from tidegate.manifests.bundle import Bundle, Contents
from tidegate.settings.model import Settings


class ContentsSource(Protocol):
    """Where an application's manifests come from: tidegate.adapters.manifest_source."""

    def contents(self, owner: ApplicationRef) -> Contents:
        """The manifests read and validated; callers do not change them."""


class _Owned(NamedTuple):
    """The latest epoch that a canary's objects obeyed, and what stays in clusters that are left."""

    epoch: int
    left: tuple[str, ...]


class SyncActivities:
    """Synchronous: the Kubernetes client blocks, so the worker runs these in its thread pool."""

    def __init__(self, clusters: Clusters, manifests: ContentsSource, settings: Settings) -> None:
        self._clusters = clusters
        self._manifests = manifests
        self._settings = settings

    @activity.defn(name="sync_survey")
    @step
    def survey(self, owner: ApplicationRef) -> Survey:
        """Find what is wrong before anything changes: manifests, kinds, namespaces, and one dry run."""
        contents = self._manifests.contents(owner)
        plan = self._plan(owner)
        refs = tuple(ref_to(bundle, owner) for bundle in contents.bundles)
        for bundle in contents.bundles:
            self._check(bundle, owner)
        warnings = refuse_controllers(*self._led(owner), [(ref.namespace, ref.name) for ref in refs])
        owned = [self._own_routes(ref) for ref in refs]
        return Survey(
            canaries=refs,
            objects=len(plan.items),
            warnings=(*contents.warnings, *warnings, *(line for each in owned for line in each.left)),
            epoch=max(refuse_unservable(plan, self._clusters), *(each.epoch for each in owned), 0),
            together=len(refs) > 1,
        )

    @activity.defn(name="sync_apply")
    @step
    def apply(self, command: SyncCommand) -> SyncReport:
        """Apply everything in Argo CD's order; a later wave waits until the one before is healthy."""
        plan, beat = self._plan(command.owner), late_heartbeat()
        outcomes = [self._create(namespace) for namespace in missing_namespaces(plan, self._clusters)]
        for wave, items in groupby(plan.items, key=lambda item: item.wave):
            if wave:
                self._await(tuple(item for item in plan.applied if item.wave == wave - 1))
            outcomes.extend(self._bring(item, command.fence, beat) for item in items)
        return SyncReport(objects=tuple(outcomes))

    @activity.defn(name="sync_await_health")
    @step
    def await_health(self, command: SyncCommand) -> SyncReport:
        """Wait by watch until every applied object that has a health is well; the report tells its status."""
        plan = self._plan(command.owner)
        return SyncReport(objects=self._await(plan.applied))

    def _plan(self, owner: ApplicationRef) -> SyncSet:
        manifests = self._manifests.contents(owner).manifests
        return sync_set(manifests, owner, self._settings.mesh_cluster(owner.cluster))

    def _check(self, bundle: Bundle, owner: ApplicationRef) -> None:
        """What the canary will need: answers for its checks, load that can be sent, a mesh for its routes."""
        destination = partial(self._clusters.cluster, owner.cluster)
        templates, providers = templates_of(bundle, destination), providers_of(bundle, destination)
        for name in owner.clusters:
            installation = self._installation(name)
            check_requirements(bundle.canary, templates, providers, installation, bundle.policy)
        mesh = self._clusters.cluster(self._settings.mesh_cluster(owner.cluster))
        for kind in ("VirtualService", "DestinationRule"):
            mesh.served(istio.GROUP, kind, istio.VERSIONS)

    def _installation(self, cluster: str) -> Installation:
        return Installation(
            cluster=cluster,
            prometheus=self._settings.cluster(cluster).prometheus,
            load_mode=self._settings.load.mode,
            load_proxy=self._settings.load.proxy,
            egress=self._settings.addresses.egress,
        )

    def _led(self, owner: ApplicationRef) -> tuple[list[Cluster], Cluster]:
        """Where another controller would change what the release does: its clusters, and the mesh."""
        mesh = self._settings.mesh_cluster(owner.cluster)
        return [self._clusters.cluster(name) for name in owner.clusters], self._clusters.cluster(mesh)

    def _own_routes(self, ref: CanaryRef) -> _Owned:
        """The canary's live routes and primaries; InvalidInput when they are another release's.

        InvalidInput too when a cluster that serves is left out.
        """
        places = [connected(each, self._clusters, self._settings) for each in ref.everywhere]
        home = places[0]
        routes = home.routes()
        refuse_foreign_routes(routes, home.ref, home.mesh.name)
        refuse_turned(routes, home.ref)
        primaries = [place.primary() for place in places]
        left = refuse_to_leave(home, routes, primaries[0], self._clusters, self._settings)
        return _Owned(max(map(epoch_of, (routes, *primaries))), left)

    def _create(self, namespace: NeededNamespace) -> ObjectOutcome:
        manifest = namespace.manifest
        self._clusters.cluster(namespace.cluster).apply(manifest, manager=FIELD_MANAGER)
        return ObjectOutcome(object=str(ref_of(manifest)), cluster=namespace.cluster, action=CREATED)

    def _bring(self, item: SyncItem, fence: Fence, beat: Callable[..., None]) -> ObjectOutcome:
        beat(f"{item.ref} in cluster {item.cluster}")
        if item.read_only:
            return ObjectOutcome(object=str(item.ref), cluster=item.cluster, action=READ)
        action = write(item, self._clusters.cluster(item.cluster), fence)
        if item.ref.kind == "CustomResourceDefinition":
            self._await((item,))
        return ObjectOutcome(object=str(item.ref), cluster=item.cluster, action=action)

    def _await(self, items: tuple[SyncItem, ...]) -> tuple[ObjectOutcome, ...]:
        end = time.monotonic() + self._seconds_left()
        waited = []
        for item in items:
            if has_rule(item.manifest):
                cluster = self._clusters.cluster(item.cluster)
                health = HealthWait(cluster, fitted(item, cluster).ref).until(end)
                waited.append(
                    ObjectOutcome(object=str(item.ref), cluster=item.cluster, action=health.status.value)
                )
        return tuple(waited)

    def _seconds_left(self) -> float:
        """Of the sync's time, which began when this step was first scheduled; retries do not renew it."""
        return self._settings.release.sync_timeout_seconds - seconds_since_scheduled()

"""All activities of a worker, built once from the settings: one client of each neighbour, shared by all."""

import os
from collections.abc import Callable
from typing import Any

from activities.alerts import AlertsActivities
from activities.freezes import FreezesActivities
from activities.git import GitActivities
from activities.hooks import HooksActivities
from activities.inspection import Inspection
from activities.load_test import LoadTestActivities
from activities.metrics import MetricsActivities
from activities.publication import PublicationActivities, Publisher
from activities.recovery import RecoveryActivities
from activities.sync import SyncActivities
from activities.traffic import TrafficActivities
from activities.uninstallation import UninstallationActivities
from activities.workload import WorkloadActivities
from tidegate.adapters.git import GitRepositories
from tidegate.adapters.kubernetes import Clusters
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.settings import Settings


def all_activities(settings: Settings, *, search_attributes: bool) -> list[Callable[..., Any]]:
    """What a worker registers. `search_attributes`: whether Temporal knows Tidegate's."""
    repositories = GitRepositories(settings.git, os.environ)
    clusters = Clusters(settings)
    manifests = ManifestSource(repositories, keep=settings.worker.max_cached_manifests)
    git = GitActivities(repositories, settings, search_attributes=search_attributes)
    sync = SyncActivities(clusters, manifests, settings)
    recovery = RecoveryActivities(
        clusters, manifests, repositories, settings, search_attributes=search_attributes
    )
    inspection = Inspection(clusters, manifests, settings)
    publisher = Publisher(clusters, manifests, settings)
    workload = WorkloadActivities(clusters, manifests, settings)
    uninstallation = UninstallationActivities(clusters, manifests, settings)
    hooks = HooksActivities(manifests, settings, clusters)
    return [
        git.resolve,
        FreezesActivities().look,
        recovery.find,
        recovery.find_traffic,
        sync.survey,
        sync.apply,
        sync.await_health,
        workload.plan,
        workload.prepare,
        workload.scale_up,
        workload.promote,
        workload.restore,
        workload.scale_down,
        uninstallation.raise_target,
        uninstallation.hand_over,
        uninstallation.remove,
        TrafficActivities(clusters, manifests, settings).route,
        LoadTestActivities(manifests, settings, clusters, publisher).run,
        AlertsActivities(manifests, settings, clusters).tell,
        hooks.ask,
        hooks.tell,
        PublicationActivities(publisher).publish,
        MetricsActivities(manifests, settings, clusters, inspection=inspection).judge,
    ]

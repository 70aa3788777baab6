"""What is checked before a sync changes anything: namespaces, kinds, owners, and one dry run of all of it."""

from activities.sync_objects import fitted
from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.contracts import FIELD_MANAGER
from tidegate.decisions.ownership import epoch_of, refuse_takeover
from tidegate.decisions.sync_set import NeededNamespace, SyncItem, SyncSet
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest

Place = tuple[str, str]
"""A cluster and a namespace in it."""


def missing_namespaces(plan: SyncSet, clusters: Clusters) -> list[NeededNamespace]:
    """Those that the sync has to create; InvalidInput for one that it may not."""
    missing = [each for each in plan.namespaces if not _exists((each.cluster, each.name), clusters)]
    for each in missing:
        if not each.creatable:
            raise InvalidInput(
                f"namespace {each.name} does not exist in cluster {each.cluster}",
                mend="add CreateNamespace=true to the Application's syncOptions, or a Namespace manifest",
            )
    return missing


def refuse_unservable(plan: SyncSet, clusters: Clusters) -> int:
    """Dry-run every object that can be; InvalidInput or AccessDenied name the object and its cluster.

    The latest epoch of a fence on a live one is the result.

    InvalidInput too for an object that another application has brought.

    Left out are objects whose namespace or kind comes with this very sync.
    """
    new = {(each.cluster, each.name) for each in missing_namespaces(plan, clusters)}
    known: dict[Place, bool] = {place: place not in new for place in _places(plan)}
    epoch = 0
    for item in plan.applied:
        if plan.defines(item.ref):
            continue
        cluster = clusters.cluster(item.cluster)
        fit = fitted(item, cluster)
        place = (item.cluster, fit.ref.namespace)
        if fit.ref.namespace and place not in known:
            known[place] = _exists(place, clusters)
        if known.get(place, True):
            epoch = max(epoch, epoch_of(_tried(fit, cluster)))
    return epoch


def _tried(item: SyncItem, cluster: Cluster) -> Manifest | None:
    """The live object. It has to be read first: the dry run's answer carries our own mark."""
    ref = item.ref
    live = cluster.get(ref.api_version, ref.kind, ref.namespace, ref.name)
    refuse_takeover(item, live)
    cluster.apply(item.desired(None), manager=FIELD_MANAGER, dry_run=True)
    return live


def _places(plan: SyncSet) -> list[Place]:
    return [(each.cluster, each.name) for each in plan.namespaces]


def _exists(place: Place, clusters: Clusters) -> bool:
    cluster, namespace = place
    return clusters.cluster(cluster).get("v1", "Namespace", "", namespace) is not None

"""What is checked before a sync changes anything: namespaces, kinds, owners, and one dry run of all of it."""

from contextlib import suppress

from activities.sync_objects import fitted
from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.contracts import FIELD_MANAGER
from tidegate.decisions.ownership import epoch_of, refuse_takeover
from tidegate.decisions.sync_set import NeededNamespace, SyncItem, SyncSet
from tidegate.domain.errors import AccessDenied, InvalidInput
from tidegate.domain.manifest import Manifest, name_of
from tidegate.manifests.target_service import copied

_CHECKED = "-canary-check"
_LONGEST_NAME = 63 - len(_CHECKED)
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
    follows = live is not None and item.is_released_service
    if follows:
        _tried_alone(item.manifest, cluster)
    cluster.apply(item.desired(live if follows else None), manager=FIELD_MANAGER, dry_run=True)
    return live


def _tried_alone(target: Manifest, cluster: Cluster) -> None:
    """Git's version of a target Service, which no sync gives to the live one: the two would be merged.

    A copy is not held to what the namespace has room or leave for, since it is never made.
    """
    name = f"{name_of(target)[:_LONGEST_NAME]}{_CHECKED}"
    try:
        with suppress(AccessDenied):
            cluster.apply(copied(target, name, {}), manager=FIELD_MANAGER, dry_run=True)
    except InvalidInput as error:
        raise InvalidInput(error.problem.replace(name, name_of(target))) from error


def _places(plan: SyncSet) -> list[Place]:
    return [(each.cluster, each.name) for each in plan.namespaces]


def _exists(place: Place, clusters: Clusters) -> bool:
    cluster, namespace = place
    return clusters.cluster(cluster).get("v1", "Namespace", "", namespace) is not None

"""One object of a sync on its cluster: fitted to what the cluster serves, and applied."""

from activities.followers import as_promoted
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import FIELD_MANAGER, Fence
from tidegate.decisions.ownership import refuse_takeover
from tidegate.decisions.sync_action import action
from tidegate.decisions.sync_set import ISTIO_SUFFIX, SyncItem
from tidegate.domain.manifest import Manifest
from tidegate.domain.marks import TEMPLATE_HASH, annotations
from tidegate.domain.workload import SERVICE
from tidegate.manifests import istio, promotion
from tidegate.manifests.naming import PRIMARY_SUFFIX


def fitted(item: SyncItem, cluster: Cluster) -> SyncItem:
    """The item in an Istio version that is served, and without a namespace when its kind has none.

    InvalidInput when the cluster does not serve the kind.
    """
    ref = item.ref
    manifest = item.manifest
    api_version = ref.api_version
    if ref.group.endswith(ISTIO_SUFFIX):
        version = ref.api_version.rpartition("/")[2]
        api_version = cluster.served(ref.group, ref.kind, (version, *istio.VERSIONS))
        manifest = manifest | {"apiVersion": api_version}
    if ref.namespace and not cluster.namespaced(api_version, ref.kind):
        metadata = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
        manifest = manifest | {"metadata": metadata}
    return item.model_copy(update={"manifest": manifest})


def write(item: SyncItem, cluster: Cluster, fence: Fence) -> str:
    """Apply the item unless a later command was obeyed; created, configured or unchanged.

    InvalidInput when the live object is another application's.
    """
    fit = fitted(item, cluster)

    def desired(live: Manifest | None) -> Manifest:
        refuse_takeover(fit, live)
        return (_led_anew(fit, cluster) if live is None else None) or fit.desired(live)

    change = cluster.fenced_apply_to(fit.ref, desired, fence, manager=FIELD_MANAGER)
    return action(change.before, change.after)


def _led_anew(item: SyncItem, cluster: Cluster) -> Manifest | None:
    """A target Service that was deleted, leading where its primary does: what Git has may not be judged yet.

    None for what is no such Service, and where no release has made a primary that serves.
    """
    if not item.is_released_service:
        return None

    def beside(name: str) -> Manifest | None:
        return cluster.get(SERVICE.api_version, SERVICE.name, item.ref.namespace, name)

    primary = beside(item.ref.name + PRIMARY_SUFFIX)
    if primary is None or not promotion.serves(primary) or TEMPLATE_HASH not in annotations(primary):
        return None
    followed = as_promoted(primary, lambda: beside(SERVICE.carrier(item.ref.name)))
    return SERVICE.at_rest(item.manifest, followed or promotion.restored(primary))

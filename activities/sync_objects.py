"""One object of a sync on its cluster: fitted to what the cluster serves, and applied."""

from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import FIELD_MANAGER, Fence
from tidegate.decisions.ownership import refuse_takeover
from tidegate.decisions.sync_action import action
from tidegate.decisions.sync_set import ISTIO_SUFFIX, SyncItem
from tidegate.domain.manifest import Manifest
from tidegate.manifests import istio


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
        return fit.desired(live)

    change = cluster.fenced_apply_to(fit.ref, desired, fence, manager=FIELD_MANAGER)
    return action(change.before, change.after)

"""What stands around a canary while it is released: whatever another writer took away is there again.

Only what is missing or leads elsewhere is written; a look alone costs one read for each object, all at once.
"""

from functools import partial

from activities.offload import at_once
from activities.site import Site, described
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence
from tidegate.domain.errors import TidegateError
from tidegate.domain.manifest import Manifest, dig, ref_of
from tidegate.manifests.autoscaler import primary_autoscaler
from tidegate.manifests.drift import last_writer
from tidegate.manifests.istio import destination_rules
from tidegate.manifests.services import services, taken_over


def mended(site: Site, fence: Fence) -> tuple[str, ...]:
    """Services, destination rules and the primary's autoscaler as they have to be; says what was not."""
    wanted = services(site.bundle.canary, site.bundle.selector)
    mends = [partial(_serving, site, fence, service) for service in wanted]
    mends += [partial(_present, cluster, manifest, fence) for cluster, manifest in beside_services(site)]
    return tuple(filter(None, at_once(*mends)))


def beside_services(site: Site) -> list[tuple[Cluster, Manifest]]:
    """The primary's autoscaler and the destination rules, each with the cluster that it belongs to."""
    bundle = site.bundle
    rules = destination_rules(bundle.canary, site.istio_version("DestinationRule"))
    found = [(site.mesh, rule) for rule in rules]
    if bundle.autoscaler:
        found.insert(0, (site.cluster, primary_autoscaler(bundle.autoscaler, bundle.names.primary)))
    return found


def mended_at_best(site: Site, fence: Fence) -> tuple[str, ...]:
    """The same where the step must go on whatever cannot be mended."""
    try:
        return mended(site, fence)
    except TidegateError as error:
        return (f"what stands around {site.bundle.names.primary} was not looked at: {error}",)


def _present(cluster: Cluster, wanted: Manifest, fence: Fence) -> str:
    if _live(cluster, wanted) is not None:
        return ""
    cluster.fenced_apply(wanted, fence, manager=CANARY_FIELD_MANAGER)
    return _deleted(wanted)


def _serving(site: Site, fence: Fence, wanted: Manifest) -> str:
    live = _live(site.cluster, wanted)
    if live is None:
        site.apply(wanted, fence)
        return _deleted(wanted)
    if dig(live, "spec", "selector") == wanted["spec"]["selector"]:
        return ""
    site.cluster.fenced_update(
        "v1",
        "Service",
        site.namespace,
        wanted["metadata"]["name"],
        fence,
        lambda current: taken_over(current, wanted),
        manager=CANARY_FIELD_MANAGER,
    )
    who = last_writer(live, CANARY_FIELD_MANAGER)
    return f"{described(wanted)} was changed by {who}: it selected other pods; corrected"


def _live(cluster: Cluster, wanted: Manifest) -> Manifest | None:
    ref = ref_of(wanted)
    return cluster.get(ref.api_version, ref.kind, ref.namespace, ref.name)


def _deleted(wanted: Manifest) -> str:
    return f"{described(wanted)} was deleted by another writer; created anew"

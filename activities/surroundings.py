"""What stands around a canary while it is released: whatever another writer took away is there again.

Only what is missing or leads elsewhere is written; a look alone costs one read for each object, all at once.
"""

from collections.abc import Callable
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
    bundle = site.bundle
    mends: list[Callable[[], str]] = [
        partial(_serving, site, fence, service) for service in services(bundle.canary, bundle.selector)
    ]
    if bundle.autoscaler:
        clone = primary_autoscaler(bundle.autoscaler, bundle.names.primary)
        mends.append(partial(_present, site.cluster, clone, fence))
    rules = destination_rules(bundle.canary, site.istio_version("DestinationRule"))
    mends += [partial(_present, site.mesh, rule, fence) for rule in rules]
    return tuple(filter(None, at_once(*mends)))


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

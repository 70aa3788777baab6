"""What stands around a canary while it is released: whatever another writer took away is there again.

Only what is missing or leads elsewhere is written; a look alone costs one read for each object, all at once.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from activities.autoscalers import live_autoscaler
from activities.followers import mended_target
from activities.offload import at_once
from activities.site import Site, described
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence
from tidegate.domain.errors import TidegateError
from tidegate.domain.manifest import Manifest, dig, name_of, ref_of
from tidegate.domain.workload import SERVICE
from tidegate.manifests.drift import last_writer
from tidegate.manifests.istio import baseline_rule, destination_rules
from tidegate.manifests.services import baseline_service, services, taken_over


class Look(NamedTuple):
    """What was not as it had to be and is now, and why a part of it could not be looked at."""

    corrected: tuple[str, ...]
    failures: tuple[TidegateError, ...]


def mended(site: Site, fence: Fence, *, baseline: bool = False) -> Look:
    """Services, destination rules and the primary's autoscaler as they have to be; if wanted, a baseline's.

    What was corrected is told though another part fails: the next attempt would find nothing to tell.
    """
    mends = [partial(_serving, site, fence, each) for each in _services(site, baseline)]
    mends += [partial(mended_target, site, fence)] if site.kind is SERVICE else []
    rules = beside_services(site, autoscaler=False, baseline=baseline)
    mends += [partial(_present, cluster, manifest, fence) for cluster, manifest in rules]
    mends.append(partial(_scaled, site, fence))
    results = at_once(*(partial(_tried, mend) for mend in mends))
    return Look(
        corrected=tuple(result for result in results if isinstance(result, str) and result),
        failures=tuple(result for result in results if isinstance(result, TidegateError)),
    )


def _tried(mend: Callable[[], str]) -> str | TidegateError:
    try:
        return mend()
    except TidegateError as error:
        return error


def _services(site: Site, baseline: bool) -> list[Manifest]:
    """Those that lead to pods of a workload; where the target is a Service itself, there are none."""
    if site.kind is SERVICE:
        return []
    canary, target = site.bundle.canary, site.bundle.target
    return [*services(canary, target), *([baseline_service(canary, target)] if baseline else [])]


def beside_services(
    site: Site, *, autoscaler: bool = True, baseline: bool = False
) -> list[tuple[Cluster, Manifest]]:
    """The primary's autoscaler, if wanted, and destination rules, each with its cluster."""
    bundle, version = site.bundle, site.istio_version("DestinationRule")
    rules = [*destination_rules(bundle.canary, version)]
    rules += [baseline_rule(bundle.canary, version)] if baseline else []
    found = [(site.mesh, rule) for rule in rules]
    scaler = bundle.primary_autoscaler if autoscaler else None
    return found if scaler is None else [(site.cluster, scaler), *found]


def mended_at_best(site: Site, fence: Fence) -> tuple[str, ...]:
    """The same where the step must go on whatever cannot be mended."""
    try:
        corrected, failures = mended(site, fence)
    except TidegateError as error:
        corrected, failures = (), (error,)
    unseen = f"what stands around {site.bundle.names.primary} was not looked at"
    return (*corrected, *(f"{unseen}: {error}" for error in failures[:1]))


def _present(cluster: Cluster, wanted: Manifest, fence: Fence) -> str:
    if _live(cluster, wanted) is not None:
        return ""
    cluster.fenced_apply(wanted, fence, manager=CANARY_FIELD_MANAGER)
    return _deleted(wanted)


def _scaled(site: Site, fence: Fence) -> str:
    """Something scales the primary, though it be what an earlier revision had: a promotion changes that."""
    wanted = site.bundle.primary_autoscaler
    if wanted is None or live_autoscaler(site) is not None:
        return ""
    site.apply(wanted, fence)
    return _deleted(wanted)


def _serving(site: Site, fence: Fence, wanted: Manifest) -> str:
    live = _live(site.cluster, wanted)
    if live is None:
        site.apply(wanted, fence)
        return _deleted(wanted)
    if dig(live, "spec", "selector") == wanted["spec"]["selector"]:
        return ""
    unmanaged = site.bundle.canary.spec.service.unmanaged_metadata
    site.change_service(name_of(wanted), fence, lambda current: taken_over(current, wanted, unmanaged))
    who = last_writer(live, CANARY_FIELD_MANAGER)
    return f"{described(wanted)} was changed by {who}: it selected other pods; corrected"


def _live(cluster: Cluster, wanted: Manifest) -> Manifest | None:
    ref = ref_of(wanted)
    return cluster.get(ref.api_version, ref.kind, ref.namespace, ref.name)


def _deleted(wanted: Manifest) -> str:
    return f"{described(wanted)} was deleted by another writer; created anew"

"""A look for Flagger controllers that lead the same canaries, before anything changes.

One that leads no canaries has no Canaries either: a cluster without the kind costs no list. In a cluster
other than the workload's only a canary that is an object there is led.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import product

from activities.offload import at_once
from tidegate.adapters.kubernetes import Cluster
from tidegate.decisions.flagger import SELECTORS, refuse_flagger, watches
from tidegate.domain.canary import API_VERSION, KIND
from tidegate.domain.errors import AccessDenied
from tidegate.domain.manifest import Manifest

Name = tuple[str, str]
"""A canary's namespace and name."""


def refuse_controllers(
    workloads: Sequence[Cluster], mesh: Cluster, canaries: Iterable[Name]
) -> tuple[str, ...]:
    """InvalidInput when one leads any of these canaries; a warning for a cluster that is closed to us."""
    wanted, warnings = sorted(canaries), []
    homes = {each.name for each in workloads}
    for cluster in {each.name: each for each in (*workloads, mesh)}.values():
        try:
            found = _controllers(cluster) if wanted and cluster.serves(API_VERSION, KIND) else []
            led = wanted if cluster.name in homes else _held(cluster, found, wanted)
        except AccessDenied as error:
            warnings.append(_unseen(cluster, error))
            continue
        for deployment, (namespace, name) in product(found, led):
            refuse_flagger(deployment, cluster.name, namespace, name)
    return tuple(warnings)


def _held(cluster: Cluster, found: list[Manifest], wanted: Iterable[Name]) -> list[Name]:
    """Those of the canaries that are objects of this cluster and that a controller found there would lead."""
    return [
        (namespace, name)
        for namespace, name in wanted
        if any(watches(each, namespace) for each in found)
        and cluster.get(API_VERSION, KIND, namespace, name) is not None
    ]


def _controllers(cluster: Cluster) -> list[Manifest]:
    """Deployments of all namespaces that bear Flagger's labels."""
    lists = at_once(*(partial(cluster.list, "apps/v1", "Deployment", "", each) for each in SELECTORS))
    return [deployment for found in lists for deployment in found]


def _unseen(cluster: Cluster, error: AccessDenied) -> str:
    return (
        f"whether Flagger runs in cluster {cluster.name} was not seen: {error}; "
        "grant what deploy/kubernetes/access/flagger has, or see to it that none does"
    )

"""A look for Flagger controllers that lead the same canaries, before anything changes.

One that leads no canaries has no Canaries either: a cluster without the kind costs no list.
"""

from collections.abc import Iterable
from functools import partial
from itertools import product

from activities.offload import at_once
from tidegate.adapters.kubernetes import Cluster
from tidegate.decisions.flagger import SELECTORS, refuse_flagger
from tidegate.domain.canary import API_VERSION, KIND
from tidegate.domain.errors import AccessDenied
from tidegate.domain.manifest import Manifest

Name = tuple[str, str]
"""A canary's namespace and name."""


def refuse_controllers(clusters: Iterable[Cluster], canaries: Iterable[Name]) -> tuple[str, ...]:
    """InvalidInput when one leads any of these canaries; a warning for a cluster that is closed to us."""
    led, warnings = sorted(canaries), []
    for cluster in {each.name: each for each in clusters}.values():
        try:
            found = _controllers(cluster) if led and cluster.serves(API_VERSION, KIND) else []
        except AccessDenied as error:
            warnings.append(_unseen(cluster, error))
            continue
        for deployment, (namespace, name) in product(found, led):
            refuse_flagger(deployment, cluster.name, namespace, name)
    return tuple(warnings)


def _controllers(cluster: Cluster) -> list[Manifest]:
    """Deployments of all namespaces that bear Flagger's labels."""
    lists = at_once(*(partial(cluster.list, "apps/v1", "Deployment", "", each) for each in SELECTORS))
    return [deployment for found in lists for deployment in found]


def _unseen(cluster: Cluster, error: AccessDenied) -> str:
    return (
        f"whether Flagger runs in cluster {cluster.name} was not seen: {error}; "
        "grant what deploy/kubernetes/access/flagger has, or see to it that none does"
    )

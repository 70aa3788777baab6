"""MetricTemplates that a Canary names and its application does not bring: the cluster's, as with Flagger.

A platform team keeps them beside Prometheus, for everybody. A step reads each that it needs once.
"""

from collections.abc import Callable
from threading import Lock
from typing import Protocol

from tidegate.decisions.queries import TemplateOf
from tidegate.domain.analysis import Metric
from tidegate.domain.canary import API_GROUP
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest
from tidegate.domain.metric_template import MetricTemplate
from tidegate.manifests.bundle import Bundle

VERSION = f"{API_GROUP}/v1beta1"


class Objects(Protocol):
    """A cluster's API: kubernetes.Cluster is one."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...


def templates_of(bundle: Bundle, cluster: Callable[[], Objects]) -> TemplateOf:
    """Finds a metric's template among the manifests, else in the cluster, which blocks the first time."""
    known: dict[tuple[str, str], MetricTemplate | None] = {}
    reading = Lock()

    def find(metric: Metric) -> MetricTemplate | None:
        found, ref = bundle.template_of(metric), metric.template_ref
        if found is not None or ref is None:
            return found
        place = ref.namespace or bundle.canary.namespace, ref.name
        with reading:
            if place not in known:
                known[place] = _live(cluster(), *place)
            return known[place]

    return find


def _live(cluster: Objects, namespace: str, name: str) -> MetricTemplate | None:
    try:
        found = cluster.get(VERSION, "MetricTemplate", namespace, name)
    except InvalidInput:  # the cluster does not know the kind
        return None
    if found is None:
        return None
    try:
        return MetricTemplate.parse(found)
    except InvalidInput as error:
        raise error.within("", f"MetricTemplate {namespace}/{name} of the cluster") from None

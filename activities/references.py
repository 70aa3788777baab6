"""MetricTemplates and AlertProviders that a Canary names and its application does not bring: the cluster's.

As with Flagger, a platform team keeps them beside Prometheus, for everybody. A step reads each that it needs
once, at the moment of use.
"""

from collections.abc import Callable
from threading import Lock
from typing import Generic, Protocol, TypeVar

from tidegate.decisions.alerts import ProviderOf
from tidegate.decisions.queries import TemplateOf
from tidegate.domain.alert_provider import AlertProvider
from tidegate.domain.analysis import Alert, Metric, TemplateRef
from tidegate.domain.canary import API_GROUP
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest
from tidegate.domain.metric_template import MetricTemplate
from tidegate.manifests.bundle import Bundle
from tidegate.manifests.references import foreign_secret, names_foreign_secret

VERSION = f"{API_GROUP}/v1beta1"

R = TypeVar("R", MetricTemplate, AlertProvider)


class Objects(Protocol):
    """A cluster's API: kubernetes.Cluster is one."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...


def templates_of(bundle: Bundle, cluster: Callable[[], Objects]) -> TemplateOf:
    """Finds a metric's template among the manifests, else in the cluster, which blocks the first time.

    One of the manifests that names another namespace's Secret has to be in the cluster, and is used as it is
    there. InvalidInput where it is not.
    """
    live = _Live(MetricTemplate, bundle.canary.namespace, cluster)

    def find(metric: Metric) -> MetricTemplate | None:
        found, ref = bundle.template_of(metric), metric.template_ref
        if found is None:
            return None if ref is None else live.find(ref)
        if not names_foreign_secret(found, bundle.canary):
            return found
        here = found.metadata
        there = live.find(TemplateRef(name=here.name, namespace=here.namespace))
        if there is None:
            raise foreign_secret(found, bundle.canary)
        return there

    return find


def providers_of(bundle: Bundle, cluster: Callable[[], Objects]) -> ProviderOf:
    """Finds an alert's provider among the manifests, else in the cluster, which blocks the first time."""
    live = _Live(AlertProvider, bundle.canary.namespace, cluster)

    def find(alert: Alert) -> AlertProvider | None:
        return bundle.provider_of(alert) or live.find(alert.provider_ref)

    return find


class _Live(Generic[R]):
    """The cluster's objects of a kind, each read once; `namespace` is that of references without one."""

    def __init__(self, model: type[R], namespace: str, cluster: Callable[[], Objects]) -> None:
        self._model: type[R] = model
        self._namespace = namespace
        self._cluster = cluster
        self._known: dict[tuple[str, str], R | None] = {}
        self._reading = Lock()

    def find(self, ref: TemplateRef) -> R | None:
        place = ref.namespace or self._namespace, ref.name
        with self._reading:
            if place not in self._known:
                self._known[place] = self._read(*place)
            return self._known[place]

    def _read(self, namespace: str, name: str) -> R | None:
        kind = self._model.__name__
        try:
            found = self._cluster().get(VERSION, kind, namespace, name)
        except InvalidInput:  # the cluster does not know the kind
            return None
        if found is None:
            return None
        try:
            return self._model.parse(found)
        except InvalidInput as error:
            raise error.within("", f"{kind} {namespace}/{name} of the cluster") from None

"""The server for each check: its provider, its credentials from the cluster's Secret, its reach."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from tidegate.adapters.metrics.cloudwatch import cloudwatch
from tidegate.adapters.metrics.datadog import datadog
from tidegate.adapters.metrics.dynatrace import dynatrace
from tidegate.adapters.metrics.graphite import graphite
from tidegate.adapters.metrics.influxdb import influxdb
from tidegate.adapters.metrics.keptn import keptn
from tidegate.adapters.metrics.newrelic import newrelic
from tidegate.adapters.metrics.prometheus import Prometheus, own_prometheus, prometheus, query_url
from tidegate.adapters.metrics.source import Credentials, MetricsServer, Objects, Source
from tidegate.adapters.metrics.splunk import splunk
from tidegate.adapters.metrics.stackdriver import stackdriver
from tidegate.adapters.reach import Reach, ServiceProxy
from tidegate.adapters.secrets import secret_values
from tidegate.decisions.queries import Check
from tidegate.domain.errors import InvalidInput
from tidegate.domain.metric_template import Provider
from tidegate.settings import Settings

PROVIDERS: Mapping[str, Callable[[Source], MetricsServer]] = {
    "prometheus": prometheus,
    "datadog": datadog,
    "newrelic": newrelic,
    "graphite": graphite,
    "influxdb": influxdb,
    "dynatrace": dynatrace,
    "splunk": splunk,
    "cloudwatch": cloudwatch,
    "stackdriver": stackdriver,
    "keptn": keptn,
}

_OF_THE_API = ("authorization", "impersonate-", "x-remote-")
"""Headers, or what they begin with, by which a cluster's API knows its caller."""


class ClusterApi(ServiceProxy, Objects, Protocol):
    """A cluster, as far as checks need it."""


class Clusters(Protocol):
    """Clusters by their names in the settings: kubernetes.Clusters is one."""

    def cluster(self, name: str) -> ClusterApi: ...


class Servers:
    """Thread-safe; its methods block."""

    def __init__(self, settings: Settings, clusters: Clusters, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._clusters = clusters
        self._reach = Reach(settings, clusters)
        self._environ = environ

    def server(self, cluster: str, check: Check, key: str = "") -> MetricsServer:
        """Whom to ask. InvalidInput names what is missing of the provider, its Secret or the settings.

        `key` names the question, the same for each attempt at it.
        """
        provider = check.provider
        own = self._settings.clusters[cluster].prometheus if cluster in self._settings.clusters else ""
        is_own = provider.type == "prometheus" and (provider.base_address or own) == own
        if is_own and not (provider.secret_ref or provider.headers or provider.insecure_skip_verify):
            return self._own(cluster, own)
        self._refuse_unsendable(cluster, provider)
        reach = self._reach.own_target if is_own else self._reach.target
        source = Source(
            provider=provider,
            credentials=self._credentials(cluster, check),
            window_seconds=check.window_seconds,
            target=partial(reach, cluster, verify=not provider.insecure_skip_verify),
            elsewhere=partial(self._reach.target, cluster),
            objects=self._clusters.cluster(cluster) if provider.type == "keptn" else None,
            environ=self._environ,
            key=key,
        )
        return PROVIDERS[provider.type](source)

    def prometheus(self, cluster: str, check: Check) -> Prometheus:
        """Whom to ask for samples of a check. InvalidInput when only single values can be had."""
        server = self.server(cluster, check)
        if not isinstance(server, Prometheus):
            raise InvalidInput(
                f"the provider {check.provider.type} gives no samples", mend="compare metrics of a prometheus"
            )
        return server

    def _own(self, cluster: str, address: str) -> MetricsServer:
        """The Prometheus of the settings. Nobody else's address gets its token."""
        if not address:
            raise InvalidInput(
                f"has no Prometheus to ask: cluster {cluster} has none in the settings",
                mend=f"set clusters.{cluster}.prometheus",
            )
        token = self._token(cluster)
        if token and self._reach.is_proxied(cluster, address):
            raise InvalidInput(
                f"clusters.{cluster}.prometheus_token_env cannot pass the service proxy",
                mend="unset it, or give an address that the worker reaches directly",
            )
        return own_prometheus(address, self._reach.own_target(cluster, query_url(address)), token)

    def _token(self, cluster: str) -> str:
        name = self._settings.clusters[cluster].prometheus_token_env
        if name and not self._environ.get(name):
            raise InvalidInput(
                f"the environment variable {name} holds no token",
                mend=f"set it for the worker, or unset clusters.{cluster}.prometheus_token_env",
            )
        return self._environ[name] if name else ""

    def _refuse_unsendable(self, cluster: str, provider: Provider) -> None:
        """The proxy is the cluster's API, which would take credentials for ours, and keep them."""
        if not self._reach.is_proxied(cluster, provider.base_address):
            return
        refused = [name for name in provider.headers if name.lower().startswith(_OF_THE_API)]
        if provider.secret_ref or refused:
            raise InvalidInput(
                "credentials cannot pass the service proxy of cluster " + cluster,
                field=f"provider.headers.{refused[0]}" if refused else "provider.secretRef",
                mend="give an address that the worker reaches directly",
            )

    def _credentials(self, cluster: str, check: Check) -> Credentials:
        """The Secret of the template's namespace, read now: a rotated one counts at once."""
        ref = check.provider.secret_ref
        if ref is None:
            return Credentials()
        api = self._clusters.cluster(cluster)
        values = secret_values(api, cluster, check.namespace, ref.name, field="provider.secretRef")
        return Credentials(f"{check.namespace}/{ref.name}", values)

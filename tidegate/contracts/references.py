"""What a step is told about: an application's manifests at a commit, one canary among them, its limits."""

from typing import Self

from pydantic import Field

from tidegate.domain.application import Directory
from tidegate.domain.base import Model
from tidegate.domain.workload import DEPLOYMENT, kind_named


class SourceRef(Model):
    """One immutable set of manifests. `sha` is a full commit SHA."""

    repo_url: str
    sha: str
    path: str
    directory: Directory = Directory()


class ApplicationRef(Model):
    """An application's manifests and where they go. `cluster` is a name of the settings."""

    application: str
    cluster: str
    namespace: str
    create_namespace: bool = False
    source: SourceRef
    further_clusters: tuple[str, ...] = ()
    """Names of the settings: its manifests go there too, and its canaries are released there as well."""

    @property
    def clusters(self) -> tuple[str, ...]:
        """All of them, the destination first."""
        return (self.cluster, *self.further_clusters)


class CanaryRef(Model):
    """One Canary manifest among an application's manifests.

    `service` is the name of its apex service, and so of its VirtualService; `target` and `primary` are the
    workloads' names, `kind` is their kind: with them, the whole way back is found even when the manifests are
    out of reach.

    `cluster` is the workload cluster that a step is for, where there are several; empty: the destination.
    """

    owner: ApplicationRef
    namespace: str
    name: str
    service: str = ""
    target: str = ""
    primary: str = ""
    cluster: str = ""
    kind: str = DEPLOYMENT.name

    @property
    def full_name(self) -> str:
        """The name in messages, as Flagger writes it: podinfo.test."""
        return f"{self.name}.{self.namespace}"

    @property
    def carrier(self) -> str:
        """The name of what carries a version while it is released: the target, or a Service beside it."""
        return kind_named(self.kind).carrier(self.target)

    @property
    def workload_cluster(self) -> str:
        """Where a step that is given this reference finds its workload."""
        return self.cluster or self.owner.cluster

    @property
    def is_further(self) -> bool:
        """Whether that is another cluster than the destination."""
        return self.workload_cluster != self.owner.cluster

    @property
    def everywhere(self) -> tuple[Self, ...]:
        """A reference for each workload cluster, the destination's first; this one where that is one."""
        if self.cluster or not self.owner.further_clusters:
            return (self,)
        return tuple(self.model_copy(update={"cluster": name}) for name in self.owner.clusters)


class Limits(Model):
    """Durations from the worker's settings that the workflows obey, in seconds."""

    drain_seconds: float = 5.0
    outage_budget_seconds: float = 300.0
    sync_timeout_seconds: float = 600.0
    search_attributes: bool = False
    """Whether Temporal knows Tidegate's search attributes; a workflow that upserts unknown ones is stuck."""
    clearing_seconds: float = 900.0
    """How long each step of the way back that follows the routing is tried, all attempts together."""
    alarm_seconds: float = 60.0
    """How long a rollback may take to bring the traffic back before the canary's chats are told."""
    signals_per_run: int = Field(default=250, ge=1)
    """A count. After so many signals a run hands over to a fresh one: Temporal takes 10,000 for a run."""

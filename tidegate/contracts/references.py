"""What a step is told about: an application's manifests at a commit, one canary among them, its limits."""

from pydantic import Field

from tidegate.domain.application import Directory
from tidegate.domain.base import Model


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


class CanaryRef(Model):
    """One Canary manifest among an application's manifests.

    `service` is the name of its apex service, and so of its VirtualService; `target` and `primary` are the
    Deployments' names: with them, the whole way back is found even when the manifests are out of reach.
    """

    owner: ApplicationRef
    namespace: str
    name: str
    service: str = ""
    target: str = ""
    primary: str = ""

    @property
    def full_name(self) -> str:
        """The name in messages, as Flagger writes it: podinfo.test."""
        return f"{self.name}.{self.namespace}"


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

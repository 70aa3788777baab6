"""Waiting for one applied object's health, saying meanwhile what it lacks."""

import time

from activities.heartbeat import heartbeat
from tidegate.adapters.kubernetes import Cluster
from tidegate.decisions.health import Health, Status, health_of
from tidegate.domain.errors import NotReady, ReleaseFailed
from tidegate.domain.manifest import Manifest, ObjectRef

DEGRADED_SECONDS = 30.0
"""Seconds that an object may be Degraded before the sync fails: controllers need a moment to see a new spec
and an autoscaler its first metrics, and until then the old verdict stands."""


class HealthWait:
    """The waiting for one object of a kind that has a rule."""

    def __init__(self, cluster: Cluster, ref: ObjectRef) -> None:
        self._cluster = cluster
        self._ref = ref
        self._health = Health(Status.UNKNOWN)
        self._degraded_since: float | None = None

    def until(self, end: float) -> Health:
        """The health once settled; ReleaseFailed when it stays Degraded, or at `end` (a monotonic time)."""
        began = time.monotonic()
        try:
            return self._cluster.wait(
                self._ref.api_version,
                self._ref.kind,
                self._ref.namespace,
                self._ref.name,
                self._settled,
                deadline_seconds=end - began,
                beat=self._beat,
            )
        except NotReady:
            lacks = f"{self._health.status}: {self._health.message}".removesuffix(": ")
            raise ReleaseFailed(f"{self._where} did not become healthy in time; it is {lacks}") from None

    @property
    def _where(self) -> str:
        return f"{self._ref} in cluster {self._cluster.name}"

    def _settled(self, live: Manifest | None) -> Health | None:
        self._health = _health(live)
        if self._health.status is not Status.DEGRADED:
            self._degraded_since = None
        elif self._degraded_since is None:
            self._degraded_since = time.monotonic()
        return self._health if self._health.status.settled else None

    def _beat(self) -> None:
        heartbeat(f"{self._ref}: {self._health.message or self._health.status}")
        since = self._degraded_since
        if since is not None and time.monotonic() - since >= DEGRADED_SECONDS:
            raise ReleaseFailed(f"{self._where} is Degraded: {self._health.message}")


def _health(live: Manifest | None) -> Health:
    if live is None:
        return Health(Status.MISSING, "it does not exist any more")
    return health_of(live) or Health(Status.HEALTHY)

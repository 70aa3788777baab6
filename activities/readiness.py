"""Whether what carries a version can take requests, by the kind of the target."""

from typing import Protocol

from activities.endpoints import await_endpoints, require_endpoints
from activities.rollout import await_rollout, settled_rollout
from activities.selection import Selections
from activities.site import Place
from tidegate.decisions.health.status import observed
from tidegate.decisions.rollout import Progress, available_replicas, rollout_of, troubles
from tidegate.domain.manifest import Manifest
from tidegate.domain.workload import SERVICE, kind_of


class Readiness(Protocol):
    """That of one kind."""

    def awaited(
        self, place: Place, name: str, deadline_seconds: float, ready_percent: int = 100
    ) -> tuple[str, ...]:
        """Wait until it is ready, and enough of its pods are; a note where more is to be said. NotReady."""

    def complaint(self, place: Place, name: str, ready_percent: int) -> str:
        """Why it is not ready; empty when it is."""

    def nobody(self, place: Place, live: Manifest) -> str:
        """Why none of its pods could take a request; empty when one could."""

    def reached(self, place: Place, service: str) -> tuple[str, ...]:
        """Wait until a Service knows its pods; warnings where that is not so, or was not seen."""

    def unserving(self, place: Place, live: Manifest) -> str:
        """The same of one that is to take requests now: not to want any pods is a reason as well."""

    def require(self, place: Place, service: str, live: Manifest) -> None:
        """ReleaseFailed unless a Service comes to lead to all of its ready pods."""


class _Rollouts:
    """Deployments and DaemonSets: their controllers say it in their status."""

    def awaited(
        self, place: Place, name: str, deadline_seconds: float, ready_percent: int = 100
    ) -> tuple[str, ...]:
        return await_rollout(place, name, deadline_seconds, ready_percent)

    def complaint(self, place: Place, name: str, ready_percent: int) -> str:
        rollout = settled_rollout(place, name, ready_percent)
        return "" if rollout.progress is Progress.DONE else rollout.reason

    def nobody(self, place: Place, live: Manifest) -> str:
        if not observed(live) or kind_of(live).is_down(live) or available_replicas(live):
            return ""
        return "; ".join(filter(None, (rollout_of(live).reason, troubles(place.pods(live)))))

    def reached(self, place: Place, service: str) -> tuple[str, ...]:
        return await_endpoints(place, service)

    def unserving(self, place: Place, live: Manifest) -> str:
        serves = available_replicas(live) and not kind_of(live).is_down(live)
        return "" if serves else rollout_of(live).reason

    def require(self, place: Place, service: str, live: Manifest) -> None:
        require_endpoints(place, service, live)


_OF_KINDS: dict[str, Readiness] = {SERVICE.name: Selections()}
_ROLLOUTS: Readiness = _Rollouts()


def readiness_of(place: Place) -> Readiness:
    """That of the kind of a place's target."""
    return _OF_KINDS.get(place.ref.kind, _ROLLOUTS)

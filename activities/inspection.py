"""A look at what is judged: numbers say little of a target that was scaled to 0, or whose pods are ill."""

from typing import Protocol

from activities.baseline import refuse_missing_baseline
from activities.judged import refuse_changed
from activities.offload import at_once
from activities.site import Bundles, Place, Sites
from activities.whereabouts import named
from tidegate.adapters.kubernetes import Clusters
from tidegate.contracts import CANARY_FIELD_MANAGER, FIELD_MANAGER, CanaryRef
from tidegate.decisions.clusters import verdict_in
from tidegate.decisions.health.status import observed
from tidegate.decisions.rollout import available_replicas, rollout_of, troubles
from tidegate.domain.errors import ReleaseFailed
from tidegate.domain.manifest import Manifest, name_of, ref_of
from tidegate.domain.marks import JUDGED_TEMPLATE, annotations
from tidegate.domain.verdict import Result, Verdict
from tidegate.domain.workload import kind_of
from tidegate.manifests.drift import last_writer
from tidegate.settings.model import Settings

CHECK = "workload"


class Inspects(Protocol):
    """Looks at a canary under judgement."""

    def look(self, ref: CanaryRef, *, baseline: bool = False) -> tuple[Verdict, ...]:
        """A failed verdict when no pod of the target serves, or of a baseline that should.

        ReleaseFailed when there is nothing to judge.
        """


class Inspection:
    """Reads what stands on the workload cluster; blocking."""

    def __init__(self, clusters: Clusters, manifests: Bundles, settings: Settings) -> None:
        self._sites = Sites(clusters, manifests, settings)

    def look(self, ref: CanaryRef, *, baseline: bool = False) -> tuple[Verdict, ...]:
        """As `Inspects` has it; Unreachable when the cluster is, and the numbers remain."""
        with named(ref):
            place = self._sites.named_place(ref)
            found = _readiness(place, refuse_missing(place))
            found += _readiness(place, refuse_missing_baseline(place)) if baseline else ()
        return tuple(verdict_in(ref.cluster, verdict) for verdict in found)


def refuse_missing(place: Place) -> Manifest:
    """The live target; ReleaseFailed when another writer took away the primary, the target or its pods.

    Of a target that is not under judgement, no pods are expected.
    """
    target, primary = at_once(place.target, place.primary)
    if primary is None:
        raise ReleaseFailed(_gone(place, place.ref.primary))
    if target is None:
        raise ReleaseFailed(_gone(place, place.ref.target))
    refuse_changed(place, target)
    kind = kind_of(target)
    if kind.is_down(target) and JUDGED_TEMPLATE in annotations(target):
        who = last_writer(target, FIELD_MANAGER, CANARY_FIELD_MANAGER, part=kind.size_field)
        raise ReleaseFailed(f"{ref_of(target)} was scaled to 0 by {who} during the analysis")
    return target


def _readiness(place: Place, live: Manifest) -> tuple[Verdict, ...]:
    if not observed(live) or kind_of(live).is_down(live) or available_replicas(live):
        return ()
    ill = "; ".join(filter(None, (rollout_of(live).reason, troubles(place.pods(live)))))
    reason = f"no pod of {name_of(live)} is ready: {ill}"
    return (Verdict(check=CHECK, result=Result.FAILED, reason=reason),)


def _gone(place: Place, name: str) -> str:
    return f"{place.workload_ref(name)} was deleted by another writer during the release"

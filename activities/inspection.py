"""A look at what is judged: numbers say little of a target that was scaled to 0, or whose pods are ill."""

from functools import partial
from typing import Protocol

from activities.baseline import refuse_missing_baseline
from activities.behind import told_apart
from activities.judged import gone, refuse_changed, refuse_scaled_down
from activities.offload import at_once, offload
from activities.readiness import readiness_of
from activities.site import Bundles, Place, Sites
from activities.whereabouts import named
from tidegate.adapters.kubernetes import Clusters
from tidegate.contracts import CanaryRef
from tidegate.decisions.clusters import verdict_in
from tidegate.decisions.queries import answerable, asks_behind
from tidegate.domain.errors import ReleaseFailed
from tidegate.domain.manifest import Manifest, name_of, ref_of
from tidegate.domain.marks import JUDGED_TEMPLATE, annotations
from tidegate.domain.verdict import Result, Verdict
from tidegate.settings.model import Settings

CHECK = "workload"


class Inspects(Protocol):
    """Looks at a canary under judgement."""

    def look(self, ref: CanaryRef, *, baseline: bool = False) -> tuple[Verdict, ...]:
        """A failed verdict when no pod of the target serves, or of a baseline that should.

        ReleaseFailed when there is nothing to judge.
        """

    def answerable(self, ref: CanaryRef, query: str) -> str:
        """A query as the cluster can answer it, by the workloads behind a Service that is judged."""


async def answerable_in(inspects: Inspects | None, ref: CanaryRef, query: str) -> str:
    """The same without waiting for anything where the query asks for none; so it stays without inspection."""
    if inspects is None or not asks_behind(query):
        return query
    return await offload(inspects.answerable, ref, query)


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

    def answerable(self, ref: CanaryRef, query: str) -> str:
        """As `Inspects` has it; Unreachable when the cluster is."""
        place = self._sites.named_place(ref)
        return answerable(query, partial(told_apart, place))


def refuse_missing(place: Place) -> Manifest:
    """The live target; ReleaseFailed when another writer took away the primary, the target or its pods.

    So when it is under no judgement any more: a canary that was reset in Temporal may not know that.
    """
    target, primary = at_once(place.target, place.primary)
    if primary is None:
        raise gone(place.workload_ref(place.ref.primary))
    if target is None:
        raise gone(place.workload_ref(place.ref.carrier))
    if JUDGED_TEMPLATE not in annotations(target):
        raise ReleaseFailed(f"{ref_of(target)} is under no judgement: its release was at its end already")
    refuse_changed(place, target)
    refuse_scaled_down(target)
    return target


def _readiness(place: Place, live: Manifest) -> tuple[Verdict, ...]:
    ill = readiness_of(place).nobody(place, live)
    reason = f"no pod of {name_of(live)} is ready: {ill}"
    return (Verdict(check=CHECK, result=Result.FAILED, reason=reason),) if ill else ()

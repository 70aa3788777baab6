"""One canary in several workload clusters: what all of them together are released for, and what one's means.

The clusters share routes, and so weights. Their primaries have to run the same, before a release and after
it: the destination, which is the first, decides whether a promotion stands.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tidegate.contracts import CanaryRef, StepReport
from tidegate.decisions.queries import Check
from tidegate.domain.errors import InvalidInput, ReleaseFailed
from tidegate.domain.manifest import Manifest, name_of
from tidegate.domain.marks import FURTHER, annotations
from tidegate.domain.plan import Purpose
from tidegate.domain.verdict import Verdict
from tidegate.domain.workload import kind_of


class Finding(NamedTuple):
    """What a release would do in one cluster, and why; `cluster` is empty where there is only one."""

    cluster: str
    purpose: Purpose
    reason: str


def purpose_of_all(findings: Sequence[Finding]) -> tuple[Purpose, str]:
    """What is to be done in all of them, and why.

    A cluster that joins gets what the others run already. ReleaseFailed where they run something else: users
    would be served by two versions.
    """
    purposes = {finding.purpose for finding in findings}
    if {Purpose.INITIALISATION, Purpose.RELEASE} <= purposes:
        raise ReleaseFailed(_refusal(findings))
    chosen = next(
        each for each in (Purpose.INITIALISATION, Purpose.RELEASE, Purpose.UPKEEP) if each in purposes
    )
    reasons = {finding.reason: None for finding in findings}
    if len(reasons) == 1:
        return chosen, findings[0].reason
    return chosen, "; ".join(told(finding.cluster, finding.reason) for finding in findings)


def _refusal(findings: Sequence[Finding]) -> str:
    new, old = (
        ", ".join(finding.cluster for finding in findings if finding.purpose is purpose)
        for purpose in (Purpose.INITIALISATION, Purpose.RELEASE)
    )
    joins = findings[0].purpose is not Purpose.INITIALISATION
    return (
        f"there is no primary in {new} yet, and that in {old} runs another version: first release what it "
        f"runs once more, which makes the missing ones, {f'or leave {new} out, ' if joins else ''}"
        "or uninstall the canary and begin anew"
    )


def told(cluster: str, text: str) -> str:
    """A line of one cluster's; as it is where there is only one."""
    return f"{cluster}: {text}" if cluster else text


def verdict_in(cluster: str, verdict: Verdict) -> Verdict:
    """The verdict with its cluster in its reason."""
    return verdict.model_copy(update={"reason": told(cluster, verdict.reason)}) if cluster else verdict


def asked_in(ref: CanaryRef, checks: Sequence[Check]) -> tuple[Check, ...]:
    """Those that a reference's cluster has to answer: what one server knows of all is asked once, at home."""
    return tuple(check for check in checks if check.asks_own_prometheus or not ref.is_further)


def merged(reports: Sequence[tuple[str, StepReport]]) -> StepReport:
    """The reports of one step in several clusters as one; the first, of the destination, decides."""
    _, first = reports[0]
    return StepReport(
        notes=tuple(told(cluster, note) for cluster, report in reports for note in report.notes),
        warnings=tuple(told(cluster, line) for cluster, report in reports for line in report.warnings),
        promoted_by=first.promoted_by,
        changed=tuple(told(cluster, line) for cluster, report in reports for line in report.changed),
        nothing=all(report.nothing for _, report in reports),
    )


def marked_clusters(live: Manifest | None) -> tuple[str, ...]:
    """The further clusters of live routes, or of a primary that has none yet, by their mark."""
    return tuple(filter(None, annotations(live or {}).get(FURTHER, "").split(",")))


def with_clusters(ref: CanaryRef, live: Manifest | None) -> CanaryRef:
    """The reference with the clusters that live routes or a live primary know of besides its own."""
    return _in_clusters(ref, dict.fromkeys((*ref.owner.further_clusters, *marked_clusters(live))))


def without_clusters(ref: CanaryRef, gone: Sequence[str]) -> CanaryRef:
    """The reference without some of its further clusters."""
    return _in_clusters(ref, (name for name in ref.owner.further_clusters if name not in gone))


def _in_clusters(ref: CanaryRef, further: Iterable[str]) -> CanaryRef:
    owner = ref.owner.model_copy(update={"further_clusters": tuple(further)})
    return ref.model_copy(update={"owner": owner})


def forgotten_clusters(live: Manifest | None, ref: CanaryRef) -> tuple[str, ...]:
    """Those of them that the Application no longer names."""
    return tuple(name for name in marked_clusters(live) if name not in ref.owner.clusters)


def refusal_to_leave(ref: CanaryRef, cluster: str) -> InvalidInput:
    """The Application no longer names a cluster whose primary serves."""
    return _refused_to_leave(
        ref,
        f"{ref.primary} serves in {cluster} too, which the Application no longer names",
        "name it again, or uninstall the canary first, and release it anew where it is to stay",
    )


def refusal_to_forget(ref: CanaryRef, cluster: str, why: str, marked: str) -> InvalidInput:
    """It no longer names a cluster that does not say whether its primary serves; `marked` knows of it."""
    return _refused_to_leave(
        ref,
        f"{ref.primary} may serve in {cluster} too, which the Application no longer names: {why}",
        f"name it again, or, if the cluster is gone for good, take it out of the annotation {FURTHER} of "
        f"{marked}",
    )


def left_behind(ref: CanaryRef, cluster: str, context: str, found: Sequence[Manifest]) -> tuple[str, ...]:
    """What stays of a canary in a cluster that is left, and how it goes; nothing where nothing was found."""
    if not found:
        return ()
    kind, names = ref.kind.lower(), " ".join(name_of(each) for each in found)
    sizes = " and ".join(f"{name_of(each)} with {kind_of(each).size(each)}" for each in found)
    return (
        f"cluster {cluster} is left, and keeps what was applied there: {sizes}; no release looks after it "
        f"any more: run `kubectl --context {context} -n {ref.namespace} delete {kind} {names}`, and delete "
        "what else the Application has brought there",
    )


def _refused_to_leave(ref: CanaryRef, problem: str, mend: str) -> InvalidInput:
    subject = f"Canary {ref.namespace}/{ref.name}"
    return InvalidInput(problem, subject=subject, field=f"metadata.annotations.{FURTHER}", mend=mend)

"""What a release that was cut off has left: read from the live objects, as faults in words."""

from activities.followers import as_promoted
from tidegate.contracts import CanaryRef, ReleaseRequest
from tidegate.decisions.clusters import with_clusters
from tidegate.domain.manifest import Manifest, dig, name_of
from tidegate.domain.marks import CANARY, RELEASE, REVISION, TARGET, TARGET_KIND, annotations
from tidegate.domain.workload import DEPLOYMENT, SERVICE, kind_of
from tidegate.manifests.naming import PRIMARY_SUFFIX
from tidegate.manifests.promotion import is_initialising, is_unfinished
from tidegate.manifests.splits import described


def marked_canary(virtual_service: Manifest, request: ReleaseRequest) -> CanaryRef | None:
    """The canary whose routes these are, by their marks; None when they are not this application's."""
    marks = annotations(virtual_service)
    if marks.get(RELEASE) != request.workflow_id or not (marks.get(CANARY) and marks.get(TARGET)):
        return None
    owner = request.owner_at(marks.get(REVISION) or request.wanted_revision)
    ref = CanaryRef(
        owner=owner,
        namespace=str(dig(virtual_service, "metadata", "namespace")),
        name=marks[CANARY],
        service=name_of(virtual_service),
        target=marks[TARGET],
        primary=marks[TARGET] + PRIMARY_SUFFIX,
        kind=marks.get(TARGET_KIND, DEPLOYMENT.name),
    )
    return with_clusters(ref, virtual_service)


def faults(
    ref: CanaryRef,
    routes: Manifest | None,
    primary: Manifest | None,
    target: Manifest | None,
    baseline: Manifest | None = None,
    apex: Manifest | None = None,
) -> tuple[str, ...]:
    """What is not as it is between two releases: all traffic on the primary, a settled one, no target's pods,
    no baseline, and an `apex` that is a target itself leading where its primary was promoted to.

    Where no primary serves yet, nothing can be wrong but the routes.
    """
    found = [described(routes, ref.service)] if routes is not None else []
    if primary is not None and not is_initialising(primary):
        found += [_of_primary(ref, primary), _of_target(ref, target), _of_apex(primary, target, apex)]
        found += [f"VirtualService {ref.service} is missing"] if routes is None else []
    found += [f"{name_of(baseline)} is left"] if baseline is not None else []
    return tuple(filter(None, found))


def _of_primary(ref: CanaryRef, primary: Manifest) -> str:
    return f"{ref.primary} has an unfinished promotion" if is_unfinished(primary) else ""


def _of_target(ref: CanaryRef, target: Manifest | None) -> str:
    left = "" if target is None else kind_of(target).left(target)
    return f"{ref.carrier} {left}" if left else ""


def _of_apex(primary: Manifest, carrier: Manifest | None, apex: Manifest | None) -> str:
    followed = None if apex is None or is_unfinished(primary) else as_promoted(primary, lambda: carrier)
    if apex is None or followed is None or SERVICE.template(apex) == SERVICE.template(followed):
        return ""
    return f"{name_of(apex)} does not lead where {name_of(primary)} does"

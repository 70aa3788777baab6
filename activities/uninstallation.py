"""Giving a canary's objects back: target up, traffic over to it, and then all that releases made gone.

Nothing is rendered: live objects and their marks are enough. Each step may run twice, and an uninstallation
that was cut off is begun again.
"""

from collections.abc import Callable, Iterator

from temporalio import activity

from activities.autoscalers import made_autoscalers, resume_target
from activities.baseline import left_parts, standing
from activities.configuration import changed_since, copies_of
from activities.flagger_watch import refuse_controllers
from activities.publication import terminate_at_best
from activities.readiness import readiness_of
from activities.site import Bundles, Place, Sites, described
from activities.step import step
from tidegate.adapters.kubernetes import Change, Cluster, Clusters
from tidegate.contracts import CANARY_FIELD_MANAGER, FENCE_ANNOTATION, CanaryCommand, StepReport
from tidegate.decisions import narration
from tidegate.decisions.ownership import application_of, other_release, release_of
from tidegate.domain.errors import ReleaseFailed
from tidegate.domain.manifest import Manifest, ObjectRef, name_of, ref_of
from tidegate.domain.marks import GIVEN_BACK, JUDGED_TEMPLATE, RELEASE, annotations
from tidegate.domain.workload import DAEMON_SET, kind_of
from tidegate.manifests import handback, promotion
from tidegate.manifests.naming import CANARY_SUFFIX, PRIMARY_SUFFIX
from tidegate.manifests.splits import exposes, shares
from tidegate.settings.model import Settings


class UninstallationActivities:
    """Steps on the workload cluster and the mesh control plane, in the order of the methods."""

    def __init__(self, clusters: Clusters, manifests: Bundles, settings: Settings) -> None:
        self._sites = Sites(clusters, manifests, settings)

    @activity.defn(name="uninstall_raise")
    @step
    def raise_target(self, command: CanaryCommand) -> StepReport:
        """Let the target run what the primary runs, and as many pods, and wait until all are ready.

        ReleaseFailed when a release was cut off, there is nobody to take the primary's place, or its
        configuration is another than the target would get; InvalidInput when Flagger leads the canary.
        """
        place = self._sites.named_place(command.ref)
        target, primary = _heir(place), place.primary()
        if not _is_installed(place, primary):
            return StepReport(notes=("nothing to uninstall: no release has left anything",), nothing=True)
        unseen = refuse_controllers([place.cluster], place.mesh, [(place.namespace, place.ref.name)])
        if primary is None or promotion.is_initialising(primary):
            resume_target(place, command.fence)
            left = f"{place.ref.primary} does not serve: {_let_alone(place, target, command)}"
            return StepReport(notes=(left,), warnings=unseen)
        _refuse_cut_off(place, target, primary)
        copies = copies_of(place)
        _refuse_differences(place, primary, copies)

        def serving(live: Manifest) -> Manifest:
            return handback.serving(live, primary, copies)

        resume_target(place, command.fence)
        change = place.change_workload(place.ref.target, command.fence, serving)
        few = readiness_of(place).awaited(place, place.ref.target, command.deadline_seconds)
        size = kind_of(change.after).size(change.after)
        return StepReport(
            notes=(f"{place.ref.target} runs what {place.ref.primary} runs, with {size}", *few),
            warnings=unseen,
        )

    @activity.defn(name="uninstall_hand_over")
    @step
    def hand_over(self, command: CanaryCommand) -> StepReport:
        """Let the apex Service select the target's pods, and only then the routes lead to it.

        ReleaseFailed when a request would meet nobody there. Where no primary ever served there is nobody to
        lead elsewhere.
        """
        place = self._sites.named_place(command.ref)
        target, service, primary = _heir(place), place.apex(), place.primary()
        if not _is_installed(place, primary):
            return StepReport()
        if place.ref.is_further and not promotion.serves(primary):
            return StepReport(notes=() if target is None else _serve(place, command, target))
        if not promotion.serves(primary) and not _is_led_away(place, target, service):
            return StepReport(notes=(f"no request was ever led to {place.ref.primary}",))
        if target is None:
            raise ReleaseFailed(_no_target(place))
        _refuse_unmarked(place)
        _refuse_nobody(place, target, service)
        served = _serve(place, command, target)
        readiness_of(place).require(place, place.ref.service, target)
        return StepReport(notes=(*served, *_route(place, command)))

    @activity.defn(name="uninstall_remove")
    @step
    def remove(self, command: CanaryCommand) -> StepReport:
        """Remove what releases have made, and their marks on what was there before; the routes' come last.

        By these an uninstallation that is cut off here is found again. What is in the mesh goes with the
        destination, the last of several clusters. ReleaseFailed when somebody has led the traffic to the
        primary meanwhile, or nobody is left but the primary.
        """
        place = self._sites.named_place(command.ref)
        routes = place.routes()
        _refuse_needed(place, routes)
        notes: list[str] = []
        for cluster, ref in _made(place):
            notes += _removed(cluster, ref, command)
        service = place.apex()
        if service is not None and handback.is_marked(service):
            _write_apex(place, command, handback.unmarked_service)
        if not place.ref.is_further:
            notes += _released(place, command, routes)
        return StepReport(notes=tuple(notes), warnings=terminate_at_best(place, command))


def _heir(place: Place) -> Manifest | None:
    """Who takes the primary's place: the live target."""
    return place.workload(place.ref.target)


def _let_alone(place: Place, target: Manifest | None, command: CanaryCommand) -> str:
    """A DaemonSet without nodes would stay so: nothing in Git takes away what keeps it from them."""
    if target is None or kind_of(target) is not DAEMON_SET or not DAEMON_SET.is_down(target):
        return f"{place.ref.target} is left alone"
    place.change_workload(place.ref.target, command.fence, lambda live: DAEMON_SET.up(live, 1, live))
    return f"{place.ref.target} is as in Git, on its nodes"


def _is_installed(place: Place, primary: Manifest | None) -> bool:
    """Whether releases have left anything: routes with their mark, a primary, or a Service that they hold."""
    if _holds_routes(place, place.routes()) or FENCE_ANNOTATION in annotations(primary or {}):
        return True
    service, target = place.apex(), _heir(place)
    return service is not None and target is not None and handback.is_taken(service, target)


def _is_led_away(place: Place, target: Manifest | None, service: Manifest | None) -> bool:
    """Whether requests may come to the primary: by our routes, or by a Service that a release holds."""
    if _holds_routes(place, place.routes()):
        return True
    return service is not None and (target is None or handback.is_taken(service, target))


def _holds_routes(place: Place, routes: Manifest | None) -> bool:
    return annotations(routes or {}).get(RELEASE) == release_of(place.ref)


def _refuse_unmarked(place: Place) -> None:
    """Routes without our mark are their owner's, who may have led them to the primary."""
    routes = place.routes()
    if routes is None or _holds_routes(place, routes):
        return
    if shares(routes, place.ref.service) is not None:
        raise ReleaseFailed(
            f"{described(routes)} leads to {place.ref.primary}, and no release has marked it; lead it to "
            f"Service {place.ref.service}, or release once more"
        )


def _refuse_nobody(place: Place, target: Manifest, service: Manifest | None) -> None:
    """A Service whose selector is its owner's by now has to select the target: it is not ours to mend."""
    if service is None:
        raise ReleaseFailed(
            f"there is no Service {place.ref.service} to lead requests to the target; apply it"
        )
    if reason := readiness_of(place).unserving(place, target):
        raise ReleaseFailed(f"{place.ref.target} cannot take the traffic: {reason}; get it ready first")
    if not handback.is_taken(service, target) and not handback.selects(service, target):
        raise ReleaseFailed(
            f"Service {place.ref.service} does not select the pods of {place.ref.target}; see to its selector"
        )


def _refuse_differences(place: Place, primary: Manifest, copies: list[Manifest]) -> None:
    """What the target would be configured with was never judged."""
    if lines := changed_since(place, copies, handback.sources(primary, copies)):
        raise ReleaseFailed(
            f"{'; '.join(lines)}: bring the contents in line, or release what there is now, first"
        )


def _refuse_cut_off(place: Place, target: Manifest | None, primary: Manifest) -> None:
    """What is between two states is put right first, by a recovery or a release."""
    routes = place.routes()
    if target is None:
        raise ReleaseFailed(_no_target(place))
    if other := other_release(routes, place.ref):
        raise ReleaseFailed(f"VirtualService {place.ref.service} holds the routes of {other}")
    judged = JUDGED_TEMPLATE in annotations(place.target() or {})
    split = routes is not None and exposes(routes, place.ref.service)
    if judged or split or promotion.is_unfinished(primary):
        raise ReleaseFailed(narration.recover_first(place.ref))


def _no_target(place: Place) -> str:
    ref = place.ref
    return f"there is no {ref.kind} {ref.target} to take the traffic of {ref.primary}; apply it"


def _refuse_needed(place: Place, routes: Manifest | None) -> None:
    """A drain lies between the routes and this: others may have written, and the target may have gone."""
    if routes is not None and shares(routes, place.ref.service) is not None:
        raise ReleaseFailed(f"{described(routes)} leads to {place.ref.primary} again; uninstall once more")
    if not promotion.serves(place.primary()):
        return
    target, service = _heir(place), place.apex()
    if target is None:
        raise ReleaseFailed(_no_target(place))
    if service is not None and handback.selects_primary(service, target):
        raise ReleaseFailed(
            f"{described(service)} selects the pods of {place.ref.primary} again; uninstall once more"
        )
    if reason := readiness_of(place).unserving(place, target):
        raise ReleaseFailed(f"{place.ref.primary} is kept, for {place.ref.target} does not serve: {reason}")


def _serve(place: Place, command: CanaryCommand, target: Manifest) -> tuple[str, ...]:
    service = place.apex()
    if service is None or not handback.is_taken(service, target):
        return ()
    change = _write_apex(place, command, lambda live: handback.given_back_service(live, target))
    return _note(change, f"Service {place.ref.service} selects the pods of {place.ref.target}")


def _route(place: Place, command: CanaryCommand) -> tuple[str, ...]:
    if not _holds_routes(place, place.routes()):
        return ()
    service = place.ref.service
    change = _write_routes(place, command, lambda live: handback.given_back_routes(live, service))
    return _note(change, f"VirtualService {place.ref.service} leads to Service {place.ref.service}")


def _write_apex(place: Place, command: CanaryCommand, change: Callable[[Manifest], Manifest]) -> Change:
    return place.change_service(place.ref.service, command.fence, change)


def _write_routes(place: Place, command: CanaryCommand, change: Callable[[Manifest], Manifest]) -> Change:
    routes = place.named(place.istio_version("VirtualService"), "VirtualService", place.ref.service)
    return place.mesh.fenced_update(routes, command.fence, change, manager=CANARY_FIELD_MANAGER)


def _note(change: Change, text: str) -> tuple[str, ...]:
    before = change.before or change.after
    return () if before["spec"] == change.after["spec"] else (text,)


def _made(place: Place) -> Iterator[tuple[Cluster, ObjectRef]]:
    """What releases make beside the routes, its autoscaler before the primary; a baseline that was left."""
    if standing(place) is not None:
        yield from left_parts(place)
    for each in made_autoscalers(place):
        yield place.cluster, ref_of(each)
    yield place.cluster, place.workload_ref(place.ref.primary)
    rules = place.istio_version("DestinationRule")
    for side in (PRIMARY_SUFFIX, CANARY_SUFFIX):
        yield place.cluster, place.named("v1", "Service", place.ref.service + side)
        if not place.ref.is_further:
            yield place.mesh, place.named(rules, "DestinationRule", place.ref.service + side)
    for each in copies_of(place):
        yield place.cluster, ref_of(each)


def _removed(cluster: Cluster, ref: ObjectRef, command: CanaryCommand) -> tuple[str, ...]:
    """What bears no fence, or came by a sync, was made by others; what was there before is given back."""
    live = cluster.get(ref.api_version, ref.kind, ref.namespace, ref.name)
    if live is None or GIVEN_BACK in annotations(live):
        return ()
    if handback.was_there(live) and ref.kind == "Service":
        return _given_back(cluster, ref, command)
    if FENCE_ANNOTATION not in annotations(live) or application_of(live):
        return (f"{ref} was made by no release, and was left",)
    if ref.kind == "DestinationRule" and handback.others_fields(live, CANARY_FIELD_MANAGER):
        return (f"{ref} has fields that no release wrote, and was left",)
    cluster.fenced_delete(ref, command.fence)
    return (f"{ref} was removed",)


def _given_back(cluster: Cluster, ref: ObjectRef, command: CanaryCommand) -> tuple[str, ...]:
    """Its owner's again."""
    cluster.fenced_update(ref, command.fence, handback.given_back_side, manager=CANARY_FIELD_MANAGER)
    return (f"{ref} is as it was before the first release",)


def _released(place: Place, command: CanaryCommand, routes: Manifest | None) -> tuple[str, ...]:
    """The VirtualService without our marks, or away where nobody but releases had a use for it."""
    if routes is None or not _holds_routes(place, routes):
        return ()
    if not handback.is_door(routes):
        return _removed(place.mesh, ref_of(routes), command)
    _write_routes(place, command, handback.unmarked)
    if handback.was_there(routes):
        return (f"VirtualService {name_of(routes)} is as it was before the first release",)
    return (f"VirtualService {name_of(routes)} stays, since requests come in by it",)

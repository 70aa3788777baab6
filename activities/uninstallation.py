"""Giving a canary's objects back: target up, traffic over to it, and then all that releases made gone.

Nothing is rendered: live objects and their marks are enough. Each step may run twice, and an uninstallation
that was cut off is begun again.
"""

from collections.abc import Callable, Iterator

from temporalio import activity

from activities.autoscalers import made_autoscalers, resume_target
from activities.configuration import changed_since, copies_of
from activities.publication import terminate_at_best
from activities.rollout import await_rollout
from activities.site import APPS, Bundles, Place, Sites, described
from activities.step import step
from tidegate.adapters.kubernetes import Change, Cluster, Clusters
from tidegate.contracts import CANARY_FIELD_MANAGER, FENCE_ANNOTATION, CanaryCommand, StepReport
from tidegate.decisions import narration
from tidegate.decisions.ownership import other_release
from tidegate.domain.errors import ReleaseFailed
from tidegate.domain.manifest import Manifest, ObjectRef, dig, name_of, ref_of
from tidegate.domain.marks import JUDGED_TEMPLATE, annotations
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

        ReleaseFailed when a release was cut off, or there is nobody to take the primary's place.
        """
        place = self._sites.named_place(command.ref)
        target, primary = place.target(), place.primary()
        if primary is None or promotion.is_initialising(primary):
            return StepReport(
                notes=(f"{place.ref.primary} does not serve: {place.ref.target} is left alone",)
            )
        _refuse_cut_off(place, target, primary)
        copies = copies_of(place)

        def serving(live: Manifest) -> Manifest:
            return handback.serving(live, primary, copies)

        change = place.change_deployment(place.ref.target, command.fence, serving)
        resume_target(place, command.fence)
        few = await_rollout(place, place.ref.target, command.deadline_seconds)
        count = dig(change.after, "spec", "replicas")
        return StepReport(
            notes=(f"{place.ref.target} runs what {place.ref.primary} runs, with {count} replicas", *few),
            warnings=changed_since(place, copies, handback.sources(primary, copies)),
        )

    @activity.defn(name="uninstall_hand_over")
    @step
    def hand_over(self, command: CanaryCommand) -> StepReport:
        """Let the apex Service select the target's pods, and only then the routes lead to it."""
        place = self._sites.named_place(command.ref)
        target = place.target()
        if target is None:
            raise ReleaseFailed(_no_target(place))
        notes = (*_serve(place, command, target), *_route(place, command))
        return StepReport(notes=notes)

    @activity.defn(name="uninstall_remove")
    @step
    def remove(self, command: CanaryCommand) -> StepReport:
        """Remove what releases have made, and their marks on what was there before; the routes' come last.

        By these an uninstallation that is cut off here is found again. ReleaseFailed when somebody has led
        the traffic to the primary meanwhile.
        """
        place = self._sites.named_place(command.ref)
        routes = place.routes()
        if routes is not None and shares(routes, place.ref.service) is not None:
            raise ReleaseFailed(
                f"{described(routes)} leads to {place.ref.primary} again; uninstall once more"
            )
        notes: list[str] = []
        for cluster, ref in _made(place):
            notes += _removed(cluster, ref, command)
        if _apex(place) is not None:
            _write_apex(place, command, handback.unmarked_service)
        notes += _released(place, command, routes)
        return StepReport(notes=tuple(notes), warnings=terminate_at_best(place, command))


def _refuse_cut_off(place: Place, target: Manifest | None, primary: Manifest) -> None:
    """What is between two states is put right first, by a recovery or a release."""
    routes = place.routes()
    if target is None:
        raise ReleaseFailed(_no_target(place))
    if other := other_release(routes, place.ref):
        raise ReleaseFailed(f"VirtualService {place.ref.service} holds the routes of {other}")
    judged = JUDGED_TEMPLATE in annotations(target)
    split = routes is not None and exposes(routes, place.ref.service)
    if judged or split or promotion.is_unfinished(primary):
        raise ReleaseFailed(narration.recover_first(place.ref))


def _no_target(place: Place) -> str:
    return f"there is no Deployment {place.ref.target} to take the traffic of {place.ref.primary}; apply it"


def _serve(place: Place, command: CanaryCommand, target: Manifest) -> tuple[str, ...]:
    if _apex(place) is None:
        return ()
    change = _write_apex(place, command, lambda live: handback.given_back_service(live, target))
    return _note(change, f"Service {place.ref.service} selects the pods of {place.ref.target}")


def _route(place: Place, command: CanaryCommand) -> tuple[str, ...]:
    if place.routes() is None:
        return ()
    service = place.ref.service
    change = _write_routes(place, command, lambda live: handback.given_back_routes(live, service))
    return _note(change, f"VirtualService {place.ref.service} leads to Service {place.ref.service}")


def _apex(place: Place) -> Manifest | None:
    return place.cluster.get("v1", "Service", place.namespace, place.ref.service)


def _write_apex(place: Place, command: CanaryCommand, change: Callable[[Manifest], Manifest]) -> Change:
    return place.cluster.fenced_update(
        "v1",
        "Service",
        place.namespace,
        place.ref.service,
        command.fence,
        change,
        manager=CANARY_FIELD_MANAGER,
    )


def _write_routes(place: Place, command: CanaryCommand, change: Callable[[Manifest], Manifest]) -> Change:
    return place.mesh.fenced_update(
        place.istio_version("VirtualService"),
        "VirtualService",
        place.namespace,
        place.ref.service,
        command.fence,
        change,
        manager=CANARY_FIELD_MANAGER,
    )


def _note(change: Change, text: str) -> tuple[str, ...]:
    before = change.before or change.after
    return () if before["spec"] == change.after["spec"] else (text,)


def _made(place: Place) -> Iterator[tuple[Cluster, ObjectRef]]:
    """What releases make beside the routes, its autoscaler before the primary."""
    for each in made_autoscalers(place):
        yield place.cluster, ref_of(each)
    yield place.cluster, _named(place, APPS, "Deployment", place.ref.primary)
    rules = place.istio_version("DestinationRule")
    for side in (PRIMARY_SUFFIX, CANARY_SUFFIX):
        yield place.cluster, _named(place, "v1", "Service", place.ref.service + side)
        yield place.mesh, _named(place, rules, "DestinationRule", place.ref.service + side)
    for each in copies_of(place):
        yield place.cluster, ref_of(each)


def _named(place: Place, api_version: str, kind: str, name: str) -> ObjectRef:
    return ObjectRef(api_version=api_version, kind=kind, namespace=place.namespace, name=name)


def _removed(cluster: Cluster, ref: ObjectRef, command: CanaryCommand) -> tuple[str, ...]:
    """What bears no fence was made by somebody else."""
    live = cluster.get(ref.api_version, ref.kind, ref.namespace, ref.name)
    if live is None:
        return ()
    if FENCE_ANNOTATION not in annotations(live):
        return (f"{ref} was made by no release, and was left",)
    cluster.fenced_delete(ref, command.fence)
    return (f"{ref} was removed",)


def _released(place: Place, command: CanaryCommand, routes: Manifest | None) -> tuple[str, ...]:
    """The VirtualService without our marks, or away where nobody but releases had a use for it."""
    if routes is None:
        return ()
    if not handback.is_door(routes):
        return _removed(place.mesh, ref_of(routes), command)
    _write_routes(place, command, handback.unmarked)
    if handback.was_there(routes):
        return (f"VirtualService {name_of(routes)} is as it was before the first release",)
    return (f"VirtualService {name_of(routes)} stays, since requests come in by it",)

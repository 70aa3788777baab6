"""The Canary as an object of its cluster: brought to what Git has, its status kept, its notes as Events.

Only where the cluster has Flagger's kind. No release depends on it: what cannot be shown is said, no more.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple

from temporalio import activity

from activities.offload import at_once
from activities.site import Bundles, Place, Site, Sites
from activities.step import step
from activities.whereabouts import named
from tidegate.adapters.kubernetes import Clusters
from tidegate.contracts import CANARY_FIELD_MANAGER, FIELD_MANAGER, CanaryCommand, CanaryRef, PublishCommand
from tidegate.decisions.canary_status import canary_status, ended_status, terminated_status
from tidegate.decisions.ownership import application_of
from tidegate.decisions.revision import promoted_hash
from tidegate.decisions.sync_set import tracked
from tidegate.domain.canary import API_VERSION, KIND
from tidegate.domain.errors import AccessDenied, Permanent, TidegateError
from tidegate.domain.manifest import Manifest, ObjectRef
from tidegate.domain.plan import Published
from tidegate.manifests import promotion
from tidegate.manifests.canary_event import canary_event
from tidegate.settings.model import Settings


class Publisher:
    """Writes what `kubectl get canaries` and `kubectl get events` show. It blocks."""

    def __init__(self, clusters: Clusters, manifests: Bundles, settings: Settings) -> None:
        self._sites = Sites(clusters, manifests, settings)

    def show(self, command: PublishCommand) -> None:
        """Show where a canary stands, and what was noted since the last time. It may be shown twice."""
        home, *further = command.ref.everywhere
        for ref in further:
            self._show_at_best(ref, command)
        with named(home):
            self._show_in(self._sites.place(home), command)

    def _show_at_best(self, ref: CanaryRef, command: PublishCommand) -> None:
        """What a further cluster does not take costs the destination's view nothing."""
        try:
            with named(ref):
                self._show_in(self._sites.place(ref), command)
        except TidegateError as error:
            activity.logger.warning("not shown: %s", error)

    def _show_in(self, place: Place, command: PublishCommand) -> None:
        """Further clusters show what the destination does, where they have the kind."""
        if place.ref.is_further and not _may_show(place):
            return
        live = None if command.first else _show(place, command)
        if live is None:
            self._bring(place.ref, command)
            live = _show(place, command)
        if live is not None:
            events = (canary_event(event, live) for event in command.events)
            at_once(*(partial(place.cluster.create, each, manager=CANARY_FIELD_MANAGER) for each in events))

    def _bring(self, ref: CanaryRef, command: PublishCommand) -> None:
        """The object as Git has it; where that is refused, one that is there keeps its spec."""
        site = self._sites.find(ref)
        wanted = tracked(site.bundle.manifest, command.ref.owner)
        try:
            site.cluster.fenced_apply(wanted, command.fence, manager=FIELD_MANAGER)
        except Permanent as error:
            if _live(site) is None:
                raise
            activity.logger.warning("Canary %s keeps its spec: %s", command.ref.full_name, error)


class PublicationActivities:
    """The same as a step by itself."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    @activity.defn(name="canary_publish")
    @step
    def publish(self, command: PublishCommand) -> None:
        """Show where a canary stands, and what was noted since the last time."""
        self._publisher.show(command)


class Publication(NamedTuple):
    """What a canary's object will tell; None where it tells nothing, and why not."""

    published: Published | None = None
    warnings: tuple[str, ...] = ()


def publication_of(
    site: Site, revision: str, primary: Manifest | None, digests: dict[str, str]
) -> Publication:
    """Whether the cluster has a Canary to keep for this site. `revision` is what is released, as a hash."""
    if not site.cluster.serves(API_VERSION, KIND):
        return Publication()
    if reason := _obstacle(site):
        return Publication(warnings=(f"kubectl will not show Canary {site.ref.full_name}: {reason}",))
    return Publication(Published(revision=revision, promoted=promoted_hash(primary), configuration=digests))


def end_at_best(place: Place, command: CanaryCommand) -> tuple[str, ...]:
    """Show that a canary is over that was cut off; a warning when that cannot be shown."""

    def ended(status: Manifest, at: datetime) -> Manifest:
        primary = place.primary()
        stands = primary is None or not promotion.is_unfinished(primary)
        return ended_status(status, promoted_hash(primary) if stands else None, at)

    return _at_best(place, command, ended)


def terminate_at_best(place: Place, command: CanaryCommand) -> tuple[str, ...]:
    """Show that a canary was uninstalled; a warning when that cannot be shown."""
    return _at_best(place, command, terminated_status)


def _at_best(
    place: Place, command: CanaryCommand, change: Callable[[Manifest, datetime], Manifest]
) -> tuple[str, ...]:
    """The moment is Temporal's, as that of each post: a worker's clock may be ahead of it."""
    at = command.at or activity.info().scheduled_time

    def changed(live: Manifest) -> Manifest:
        status: Manifest = live.get("status") or {}
        return status if _owner_besides(place, live) else change(status, at)

    try:
        if place.cluster.serves(API_VERSION, KIND):
            place.cluster.change_status(_object(place.ref), changed, manager=CANARY_FIELD_MANAGER)
    except TidegateError as error:
        return (f"kubectl may still show Canary {place.ref.full_name} as it was: {error}",)
    return ()


def _show(place: Place, command: PublishCommand) -> Manifest | None:
    """The live object with the status of the command; None when there is none."""

    def told(live: Manifest) -> Manifest:
        return canary_status(command, live.get("status"))

    return place.cluster.change_status(_object(place.ref), told, manager=CANARY_FIELD_MANAGER)


def _obstacle(site: Site) -> str:
    """Why its object is not ours to write."""
    try:
        live = _live(site)
    except AccessDenied as error:
        return f"{error}; grant what deploy/kubernetes/access/canaries has"
    other = _owner_besides(site, live)
    return f"it belongs to the application {other}" if other else ""


def _owner_besides(place: Place, live: Manifest | None) -> str:
    """The application that tracks the object, where it is another one."""
    other = application_of(live)
    return "" if other == place.ref.owner.application else other


def _may_show(place: Place) -> bool:
    return place.cluster.serves(API_VERSION, KIND) and not _owner_besides(place, _live(place))


def _live(place: Place) -> Manifest | None:
    return place.cluster.get(API_VERSION, KIND, place.namespace, place.ref.name)


def _object(ref: CanaryRef) -> ObjectRef:
    return ObjectRef(api_version=API_VERSION, kind=KIND, namespace=ref.namespace, name=ref.name)

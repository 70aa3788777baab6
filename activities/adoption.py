"""What Flagger made outlives its Canary: who deletes that one, or has it pruned, must not lose production.

Only where something belongs to a Canary: a canary that Flagger never led costs no call.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from activities.configuration import live_reference
from activities.site import Site, described
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence, StepReport
from tidegate.domain.errors import AccessDenied, ReleaseFailed, StaleCommand
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.domain.workload import pod_template
from tidegate.manifests.configuration import references
from tidegate.manifests.owners import disowning, owning_canary

Held = tuple[Cluster, Manifest]
"""A live object and its cluster."""


def adopted(site: Site, fence: Fence, found: Iterable[Held], primary: Manifest | None = None) -> StepReport:
    """Let none of these belong to Flagger's Canary any more, nor the routes and the primary's configuration.

    The primary comes last: as long as that one is owned, another attempt looks after all. What the worker may
    not change is a warning.
    """
    seen = [*found, *([] if primary is None else [(site.cluster, primary)])]
    if not any(owning_canary(each) for _, each in seen):
        return StepReport()
    tried = [
        _adopt(cluster, live, canary, fence)
        for cluster, live in (*_beside(site, primary), *seen)
        if (canary := owning_canary(live))
    ]
    freed = ", ".join(each.name for each in tried if each.name and not each.warning)
    note = f"{freed}: no longer owned by Flagger's Canary, whose deletion does not reach them now"
    warnings = tuple(each.warning for each in tried if each.warning)
    return StepReport(notes=(note,) if freed else (), warnings=warnings)


def _beside(site: Site, primary: Manifest | None) -> Iterator[Held]:
    """What a preparation writes nothing to."""
    routes = site.routes()
    if routes is not None:
        yield site.mesh, routes
    for each in references(pod_template(primary)) if primary else ():
        try:
            live = live_reference(site, each)
        except AccessDenied:  # What the target refers to cannot be read either: the release will say so.
            continue
        if live is not None:
            yield site.cluster, live


class _Tried(NamedTuple):
    """An object that was taken away, no name for none, and why it goes with its Canary yet."""

    name: str = ""
    warning: str = ""


def _adopt(cluster: Cluster, live: Manifest, canary: str, fence: Fence) -> _Tried:
    """Canaries of one application may share configuration, and take it away side by side."""
    ref, name = ref_of(live), described(live)
    try:
        cluster.fenced_merge(ref, fence, disowning, manager=CANARY_FIELD_MANAGER)
    except AccessDenied as error:
        owned = f"{name} is owned by Flagger's Canary {canary}, and goes with it"
        return _Tried(name, f"{owned}: delete that one by --cascade=orphan ({error})")
    except (StaleCommand, ReleaseFailed):
        if owning_canary(cluster.get(ref.api_version, ref.kind, ref.namespace, ref.name)):
            raise
        return _Tried()
    return _Tried(name)

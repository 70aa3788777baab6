"""The live routes put to 100/0 as they are: what this takes is the mesh, and neither Git nor the workload."""

from temporalio import activity

from activities.site import Place, described
from tidegate.adapters.kubernetes import Change
from tidegate.contracts import CANARY_FIELD_MANAGER, Fence
from tidegate.decisions.ownership import other_release
from tidegate.domain.errors import Conflict, ReleaseFailed, StaleCommand, TidegateError, Transient
from tidegate.domain.manifest import Manifest, ref_of
from tidegate.manifests import splits
from tidegate.manifests.drift import last_writer

_ATTEMPTS = 60
"""A minute or more: whoever keeps traffic on the target keeps its pods too, and is named."""


def led_home(place: Place, live: Manifest, fence: Fence) -> Change:
    """Take away what the canary gets. StaleCommand when the routes are another release's by now."""
    ref = place.ref

    def back(live: Manifest) -> Manifest:
        if owner := other_release(live, ref):
            raise StaleCommand(f"{described(live)} belongs to {owner} by now")
        return splits.routed_back(live, ref.service)

    change = place.mesh.fenced_update(ref_of(live), fence, back, manager=CANARY_FIELD_MANAGER)
    if splits.exposes(change.after, ref.service):
        raise Conflict(f"{described(live)} does not keep the weights 100/0")
    return change


def kept_home(place: Place, fence: Fence) -> tuple[str, ...]:
    """Before the target's pods go: traffic that another writer has given them since the last routing.

    Says what was corrected. With the mesh out of reach, the last routing has to do.
    """
    if not place.ref.service:
        return ()
    try:
        live = place.routes()
    except TidegateError:
        return ()
    if live is None or not splits.exposes(live, place.ref.service):
        return ()
    found = splits.described(live, place.ref.service)
    who = last_writer(live, CANARY_FIELD_MANAGER)
    try:
        led_home(place, live, fence)
    except Transient as error:
        if activity.info().attempt < _ATTEMPTS:
            raise
        raise ReleaseFailed(f"{described(live)} has {found} of {who}, and keeps it: {error}") from error
    return (f"{described(live)} was changed by {who} after the last routing: {found}; corrected",)

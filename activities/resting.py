"""What follows once a carrier is as it is between releases: its pods go, or its target Service follows."""

from activities.followers import follow_primary
from activities.rollout import await_no_replicas
from activities.site import Place
from tidegate.contracts import CanaryCommand, StepReport
from tidegate.domain.errors import NotReady
from tidegate.domain.workload import SERVICE

SCALE_DOWN_SECONDS = 60.0
"""How long a scale-down is watched; nothing depends on its end but the note on it."""


def come_to_rest(place: Place, command: CanaryCommand) -> StepReport:
    """Wait for the pods' end, or let the target Service lead where the primary does."""
    return _following(place, command) if place.kind is SERVICE else _gone(place, command)


def _following(place: Place, command: CanaryCommand) -> StepReport:
    said = follow_primary(place, command.fence)
    return StepReport(notes=(said,) if said else ())


def _gone(place: Place, command: CanaryCommand) -> StepReport:
    target = place.ref.target
    try:
        await_no_replicas(place, target, min(SCALE_DOWN_SECONDS, command.deadline_seconds))
    except NotReady:
        return StepReport(warnings=(f"{target} was scaled to 0, but still has pods",))
    return StepReport(notes=(f"{target} is scaled to 0",))

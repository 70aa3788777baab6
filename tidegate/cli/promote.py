"""`tidegate promote`: skip what is left of the analysis."""

from tidegate.cli.exits import exits
from tidegate.cli.observation import Observation
from tidegate.cli.options import Json, Name, OptionalFile
from tidegate.cli.output import Output
from tidegate.cli.signalling import Steering, ended, name_of, steer
from tidegate.contracts import PROMOTE, CanaryStatus
from tidegate.decisions.narration import waiting_for_others
from tidegate.domain.hook import HookType
from tidegate.domain.release import Phase

PROMOTING = (Phase.PROMOTING, Phase.FINALISING)
_CLOSED = ("freeze:", f"{HookType.CONFIRM_ROLLOUT}:")
"""Gates, by how their names begin, that stay closed."""


@exits
def promote(application: Name = None, file: OptionalFile = None, json: Json = False) -> int:
    """Skip what is left of the analysis, and promote the new version now."""
    return steer(Steering(PROMOTE, _seen, _sentence), application, file, Output(as_json=json))


def _seen(seen: Observation) -> bool:
    """Once the last canary has succeeded, the release's own outcome is a moment away."""
    come = [each.phase in PROMOTING or bool(_stop(each)) for each in seen.canaries]
    under_way = all(
        there or each.phase is Phase.SUCCEEDED for there, each in zip(come, seen.canaries, strict=True)
    )
    return ended(seen) or (under_way and any(come))


def _stop(canary: CanaryStatus) -> str:
    """Where a canary stands that a promotion by hand takes no further; empty where it does."""
    if canary.consent:
        place, given = canary.gate.partition(":")[0], canary.consent.approvals
        by = f": {', '.join(given)}" if given else ""
        so_far = f"{len(given)} of {canary.consent.quorum}{by}"
        others = ", ".join(name for name in canary.consent.approvers if name not in given)
        return f"reaches the {place} and stops there: {so_far}; {others}"
    if canary.gate.startswith(_CLOSED):
        return f"reaches the gate {canary.gate} and stops there"
    meets = canary.waiting_for.startswith(waiting_for_others(""))
    return f"waits for {canary.waiting_for}" if meets else ""


def _sentence(seen: Observation) -> str:
    outcome = seen.release.outcome if seen.release else None
    if outcome is not None:
        return f"{outcome.application}: {outcome.outcome}"
    if len(seen.canaries) == 1 and (stop := _stop(seen.canaries[0])):
        return f"promote {stop}"
    told = ", ".join(f"{each.canary} {_stop(each) or each.phase}" for each in seen.canaries)
    return f"promoting {name_of(seen)}: {told}"

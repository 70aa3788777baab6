"""How long traffic stayed split after a fault was over, beyond what the plan itself asked for."""

import time
from collections.abc import Sequence

from benchmarks.faults.canary import Weight
from benchmarks.faults.follower import Seen
from benchmarks.faults.release import Release
from tidegate.contracts import ABORT


def seconds_to_safety(release: Release) -> float:
    """From the fault's end until all traffic was the primaries', bakes not counted.

    A bake counts as the plan's own time until somebody asks for the way back. 0 when the traffic was not
    split as the fault ended.
    """
    safe_at = _safe_at(release)
    own = sum(max(0.0, min(end, safe_at) - max(begin, release.fault_ended)) for begin, end in _bakes(release))
    return max(0.0, safe_at - release.fault_ended - own)


def _safe_at(release: Release) -> float:
    """When every canary's share was 0 for the first time since the fault's end; now when it never was."""
    return max(_back_at(canary.weights, release) for canary in release.application.canaries)


def _back_at(weights: Sequence[Weight], release: Release) -> float:
    before = [weight for weight in weights if weight.at <= release.fault_ended]
    if not before or before[-1].share == 0:
        return release.fault_ended
    after = (weight.at for weight in weights if weight.at > release.fault_ended and weight.share == 0)
    return next(after, time.monotonic())


def _bakes(release: Release) -> list[tuple[float, float]]:
    """When bakes began and ended, in monotonic seconds."""
    seen = release.follower.seen
    if not seen:
        return []
    offset = min(event.at - event.moment for event in seen)
    turned = min((event.moment for event in seen if _turns(event)), default=float("inf"))
    bakes: list[tuple[float, float]] = []
    begun: dict[tuple[str, str], float] = {}
    for event in seen:
        if not event.label.startswith("Bake"):
            continue
        if event.type == "TIMER_STARTED":
            begun[event.workflow, event.label] = event.moment
        elif event.type in ("TIMER_FIRED", "TIMER_CANCELED"):
            begin = begun.pop((event.workflow, event.label), event.moment)
            bakes.append((begin + offset, min(event.moment, turned) + offset))
    return bakes


def _turns(event: Seen) -> bool:
    return event.type == "WORKFLOW_EXECUTION_CANCEL_REQUESTED" or (
        event.type == "WORKFLOW_EXECUTION_SIGNALED" and f"'{ABORT}'" in event.text
    )

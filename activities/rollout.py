"""Waiting for a workload by watch, within a step's deadline, with heartbeats."""

import time
from collections.abc import Callable
from contextlib import suppress

from activities.elapsed import seconds_since_scheduled
from activities.heartbeat import QUIET_SECONDS, late_heartbeat
from activities.site import Place
from tidegate.decisions.health.status import observed
from tidegate.decisions.rollout import (
    ALL_AVAILABLE,
    Progress,
    Rollout,
    rollout_of,
    running_replicas,
    troubles,
)
from tidegate.domain.errors import NotReady, TidegateError
from tidegate.domain.manifest import Manifest

_SEEN_SECONDS = 5.0
_ASK_SECONDS = 10.0
"""Between two looks at the pods that hold a rollout up."""


def remaining_seconds(deadline_seconds: float) -> float:
    """What is left of a step's deadline; it runs from the step's first attempt, so that retries share it."""
    return max(0.0, deadline_seconds - seconds_since_scheduled())


def await_rollout(
    place: Place, name: str, deadline_seconds: float, ready_percent: int = 100
) -> tuple[str, ...]:
    """Wait until all pods of a workload run its last spec, and enough of them are available.

    A note where these are not all; NotReady says what holds them up.
    """

    def ended(workload: Manifest | None) -> Rollout | None:
        if workload is None:  # it was there when the step wrote it
            return Rollout(Progress.STUCK, "it does not exist")
        rollout = rollout_of(workload, ready_percent)
        return None if rollout.progress is Progress.UNDER_WAY else rollout

    try:
        rollout = place.wait(name, ended, remaining_seconds(deadline_seconds), _telling(place, name))
    except NotReady:
        raise _not_ready(place, name, f"is not ready after {deadline_seconds:g}s") from None
    if rollout.progress is Progress.STUCK:
        raise _not_ready(place, name, "does not become ready")
    return () if rollout.reason == ALL_AVAILABLE else (f"{name}: {rollout.reason}",)


def settled_rollout(place: Place, name: str, ready_percent: int) -> Rollout:
    """How far a workload is, once its controller has seen what was written last, or a moment later.

    Every write counts for Kubernetes as a new spec, that of an annotation too.
    """

    def seen(workload: Manifest | None) -> Rollout | None:
        known = workload is None or observed(workload)
        return rollout_of(workload, ready_percent) if known else None

    try:
        return place.wait(name, seen, _SEEN_SECONDS, late_heartbeat())
    except NotReady:
        return rollout_of(place.workload(name), ready_percent)


def await_no_replicas(place: Place, name: str, deadline_seconds: float) -> None:
    """Wait until a workload has no pods left; NotReady when it still has some at the deadline."""

    def gone(workload: Manifest | None) -> bool | None:
        return True if workload is None or running_replicas(workload) == 0 else None

    place.wait(name, gone, deadline_seconds, late_heartbeat())


def _not_ready(place: Place, name: str, problem: str) -> NotReady:
    return NotReady(f"{place.workload_ref(name)} {problem}: {_obstacles(place, name)}")


def _obstacles(place: Place, name: str) -> str:
    """What holds a workload's pods up, asked anew."""
    workload = place.workload(name)
    reasons = [rollout_of(workload).reason]
    if workload is not None:
        reasons.append(troubles(place.pods(workload)))
    return "; ".join(filter(None, reasons))


def _telling(place: Place, name: str) -> Callable[[], None]:
    """Heartbeats that say what the rollout waits for, which `status` shows meanwhile."""
    beat, said, asked = late_heartbeat(), "", time.monotonic() - _ASK_SECONDS + QUIET_SECONDS

    def tell() -> None:
        nonlocal said, asked
        if time.monotonic() - asked >= _ASK_SECONDS:
            asked = time.monotonic()
            with suppress(TidegateError):  # The waiting itself says what is out of reach.
                said = _obstacles(place, name)
        beat(*filter(None, [said]))

    return tell

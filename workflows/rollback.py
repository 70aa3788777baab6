"""The way back: traffic first, then the primary's template, then the target's pods.

Both workflows walk it: a Canary for itself, a Release for a child that somebody terminated.
"""

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.steps import failure_type, reason_of, restoring

with workflow.unsafe.imports_passed_through():
    from activities.traffic import TrafficActivities
    from activities.workload import WorkloadActivities
    from tidegate.contracts import CanaryCommand, CanaryRef, Fence, RouteCommand, StepReport
    from tidegate.decisions import narration
    from tidegate.domain.errors import StaleCommand

Say = Callable[[StepReport], None]

_LONGEST_PAUSE = 300.0
"""Seconds between two tries to bring the traffic back, at most: a day of them fits into a history."""


class Fences:
    """The tokens of one run's commands, in order. `epoch_ms` is when the run came to power.

    A run that carries on another one's work keeps its epoch, and counts on from its `last` token.
    """

    def __init__(self, epoch_ms: int, last: Fence | None = None) -> None:
        self.last = last or Fence(epoch=epoch_ms, sequence=0)

    def next(self) -> Fence:
        """A token later than all before it."""
        self.last = Fence(epoch=self.last.epoch, sequence=self.last.sequence + 1)
        return self.last


def now_ms() -> int:
    """The workflow's clock in milliseconds."""
    return int(workflow.now().timestamp() * 1000)


async def roll_back(ref: CanaryRef, fences: Fences, say: Say, *, drain_seconds: float) -> None:
    """Bring one canary back to its primary as it was before the release.

    `drain_seconds` pass before the target's pods go, for the requests that they still have.
    """
    say(StepReport(notes=(narration.ROUTING_TO_PRIMARY,)))
    await _route_to_primary(ref, fences, say)
    await _at_best(WorkloadActivities.restore, _command(ref, fences, 600.0), "Restore primary", say)
    say(StepReport(notes=(narration.failed(ref.full_name),)))
    if drain_seconds:
        await workflow.sleep(drain_seconds, summary="Drain")
    await _at_best(WorkloadActivities.scale_down, _command(ref, fences, 60.0), "Scale down target", say)


async def _route_to_primary(ref: CanaryRef, fences: Fences, say: Say) -> None:
    """All traffic to the primary, however long it takes, unless a later release is in charge of it."""
    pause_seconds = 5.0
    while True:
        try:
            say(await _route(ref, fences))
        except ActivityError as error:
            say(StepReport(warnings=(reason_of(error),)))
            if failure_type(error) == StaleCommand.__name__:
                return
            await workflow.sleep(pause_seconds, summary="Route 100/0 failed; next try")
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE)
        else:
            return


async def _route(ref: CanaryRef, fences: Fences) -> StepReport:
    return await workflow.execute_activity_method(
        TrafficActivities.route,
        RouteCommand(ref=ref, fence=fences.next(), canary_weight=0),
        **restoring("Route 100/0"),
    )


async def _at_best(method: Any, command: CanaryCommand, summary: str, say: Say) -> None:
    """Traffic is safe already: a step that cannot be done is said, and does not stop the ones after it."""
    try:
        say(
            await workflow.execute_activity_method(
                method, command, **restoring(summary, deadline_seconds=command.deadline_seconds)
            )
        )
    except ActivityError as error:
        say(StepReport(warnings=(f"{summary}: {reason_of(error)}",)))


def _command(ref: CanaryRef, fences: Fences, deadline_seconds: float) -> CanaryCommand:
    return CanaryCommand(ref=ref, fence=fences.next(), deadline_seconds=deadline_seconds, turning_back=True)

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


_HEADROOM = 10
"""Epochs of one release: its own, its canaries', and the one that puts right what a canary left."""


class Fences:
    """The tokens of one run's commands, in order. `epoch` is the place of the run among all runs.

    That is the time in milliseconds at which it came to power, or more where objects have obeyed a later one:
    a clock may have gone back. The sequence follows the clock too, so that a run that was reset to an earlier
    event goes on with later tokens than it gave before. A run that carries on another one's work keeps its
    epoch, and counts on from its `last` token.
    """

    def __init__(self, epoch: int, last: Fence | None = None) -> None:
        self.last = last or Fence(epoch=epoch, sequence=0)

    @property
    def epoch(self) -> int:
        """Of the tokens to come."""
        return self.last.epoch

    def follow(self, found: int) -> None:
        """Come later than every release whose objects have obeyed epochs up to `found`."""
        self.last = Fence(epoch=max(self.epoch, found + _HEADROOM), sequence=self.last.sequence)

    def next(self) -> Fence:
        """A token later than all before it."""
        self.last = Fence(epoch=self.epoch, sequence=max(self.last.sequence + 1, now_ms()))
        return self.last


def start_ms() -> int:
    """When the run began, in milliseconds."""
    return int(workflow.info().start_time.timestamp() * 1000)


def now_ms() -> int:
    """The workflow's clock in milliseconds."""
    return int(workflow.now().timestamp() * 1000)


async def roll_back(ref: CanaryRef, fences: Fences, say: Say, *, drain_seconds: float) -> None:
    """Bring one canary back to its primary as it was before the release.

    `drain_seconds` pass before the target's pods go, for the requests that they still have.
    """
    say(StepReport(notes=(narration.ROUTING_TO_PRIMARY,)))
    await route_to_primary(ref, fences, say)
    await clear_away(ref, fences, say, ending=narration.failed(ref.full_name), drain_seconds=drain_seconds)


async def clear_away(ref: CanaryRef, fences: Fences, say: Say, *, ending: str, drain_seconds: float) -> None:
    """What follows once the traffic is back: the primary's template, and the end of the target's pods."""
    await _at_best(WorkloadActivities.restore, _command(ref, fences, 600.0), "Restore primary", say)
    say(StepReport(notes=(ending,)))
    if drain_seconds:
        await workflow.sleep(drain_seconds, summary="Drain")
    await _at_best(WorkloadActivities.scale_down, _command(ref, fences, 60.0), "Scale down target", say)


async def route_to_primary(ref: CanaryRef, fences: Fences, say: Say) -> None:
    """All traffic to the primary, however long it takes, unless a later release is in charge of it."""
    pause_seconds = 1.0
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
        RouteCommand(ref=ref, fence=fences.next(), canary_weight=0, turning_back=True),
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

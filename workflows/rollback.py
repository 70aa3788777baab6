"""The way back: traffic first, then the primary's template, then the target's pods.

Both workflows walk it: a Canary for itself, a Release for a child that somebody terminated.
"""

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.clusters import all_or_none, merged_of, named, reason_in
from workflows.steps import Options, clearing, failure_type, obeyed_of, reason_of, restoring

with workflow.unsafe.imports_passed_through():
    from activities.traffic import TrafficActivities
    from activities.workload import WorkloadActivities
    from tidegate.contracts import CanaryCommand, CanaryRef, Fence, Limits, RouteCommand, StepReport
    from tidegate.decisions import narration
    from tidegate.decisions.clusters import told
    from tidegate.domain.base import Model
    from tidegate.domain.errors import StaleCommand
    from tidegate.domain.plan import Routing

Say = Callable[[StepReport], None]
Tell = Callable[[str], None]

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 300.0
"""Seconds between two tries to bring back a traffic that is refused."""

_LONG_HISTORY, _PATIENT_PAUSE = 30_000, 3600.0
"""Events after which an hour lies between two tries: ten days in, and Temporal ends a history of 51,200."""

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

    def overtake(self, obeyed: Fence | None) -> bool:
        """Come later than a token of this very epoch, which we gave before a reset; False for another's."""
        if obeyed is None or obeyed.epoch != self.epoch:
            return False
        self.last = Fence(epoch=self.epoch, sequence=max(self.last.sequence, obeyed.sequence))
        return True

    def next(self) -> Fence:
        """A token later than all before it."""
        self.last = Fence(epoch=self.epoch, sequence=max(self.last.sequence + 1, now_ms()))
        return self.last


def _longest_pause() -> float:
    return _PATIENT_PAUSE if workflow.info().get_current_history_length() > _LONG_HISTORY else _LONGEST_PAUSE


def start_ms() -> int:
    """When the run began, in milliseconds."""
    return int(workflow.info().start_time.timestamp() * 1000)


def now_ms() -> int:
    """The workflow's clock in milliseconds."""
    return int(workflow.now().timestamp() * 1000)


class WayBack:
    """One canary's way back to its primary. `say` keeps what was done, `tell` shows what is waited for.

    `given` is the routing that the canary had last, with the token that brought it: what else is found is
    another writer's. `routing` holds until the traffic is back, or a later release is in charge of it: then
    it is `overruled`. `promoted_by` is the epoch of the release whose version the primary runs in the end.
    `stands`: whether all canaries of the release were promoted, so that none of these promotions is undone
    any more; it is asked at the last moment, for that may be decided while the traffic is brought back.
    `left` says what could not be done, and how it is mended.
    """

    def __init__(
        self,
        ref: CanaryRef,
        fences: Fences,
        limits: Limits,
        say: Say,
        tell: Tell,
        given: tuple[Routing | None, Fence | None] = (None, None),
        *,
        stands: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ref = ref
        self._fences = fences
        self._limits = limits
        self._say = say
        self._tell = tell
        self._given = given
        self._may_stand = stands
        self._stands = False
        self.routing = True
        self.overruled = False
        self.promoted_by = 0
        self.left: tuple[str, ...] = ()

    async def roll_back(self, copy_epoch: int) -> None:
        """Bring the canary back as it was before the release, whose fences have the epoch `copy_epoch`."""
        self._say(StepReport(notes=(narration.ROUTING_TO_PRIMARY,)))
        await self.route_to_primary()
        ending = narration.clearing_away if self._may_stand() else narration.failed
        await self.clear_away(ending(self._ref.full_name), copy_epoch=copy_epoch)

    async def clear_away(self, ending: str, *, copy_epoch: int = 0, drain: bool = True) -> None:
        """What follows once the traffic is back: the primary's template, and the end of the target's pods.

        Those have some time for the requests that they still have, where there was traffic to `drain`.
        """
        await self._restore(copy_epoch)
        self._say(StepReport(notes=(ending,)))
        if drain and self._limits.drain_seconds:
            await workflow.sleep(self._limits.drain_seconds, summary="Drain")
        await self._at_best(
            WorkloadActivities.scale_down,
            "Scale down target",
            f"{self._ref.target or 'the target'} was not scaled down",
            deadline_seconds=60.0,
        )

    async def route_to_primary(self) -> None:
        """All traffic to the primary, however long it takes, unless a later release is in charge of it."""
        await self._route_to_primary()
        self.routing = False

    async def _route_to_primary(self) -> None:
        pause_seconds, said = _FIRST_PAUSE, ""
        while True:
            try:
                self._say(
                    await self._obeyed(
                        TrafficActivities.route,
                        self._routing,
                        restoring("Route 100/0"),
                        self._fences.next(),
                    )
                )
            except ActivityError as error:
                if reason_of(error) != said:
                    said = reason_of(error)
                    self._say(StepReport(warnings=(said,)))
                if failure_type(error) == StaleCommand.__name__:
                    self.overruled = True
                    return
                self._tell(narration.routing_refused(failure_type(error), said, self._ref))
                await workflow.sleep(pause_seconds, summary=narration.next_try(said))
                pause_seconds = min(2 * pause_seconds, _longest_pause())
            else:
                self._tell("")
                return

    def _routing(self, fence: Fence) -> RouteCommand:
        expected, after = self._given
        return RouteCommand(ref=self._ref, fence=fence, turning_back=True, expected=expected, after=after)

    async def _restore(self, copy_epoch: int) -> None:
        self._stands = self._may_stand()
        report = await self._at_best(
            WorkloadActivities.restore,
            "Restore primary",
            f"{self._ref.primary or 'the primary'} was not restored",
            deadline_seconds=600.0,
            copy_epoch=copy_epoch,
        )
        self.promoted_by = report.promoted_by

    async def _at_best(
        self, method: Any, summary: str, undone: str, *, deadline_seconds: float, copy_epoch: int = 0
    ) -> StepReport:
        """Traffic is safe already: a step that cannot be done is said, and does not stop those after it.

        The token is the same in all clusters: by it a further one knows that the destination has decided.
        """
        refs, first = self._ref.everywhere, self._fences.next()
        options = clearing(
            summary, deadline_seconds=deadline_seconds, total_seconds=self._limits.clearing_seconds
        )

        async def done(ref: CanaryRef) -> StepReport:
            def command(fence: Fence) -> CanaryCommand:
                return CanaryCommand(
                    ref=ref,
                    fence=fence,
                    deadline_seconds=deadline_seconds,
                    turning_back=True,
                    copy_epoch=copy_epoch,
                    stands=self._stands,
                    at=workflow.now(),
                )

            try:
                return await self._obeyed(method, command, named(options, ref), first)
            except ActivityError as error:
                return StepReport(warnings=(self._left(ref, undone, error),))

        report = merged_of(refs, await all_or_none([done(ref) for ref in refs]))
        self._say(report)
        return report

    def _left(self, ref: CanaryRef, undone: str, error: ActivityError) -> str:
        """A later release that is in charge by now leaves nothing to be mended."""
        reason = reason_in(ref, error)
        if failure_type(error) == StaleCommand.__name__:
            return f"{undone}: {reason}"
        line = narration.left_undone(undone, reason, self._ref)
        self.left = (*self.left, told(ref.cluster, line))
        return line

    async def _obeyed(
        self, method: Any, command: Callable[[Fence], Model], options: Options, fence: Fence
    ) -> StepReport:
        """The step's report. After a reset, a clock that went back makes what this run gave before later."""
        while True:
            try:
                report: StepReport = await workflow.execute_activity_method(method, command(fence), **options)
            except ActivityError as error:
                if not self._fences.overtake(obeyed_of(error)):
                    raise
                fence = self._fences.next()
            else:
                return report

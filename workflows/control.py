"""What people asked of a running workflow, by signal: one state for both workflows."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Self, TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import AbortRequest, ApproveRequest, CanaryProgress, CanaryRequest
    from tidegate.decisions.consent import Ruling, Waiting, ruling
    from tidegate.domain.plan import Approval, Freeze, Gate, gate_name
    from tidegate.domain.release import Outcome

T = TypeVar("T")
Rest = Callable[[], Awaitable[None]]
"""A place where nothing is under way: returns once nobody pauses, and never where a fresh run goes on."""

_SETTLING = timedelta(milliseconds=10)


class Control:
    """Pause, promote, approve and abort, as asked so far. An abort always wins, and is never taken back.

    Each `ask` says whether it changed anything: a storm of equal signals is worth one note.
    """

    def __init__(
        self, *, paused: bool = False, promoted: bool = False, waiting: Waiting | None = None
    ) -> None:
        self._paused = paused
        self.sealed = False
        """Whether pausing comes too late."""
        self.promoted = promoted
        self.waiting = waiting or Waiting()
        self.abort: AbortRequest | None = None
        self._signals = 0

    @classmethod
    def carried(cls, progress: CanaryProgress | None) -> Self:
        """What was asked of the run before this one, if there was one."""
        if progress is None:
            return cls()
        return cls(
            paused=progress.paused,
            promoted=progress.promoted,
            waiting=_gate_under_way(progress),
        )

    @property
    def paused(self) -> bool:
        """Whether the plan is to be held."""
        return self._paused and not self.sealed

    def ask_pause(self) -> bool:
        """Hold the plan where it is."""
        self._signals += 1
        changed, self._paused = not self._paused, True
        return changed

    def ask_resume(self) -> bool:
        """Go on with the plan."""
        self._signals += 1
        changed, self._paused = self._paused, False
        return changed

    def ask_promote(self) -> bool:
        """Skip what is left of the analysis; this ends a pause too."""
        self._signals += 1
        changed = self._paused or not self.promoted
        self.promoted, self._paused = True, False
        return changed

    def ask_approve(self, request: ApproveRequest, canary: CanaryRequest) -> Ruling:
        """Consent to the gate that waits, if it is meant: before it there is nothing to approve."""
        self._signals += 1
        what = ruling(request, self.waiting, canary=canary.ref.full_name, revision=canary.revision)
        if what is Ruling.COUNTS:
            self.waiting = self.waiting.approved_by(request.by)
        return what

    def enter_gate(self, waiting: Waiting) -> None:
        """From here on an approval counts; for a gate that was come to already, those so far count too."""
        if waiting.gate != self.waiting.gate:
            self.waiting = waiting

    def leave_gate(self) -> None:
        """The next gate needs an approval of its own."""
        self.waiting = Waiting()

    @property
    def approved(self) -> bool:
        """Whether the gate that waits is open by approval."""
        return self.waiting.is_open

    def ask_abort(self, request: AbortRequest | None) -> bool:
        """Roll back. The first reason stays."""
        self._signals += 1
        changed = self.abort is None
        self.abort = self.abort or request or AbortRequest()
        return changed

    def count_signal(self) -> None:
        """One came that asks for nothing; it makes the run longer all the same."""
        self._signals += 1

    @property
    def hurried(self) -> bool:
        """Whether somebody ended the bake that is under way: by a promotion, or by opening its gate."""
        return self.promoted or self.approved

    @property
    def aborted(self) -> bool:
        """Whether somebody asked for an abort."""
        return self.abort is not None

    def is_run_worn(self, signals_per_run: int) -> bool:
        """Whether this run has grown so long that a fresh one should carry on."""
        return self._signals >= signals_per_run or workflow.info().is_continue_as_new_suggested()

    def is_held(self, signals_per_run: int) -> bool:
        """Whether whatever can be interrupted is to rest: by a pause, or for a fresh run to carry on."""
        return self.paused or self.is_run_worn(signals_per_run)


async def comes_true(condition: Callable[[], bool], patience: timedelta | float, summary: str) -> bool:
    """Whether a condition holds in time, which is in seconds if a number; its timer outlives workers."""
    try:
        await workflow.wait_condition(condition, timeout=patience, timeout_summary=summary)
    except TimeoutError:
        return False
    return True


def waiting_at(stage: Gate | Approval | Freeze, number: int) -> Waiting:
    """The gate of a stage, whose number is counted from 1, before anybody has consented."""
    name = gate_name(stage, number)
    if isinstance(stage, Approval):
        return Waiting(gate=name, quorum=stage.quorum, approvers=stage.approvers)
    return Waiting(gate=name, by_name=isinstance(stage, Freeze))


def _gate_under_way(progress: CanaryProgress) -> Waiting:
    stage = progress.plan.stages[progress.stage]
    if not isinstance(stage, Gate | Approval | Freeze):
        return Waiting()
    waiting = waiting_at(stage, progress.stage + 1)
    unnamed = ("",) if progress.approved else ()
    return waiting.model_copy(update={"approvals": progress.approvals or unnamed})


async def settle() -> None:
    """Let in what arrived at the same time, before a run hands over.

    A signal that makes a run hand over is handled before a cancellation of the same workflow task: without
    this timer the cancellation would be lost, for it is not passed on to the next run.
    """
    await workflow.sleep(_SETTLING, summary="Hand over to a fresh run")


class Aborted(Exception):
    """Somebody asked for an abort while the plan was being walked."""

    def __init__(self, request: AbortRequest) -> None:
        self.outcome = Outcome.SUPERSEDED if request.superseded else Outcome.ABORTED
        if request.with_others:
            self.outcome = Outcome.ROLLED_BACK
        super().__init__(request.reason or "aborted by signal")


async def unless_aborted(control: Control, work: Coroutine[Any, Any, T]) -> T:
    """The work's result, unless an abort comes first: then the work is cancelled where it stands."""
    task = asyncio.create_task(work)
    task.add_done_callback(forget)
    try:
        await workflow.wait_condition(lambda: task.done() or control.aborted)
    finally:
        if not task.done():
            task.cancel()
    if control.abort is not None:
        raise Aborted(control.abort)
    return task.result()


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Nothing interrupts the way back, a cancellation included."""
    task = asyncio.create_task(work)
    await _outlast(task)
    return task.result()


async def to_the_end_at_first(work: Coroutine[Any, Any, T]) -> T:
    """The same where more would follow: a cancellation that came meanwhile is obeyed afterwards."""
    task = asyncio.create_task(work)
    if await _outlast(task):
        forget(task)
        raise asyncio.CancelledError
    return task.result()


async def _outlast(task: asyncio.Task[Any]) -> bool:
    """Wait for the task's end; whether a cancellation came meanwhile."""
    cancelled = False
    while not task.done():
        try:
            await workflow.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    return cancelled


def forget(task: asyncio.Task[Any]) -> None:
    """A done callback: once somebody else has won, how a step ended is not worth a line in the log."""
    if not task.cancelled():
        task.exception()

"""What people asked of a running workflow, by signal: one state for both workflows."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import AbortRequest
    from tidegate.domain.release import Outcome

T = TypeVar("T")


class Control:
    """Pause, promote and abort, as asked so far. An abort always wins, and is never taken back."""

    def __init__(self) -> None:
        self.paused = False
        self.promoted = False
        self.abort: AbortRequest | None = None

    def ask_pause(self) -> None:
        """Hold the plan where it is."""
        self.paused = True

    def ask_resume(self) -> None:
        """Go on with the plan."""
        self.paused = False

    def ask_promote(self) -> None:
        """Skip what is left of the analysis; this ends a pause too."""
        self.promoted = True
        self.paused = False

    def ask_abort(self, request: AbortRequest | None) -> None:
        """Roll back. The first reason stays."""
        self.abort = self.abort or request or AbortRequest()

    @property
    def aborted(self) -> bool:
        """Whether somebody asked for an abort."""
        return self.abort is not None


class Aborted(Exception):
    """Somebody asked for an abort while the plan was being walked."""

    def __init__(self, request: AbortRequest) -> None:
        self.outcome = Outcome.SUPERSEDED if request.superseded else Outcome.ABORTED
        super().__init__(request.reason or "aborted by signal")


async def unless_aborted(control: Control, work: Coroutine[Any, Any, T]) -> T:
    """The work's result, unless an abort comes first: then the work is cancelled where it stands."""
    task = asyncio.create_task(work)
    try:
        await workflow.wait_condition(lambda: task.done() or control.aborted)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_forget)
    if control.abort is not None:
        raise Aborted(control.abort)
    return task.result()


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Nothing interrupts the way back, a cancellation included."""
    task = asyncio.create_task(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    """Nobody waits for a step that was cut off: how it ended is not worth a line in the log."""
    if not task.cancelled():
        task.exception()

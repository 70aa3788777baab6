"""One release in the scene: started as the command line does, followed, and brought to its end."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

from temporalio.client import (
    Client,
    WorkflowContinuedAsNewError,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError

from benchmarks.faults.application import Application
from benchmarks.faults.canary import Canary
from benchmarks.faults.case import Kind
from benchmarks.faults.follower import CANARY, RELEASE, Follower, Point, Seen
from benchmarks.gateway import Answer
from tidegate.contracts import ABORT, STATUS, AbortRequest, CanaryStatus, ReleaseOutcome, ReleaseStatus

RESOLVE = Point(RELEASE, "Resolve revision")
SURVEY = Point(RELEASE, "Render and validate")
SYNC = Point(RELEASE, "Apply manifests")
HEALTH = Point(RELEASE, "Wait for health")
PLAN = Point(CANARY, "Plan")
PREPARE = Point(CANARY, "Prepare")
SCALE_UP = Point(CANARY, "Scale up")
FIRST_ROUTE = Point(CANARY, "Route 75/25")
FIRST_BAKE = Point(CANARY, "Bake", "TIMER_STARTED")
SECOND_ROUTE = Point(CANARY, "Route 50/50")
SECOND_BAKE = Point(CANARY, "Bake 1.5s at 50", "TIMER_STARTED")
BESIDE_ROUTE = Point(CANARY, "Route 50/25, baseline 25")
PROMOTE = Point(CANARY, "Promote")
ROUTE_BACK = Point(CANARY, "Route 100/0")
RESTORE = Point(CANARY, "Restore")
SCALE_DOWN = Point(CANARY, "Scale down")

STAGES = {
    "resolve": RESOLVE,
    "survey": SURVEY,
    "sync": SYNC,
    "health": HEALTH,
    "plan": PLAN,
    "prepare": PREPARE,
    "scale-up": SCALE_UP,
    "route-25": FIRST_ROUTE,
    "bake-25": FIRST_BAKE,
    "route-50": SECOND_ROUTE,
    "bake-50": SECOND_BAKE,
    "promote": PROMOTE,
    "route-back": ROUTE_BACK,
    "scale-down": SCALE_DOWN,
}
"""The stages of a good release by name, in order."""

STAGES_BACK = {"route-back": ROUTE_BACK, "restore": RESTORE, "scale-down": SCALE_DOWN}
"""The stages of the way back."""

LAST = tuple(f"WORKFLOW_EXECUTION_{end}" for end in ("COMPLETED", "CANCELED", "TERMINATED", "FAILED"))
"""Types of the event that closes a history."""

ABORT_AFTER_SECONDS = 0.5
"""So much of the first bake has passed when somebody aborts."""

ABORT_REASON = "somebody changed their mind"


class Release:
    """A release under way, or ended.

    `old` is the version that served before, `new` the one that is released. `fault` brackets the harm; its
    times are monotonic seconds.
    """

    def __init__(self, client: Client, application: Application, kind: Kind, old: str, new: str) -> None:
        self._client = client
        self.application = application
        self.kind = kind
        self.old, self.new = old, new
        self.sha = ""
        self.began = time.monotonic()
        self.fault_began = self.fault_ended = 0.0
        self.outcome: ReleaseOutcome | None = None
        self.failure = ""
        """How the run ended when it has no outcome: cancelled or terminated in Temporal."""
        self.runs = 0
        """Runs that were started for it, one after another."""
        self.before: dict[tuple[str, str], Any] = {}
        """The primary's template before it began, by canary and cluster."""
        self.targets: dict[tuple[str, str], Any] = {}
        """The target's template before it began."""
        self.heard: list[str] = []
        """What its status said while somebody looked, or after an end without an outcome."""
        self.aborting: asyncio.Task[None] | None = None
        self._first_answers = {each.name: len(each.answers) for each in application.canaries}
        self._first_templates = {
            (each.name, cluster): max(0, len(templates) - 1)
            for each in application.canaries
            for cluster, templates in each.templates.items()
        }

    def attach(self, run_id: str) -> None:
        """Follow this run of the application's release; its history becomes this release's."""
        self.runs += 1
        workflow_id = self.application.request().workflow_id
        self.run_id = run_id
        self.handle: WorkflowHandle[Any, ReleaseOutcome] = self._client.get_workflow_handle(
            workflow_id, run_id=run_id, result_type=ReleaseOutcome
        )
        self.follower = Follower(self._client, workflow_id, run_id)

    async def follow(self, run_id: str) -> None:
        """Leave the run that was followed for another one, such as its successor."""
        await self.follower.stop()
        seen = self.follower.seen
        self.attach(run_id)
        self.follower.seen[:0] = seen

    @property
    def canary_handle(self) -> WorkflowHandle[Any, Any]:
        """The run of its only or first canary, once it was started."""
        return self.handle_of(self.application.canary.name)

    def handle_of(self, canary: str) -> WorkflowHandle[Any, Any]:
        """The run of a canary, once it was started."""
        if canary not in self.follower.canaries:
            raise RuntimeError(f"the release has not started its canary {canary} yet")
        workflow_id, run_id = self.follower.canaries[canary]
        return self._client.get_workflow_handle(workflow_id, run_id=run_id)

    @property
    def latest_canary_handle(self) -> WorkflowHandle[Any, Any]:
        """The latest run of its canary, which may have handed over, and may be an earlier release's still."""
        return self._client.get_workflow_handle(self.application.canary.workflow_id)

    async def until(self, point: Point, within: float = 60.0) -> Seen:
        """Wait until its histories have come to a point; TimeoutError when they do not."""
        return await self.follower.until(point.matches, within)

    async def until_event(self, workflow: str, number: int, within: float = 60.0) -> Seen:
        """Wait until a history has its event of that number, or its last one."""

        def there(event: Seen) -> bool:
            return event.workflow == workflow and (event.number >= number or event.type in LAST)

        return await self.follower.until(there, within)

    async def abort(self) -> None:
        """What somebody does to a release of the kind `aborted`, in its first bake."""
        await self.until(FIRST_BAKE)
        await asyncio.sleep(ABORT_AFTER_SECONDS)
        request = AbortRequest(reason=ABORT_REASON)
        while True:
            with contextlib.suppress(RPCError):
                await self.handle.signal(ABORT, request)
                return
            await asyncio.sleep(0.1)

    @contextlib.contextmanager
    def fault(self) -> Iterator[None]:
        """The harm is being done while the block runs."""
        self.fault_began = self.fault_began or time.monotonic()
        try:
            yield
        finally:
            self.fault_ended = time.monotonic()

    async def ended(self, within: float) -> None:
        """Wait for its end, whatever that is; TimeoutError when there is none."""
        async with asyncio.timeout(within):
            while True:
                try:
                    self.outcome = await self.handle.result(follow_runs=False)
                    self.new = self.application.versions[self.outcome.sha] if self.outcome.sha else self.new
                    return
                except WorkflowContinuedAsNewError as error:
                    await self.follow(error.new_execution_run_id)
                except WorkflowFailureError as error:
                    self.failure = type(error.cause).__name__
                    await self._canaries_ended()
                    await self._hear()
                    return
                except RPCError:
                    await asyncio.sleep(0.1)

    async def _canaries_ended(self) -> None:
        """A release that was cut off leaves its canaries, which go back by themselves."""
        for canary in self.follower.canaries:
            with contextlib.suppress(WorkflowFailureError):
                await self.handle_of(canary).result()

    async def _hear(self) -> None:
        """It has no outcome to read, but it and its canaries still answer what became of them."""
        with contextlib.suppress(RPCError, WorkflowQueryFailedError):
            status: ReleaseStatus = await self.handle.query(STATUS, result_type=ReleaseStatus)
            self.heard += [status.outcome.reason] if status.outcome else []
            for name in self.follower.canaries:
                canary: CanaryStatus = await self.handle_of(name).query(STATUS, result_type=CanaryStatus)
                self.heard += [note.text for note in canary.notes]

    def answers(self) -> list[Answer]:
        """What visitors were answered since it began."""
        return [
            answer
            for canary in self.application.canaries
            for answer in canary.answers[self._first_answers[canary.name] :]
        ]

    def templates(self, canary: Canary, cluster: str) -> list[str]:
        """The versions of a primary's template since it began, beginning with the one that there was."""
        return canary.templates[cluster][self._first_templates[canary.name, cluster] :]

    def said(self) -> str:
        """All that it says of itself: reasons, notes, warnings, and failures of steps in its histories.

        What somebody did to it is there too, but in the words of whoever did it.
        """
        lines = [*self.heard]
        if self.outcome is not None:
            lines += [self.outcome.reason, *self.outcome.warnings]
            for canary in self.outcome.canaries:
                lines += [canary.reason, *(note.text for note in canary.notes)]
        lines += [event.text for event in self.follower.seen if _tells(event)]
        return "\n".join(lines)


def _tells(event: Seen) -> bool:
    """Whether the event is about a step that failed."""
    return event.type in ("ACTIVITY_TASK_FAILED", "ACTIVITY_TASK_TIMED_OUT") or "lastFailure" in event.text

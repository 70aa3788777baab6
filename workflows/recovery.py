"""Recovery: what a release that was cut off has left is found, put right, and looked at once more.

Nothing here needs Git, or Temporal's record of the release, where the routes bear their marks.
"""

import asyncio
from collections.abc import Callable

from temporalio import workflow

from workflows.children import evict
from workflows.rollback import Fences, clear_away, now_ms, route_to_primary
from workflows.steps import fetching

with workflow.unsafe.imports_passed_through():
    from activities.recovery import RecoveryActivities
    from tidegate.contracts import (
        CanaryOutcome,
        FindCommand,
        Findings,
        Limits,
        Note,
        ReleaseRequest,
        Remains,
        StepReport,
        canary_workflow_id,
    )
    from tidegate.decisions import narration
    from tidegate.domain.release import Outcome

Tell = Callable[[str], None]


class Recovery:
    """Brings every canary of an application to its old side. `tell` shows what is waited for."""

    def __init__(self, request: ReleaseRequest, fences: Fences, tell: Tell) -> None:
        self._request = request
        self._fences = fences
        self._tell = tell
        self._limits = Limits()
        self.outcomes: list[CanaryOutcome] = []

    async def run(self) -> None:
        """Look, bring back, look again. ActivityError when the clusters do not say what there is."""
        self._tell("what is there")
        found = await self._find("Find what was left")
        self._limits = found.limits
        self._fences.follow(found.epoch)
        self._tell(", ".join(remains.ref.full_name for remains in found.canaries))
        walked = await asyncio.gather(*(self._bring_back(remains) for remains in found.canaries))
        left = await self._find("Look again") if any(each.faults for each in found.canaries) else found
        remaining = {each.ref.full_name: each.faults for each in left.canaries}
        self._tell("")
        self.outcomes = [
            _outcome(remains, notes, remaining.get(remains.ref.full_name, ()))
            for remains, notes in zip(found.canaries, walked, strict=True)
        ]

    async def _find(self, summary: str) -> Findings:
        return await workflow.execute_activity_method(
            RecoveryActivities.find,
            FindCommand(request=self._request),
            **fetching(summary, budget_seconds=self._limits.outage_budget_seconds),
        )

    async def _bring_back(self, remains: Remains) -> tuple[Note, ...]:
        """Traffic first. A sound canary is walked too: new fences shut out a late step of the last run."""
        ref = remains.ref
        notes: list[Note] = []

        def say(report: StepReport) -> None:
            at = workflow.now()
            notes.extend(Note(at=at, text=text) for text in report.notes)
            notes.extend(Note(at=at, text=text, warning=True) for text in report.warnings)

        say(StepReport(notes=tuple(f"Found: {fault}" for fault in remains.faults)))
        say(StepReport(notes=(narration.ROUTING_TO_PRIMARY,)))
        await route_to_primary(ref, self._fences, say)
        workflow_id = canary_workflow_id(ref.owner.cluster, ref.namespace, ref.name)
        say(await self._await_end_of(workflow_id))
        await clear_away(
            ref,
            self._fences,
            say,
            ending=narration.clearing_away(ref.full_name),
            drain_seconds=self._limits.drain_seconds if remains.faults else 0.0,
        )
        return tuple(notes)

    async def _await_end_of(self, workflow_id: str) -> StepReport:
        """A canary that runs without its release is told to turn back; our fences keep it from doing harm."""
        deadline = now_ms() + 1000 * self._limits.outage_budget_seconds
        pause_seconds = 0.5
        told = False
        while await evict(workflow_id, "a recovery puts its release right"):
            told = True
            if now_ms() > deadline:
                return StepReport(warnings=(f"{workflow_id} still runs; see why it is stuck in the UI",))
            await workflow.sleep(pause_seconds, summary=f"Wait for the end of {workflow_id}")
            pause_seconds = min(2 * pause_seconds, 10.0)
        return StepReport(
            notes=(f"{workflow_id} ran without its release; it has turned back",) if told else ()
        )


def _outcome(remains: Remains, notes: tuple[Note, ...], left: tuple[str, ...]) -> CanaryOutcome:
    name = remains.ref.full_name
    if left:
        outcome, reason = Outcome.FAILED, f"{name}: still {', '.join(left)}"
    elif remains.faults:
        outcome, reason = Outcome.RECOVERED, f"{name} was put right: {', '.join(remains.faults)}"
    else:
        outcome, reason = Outcome.UNCHANGED, f"{name}: nothing was wrong"
    return CanaryOutcome(canary=name, outcome=outcome, reason=reason, notes=notes if remains.faults else ())

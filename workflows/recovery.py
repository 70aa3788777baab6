"""Recovery: what a release that was cut off has left is found, put right, and looked at once more.

Nothing here needs Git, or Temporal's record of the release, where the routes bear their marks. What bears
none is looked for after that, where Git can be had.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from workflows.children import end_stray
from workflows.rollback import Fences, Tell, WayBack
from workflows.steps import fetching, quick, reason_of

with workflow.unsafe.imports_passed_through():
    from activities.recovery import RecoveryActivities
    from activities.traffic import TrafficActivities
    from tidegate.contracts import (
        CanaryOutcome,
        FindCommand,
        Findings,
        Limits,
        Note,
        ReleaseRequest,
        Remains,
        RouteCommand,
        StepReport,
        canary_workflow_id,
    )
    from tidegate.decisions import narration
    from tidegate.domain.release import Outcome

_LOOK = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=4), maximum_attempts=4
)
"""How a start looks for split traffic. With the mesh out of reach it goes on: its sync says so too."""


_LOOK_AROUND = "look"


async def find_split_traffic(request: ReleaseRequest, fences: Fences, limits: Limits) -> Findings:
    """First of all in a release: what one that was cut off has left split, by its marks."""
    options = quick("Find split traffic", budget_seconds=limits.outage_budget_seconds)
    options["retry_policy"] = _LOOK
    try:
        found = await workflow.execute_activity_method(
            RecoveryActivities.find_traffic, FindCommand(request=request), **options
        )
    except ActivityError as error:
        return Findings(warnings=(f"no look at what an earlier release left: {reason_of(error)}",))
    fences.follow(found.epoch)
    return found


async def route_back(found: Findings, fences: Fences, limits: Limits) -> tuple[str, ...]:
    """Bring it back, each canary for itself; says what else the routings said.

    ActivityError when one of them could not be brought back, once all were tried.
    """
    reports = await asyncio.gather(
        *(_routed_back(remains, fences, limits) for remains in found.canaries), return_exceptions=True
    )
    for report in reports:
        if isinstance(report, BaseException):
            raise report
    told = (report for report in reports if isinstance(report, StepReport))
    return tuple(line for report in told for line in (*report.notes, *report.warnings))


async def _routed_back(remains: Remains, fences: Fences, limits: Limits) -> StepReport:
    return await workflow.execute_activity_method(
        TrafficActivities.route,
        RouteCommand(ref=remains.ref, fence=fences.next(), turning_back=True),
        **quick(f"Route {remains.ref.full_name} 100/0", budget_seconds=limits.outage_budget_seconds),
    )


class Recovery:
    """Brings every canary of an application to its old side. `tell` shows what is waited for."""

    def __init__(self, request: ReleaseRequest, fences: Fences, tell: Tell) -> None:
        self._request = request
        self._fences = fences
        self._tell = tell
        self._limits = Limits()
        self._waits: dict[str, str] = {}
        self._walked: dict[str, tuple[Remains, WayBack, list[Note]]] = {}
        self.outcomes: list[CanaryOutcome] = []
        self.warnings: tuple[str, ...] = ()

    async def run(self) -> None:
        """Bring back what bears marks; meanwhile look by the manifests too, and bring back what bears none.

        Neither waits for the other: a canary whose routing is refused must not hold up one that is only
        seen in Git. ActivityError when the clusters do not say what there is.
        """
        marked = await self._find("Find what was left", by_marks_alone=True)
        walking = asyncio.create_task(self._put_right(marked))
        try:
            known = await self._find("Look by the manifests too")
            self.warnings = known.warnings
            await self._put_right(known)
        finally:
            await walking
        left = await self._find("Look again")
        self._tell("")
        remaining = {each.ref.full_name: each.faults for each in left.canaries}
        self.outcomes = [
            _outcome(remains, way, notes, remaining.get(name, ()))
            for name, (remains, way, notes) in self._walked.items()
        ]

    async def _put_right(self, found: Findings) -> None:
        """Walk those canaries back that were not yet."""
        self._limits = found.limits
        self._fences.follow(found.epoch)
        new = [remains for remains in found.canaries if remains.ref.full_name not in self._walked]
        for remains in new:
            self._wait(remains.ref.full_name, remains.ref.full_name)
        await asyncio.gather(*(self._bring_back(remains) for remains in new))

    async def _find(self, summary: str, *, by_marks_alone: bool = False) -> Findings:
        self._wait(_LOOK_AROUND, "what is there")
        found: Findings = await workflow.execute_activity_method(
            RecoveryActivities.find,
            FindCommand(request=self._request, by_marks_alone=by_marks_alone),
            **fetching(summary, budget_seconds=self._limits.outage_budget_seconds),
        )
        self._wait(_LOOK_AROUND, "")
        return found

    def _wait(self, who: str, what: str) -> None:
        """Show what is waited for, beside what others wait for."""
        self._waits[who] = what
        self._tell(", ".join(filter(None, self._waits.values())))

    async def _bring_back(self, remains: Remains) -> None:
        """Traffic first. A sound canary is walked too: new fences shut out a late step of the last run."""
        ref = remains.ref
        notes: list[Note] = []

        def say(report: StepReport) -> None:
            notes.extend(report.told(workflow.now()))

        def wait_for(obstacle: str) -> None:
            self._wait(ref.full_name, obstacle or ref.full_name)

        way = WayBack(ref, self._fences, self._limits, say, wait_for, stands=lambda: remains.stands)
        self._walked[ref.full_name] = remains, way, notes
        say(StepReport(notes=tuple(f"Found: {fault}" for fault in remains.faults)))
        say(StepReport(notes=(narration.ROUTING_TO_PRIMARY,)))
        await way.route_to_primary()
        workflow_id = canary_workflow_id(ref.owner.cluster, ref.namespace, ref.name)
        budget_seconds = self._limits.outage_budget_seconds
        say(await end_stray(workflow_id, "a recovery puts its release right", budget_seconds))
        await way.clear_away(narration.clearing_away(ref.full_name), drain=bool(remains.faults))


def _outcome(remains: Remains, way: WayBack, notes: list[Note], left: tuple[str, ...]) -> CanaryOutcome:
    name = remains.ref.full_name
    if left:
        outcome, reason = Outcome.FAILED, f"{name}: still {', '.join(left)}"
    elif remains.faults:
        outcome, reason = Outcome.RECOVERED, f"{name} was put right: {', '.join(remains.faults)}"
    else:
        outcome, reason = Outcome.UNCHANGED, f"{name}: nothing was wrong"
    told = [note for note in notes if remains.faults or left or note.warning]
    reason = narration.with_what_is_left(reason, way.left)
    return CanaryOutcome(canary=name, outcome=outcome, reason=reason, notes=tuple(told))

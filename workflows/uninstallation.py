"""Uninstallation: every canary's target serves by itself again, and what releases had made is gone.

Target up, traffic over to it, a drain, and only then the primary away: no request meets nobody. Nothing here
needs Git where the routes bear their marks.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.children import end_stray
from workflows.clusters import everywhere, home_last
from workflows.rollback import Fences, Tell
from workflows.steps import fetching, quick, reason_of, waiting

with workflow.unsafe.imports_passed_through():
    from activities.recovery import RecoveryActivities
    from activities.uninstallation import UninstallationActivities
    from tidegate.contracts import (
        CanaryCommand,
        CanaryOutcome,
        CanaryRef,
        FindCommand,
        Findings,
        Limits,
        Note,
        ReleaseRequest,
        StepReport,
        canary_workflow_id,
    )
    from tidegate.decisions import narration
    from tidegate.decisions.clusters import without_clusters
    from tidegate.domain.errors import ReleaseFailed
    from tidegate.domain.release import Outcome

LEAST_DRAIN_SECONDS = 3.0
"""Between the routes and the primary's end: proxies learn of new routes a moment after they are written."""

READY_SECONDS = 600.0
"""How long the target may take: a progress deadline's default, since no manifest is asked."""


class Uninstallation:
    """Gives back the objects of an application's canaries, side by side. `tell` shows what is waited for."""

    def __init__(self, request: ReleaseRequest, fences: Fences, tell: Tell) -> None:
        self._request = request
        self._fences = fences
        self._tell = tell
        self._limits = Limits()
        self.outcomes: list[CanaryOutcome] = []
        self.warnings: tuple[str, ...] = ()

    async def run(self) -> None:
        """ActivityError when the clusters do not say what there is."""
        found = await self._find()
        self._limits, self.warnings = found.limits, found.warnings
        self._fences.follow(found.epoch)
        refs = [each.ref for each in found.canaries]
        chosen = [ref for ref in refs if _is_among(ref, self._request.canaries)]
        gone = self._request.forgotten
        unknown = [
            name for name in self._request.canaries if not any(_is_among(ref, (name,)) for ref in refs)
        ]
        known = {name for ref in (refs if unknown else chosen) for name in ref.owner.further_clusters}
        if strange := sorted({*gone} - known):
            self.outcomes = [_invalid(name, narration.unknown_further(name)) for name in strange]
            return
        self.warnings = (*self.warnings, *map(narration.forgotten_cluster, gone))
        self._tell("its canaries' targets, and then their traffic")
        ended = await asyncio.gather(*(self._uninstall(without_clusters(ref, gone)) for ref in chosen))
        self.outcomes = [*ended, *(_invalid(name, narration.unknown_canary(name)) for name in unknown)]
        self._tell("")

    async def _find(self) -> Findings:
        self._tell("what is there")
        found: Findings = await workflow.execute_activity_method(
            RecoveryActivities.find,
            FindCommand(request=self._request),
            **fetching("Find canaries", budget_seconds=self._limits.outage_budget_seconds),
        )
        return found

    async def _uninstall(self, ref: CanaryRef) -> CanaryOutcome:
        notes: list[Note] = []
        try:
            installed = await self._give_back(ref, notes)
        except (ActivityError, ReleaseFailed) as error:
            reason = narration.uninstall_again(ref.full_name, reason_of(error), ref)
            return _ended(ref, Outcome.FAILED, reason, notes)
        if not installed:
            return _ended(ref, Outcome.UNCHANGED, narration.nothing_to_uninstall(ref.full_name), notes)
        return _ended(ref, Outcome.UNINSTALLED, narration.uninstalled(ref.full_name), notes)

    async def _give_back(self, ref: CanaryRef, notes: list[Note]) -> bool:
        """Whether there was anything to give back."""

        def say(report: StepReport) -> None:
            notes.extend(report.told(workflow.now()))

        budget = self._limits.outage_budget_seconds
        name, workflow_id = ref.full_name, canary_workflow_id(ref.owner.cluster, ref.namespace, ref.name)
        say(await end_stray(workflow_id, "its canary is being uninstalled", budget))
        up = waiting(f"Raise target of {name}", deadline_seconds=READY_SECONDS, budget_seconds=budget)
        raised = await everywhere(UninstallationActivities.raise_target, self._command(ref), up)
        say(raised)
        if raised.nothing:
            return False
        over = quick(f"Hand {name} over to its target", budget_seconds=budget)
        say(await everywhere(UninstallationActivities.hand_over, self._command(ref), over))
        await workflow.sleep(max(self._limits.drain_seconds, LEAST_DRAIN_SECONDS), summary="Drain")
        away = quick(f"Remove what {name} does not need", budget_seconds=budget)
        say(await home_last(UninstallationActivities.remove, self._command(ref), away))
        return True

    def _command(self, ref: CanaryRef) -> CanaryCommand:
        return CanaryCommand(
            ref=ref, fence=self._fences.next(), deadline_seconds=READY_SECONDS, at=workflow.now()
        )


def _is_among(ref: CanaryRef, wanted: tuple[str, ...]) -> bool:
    """Whether a canary is meant: by its name, with its namespace or without; by no name all are."""
    return not wanted or ref.name in wanted or ref.full_name in wanted


def _invalid(name: str, reason: str) -> CanaryOutcome:
    return CanaryOutcome(canary=name, outcome=Outcome.INVALID, reason=reason)


def _ended(ref: CanaryRef, outcome: Outcome, reason: str, notes: list[Note]) -> CanaryOutcome:
    return CanaryOutcome(canary=ref.full_name, outcome=outcome, reason=reason, notes=tuple(notes))

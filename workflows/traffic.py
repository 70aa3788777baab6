"""The canary's share of the traffic: given step by step, and what it was given last."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.logbook import Logbook
from workflows.rollback import Fences
from workflows.steps import quick, reason_of, restoring

with workflow.unsafe.imports_passed_through():
    from activities.traffic import TrafficActivities
    from tidegate.contracts import CanaryRequest, Fence, RouteCommand
    from tidegate.decisions import narration
    from tidegate.domain.plan import Route, Routing, describe
    from tidegate.domain.release import Phase


class Traffic:
    """Routes one canary's traffic. `routing` is what it has, `routed` the token that gave it.

    `hurried`: the traffic could not go over to the primary in steps, and does so at once.
    """

    def __init__(self, request: CanaryRequest, fences: Fences, logbook: Logbook) -> None:
        progress = request.progress
        self._ref = request.ref
        self._limits = request.limits
        self._fences = fences
        self._logbook = logbook
        self.routing: Routing | None = progress.routing if progress else None
        self.routed: Fence | None = progress.routed if progress else None
        self.hurried = False

    @property
    def given(self) -> tuple[Routing | None, Fence | None]:
        """The last routing, with the token that brought it; of the one that is under way nothing is known."""
        return self.routing, self.routed

    @property
    def share(self) -> float:
        """The canary's, in percent."""
        return self.routing.canary if self.routing else 0

    async def route(self, stage: Route) -> None:
        """Give the canary what the stage says. After its promotion, failing to is no failure any more."""
        try:
            await self._give(stage)
        except ActivityError as error:
            if not stage.receding:
                raise
            self.hurried = True
            self._logbook.note(f"the traffic goes over at once: {reason_of(error)}", warning=True)

    async def end_copies(self) -> None:
        """Nobody looks at copies any more, where the analysis was cut short."""
        if self.routing and self.routing.mirror:
            await self.route(Route(primary=100, canary=0))

    async def _give(self, stage: Route) -> None:
        summary = describe(stage)
        self._say(stage)
        self._logbook.update(waiting_for=f"the mesh control plane to route {stage.primary}/{stage.canary}")
        command = RouteCommand(
            ref=self._ref,
            fence=self._fences.next(),
            routing=stage.routing,
            expected=self.routing,
            after=self.routed,
            receding=stage.receding,
        )
        options = (
            quick(summary, budget_seconds=self._limits.outage_budget_seconds)
            if command.takes_traffic
            else restoring(summary)
        )
        report = await workflow.execute_activity_method(TrafficActivities.route, command, **options)
        self.routing, self.routed = stage.routing, command.fence
        self._logbook.update(
            weight=stage.canary, baseline=stage.baseline, matched=stage.matched, waiting_for=""
        )
        self._logbook.report(report)

    def _say(self, stage: Route) -> None:
        promoting = self._logbook.status.phase is Phase.PROMOTING
        told = narration.routed(self._ref.full_name, stage, promoting=promoting)
        if promoting and not stage.canary:
            self._logbook.enter_phase(Phase.FINALISING)
        if told:
            self._logbook.note(told)

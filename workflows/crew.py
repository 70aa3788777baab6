"""The crew of a canary: whoever performs the stages of its plan, each those of one kind."""

from temporalio import workflow

from workflows.analysis import Analysis
from workflows.approvals import Approvals
from workflows.control import Control, Rest, comes_true
from workflows.events import Events
from workflows.freezes import Freezes
from workflows.gates import Gates
from workflows.hooks import HookCalls
from workflows.logbook import Logbook
from workflows.rendezvous import Rendezvous
from workflows.rollback import Fences
from workflows.traffic import Traffic
from workflows.vigil import Vigil
from workflows.workload import Workload

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import CanaryRequest
    from tidegate.decisions import course
    from tidegate.domain.plan import (
        Approval,
        Bake,
        Drain,
        Freeze,
        Gate,
        Hold,
        Hooks,
        Meet,
        Plan,
        Prepare,
        Promote,
        Route,
        ScaleDown,
        ScaleUp,
        Stage,
        describe,
    )
    from tidegate.domain.release import Phase


class Crew:
    """Performs one stage after the other. `skipped_from`: the weight at which somebody ended the analysis."""

    def __init__(
        self,
        request: CanaryRequest,
        control: Control,
        logbook: Logbook,
        fences: Fences,
        events: Events,
        rest: Rest,
    ) -> None:
        self._control = control
        self._logbook = logbook
        self.hooks = HookCalls(request, logbook)
        self.analysis = Analysis(request, control, logbook, self.hooks, events.publication, rest)
        self.traffic = Traffic(request, fences, logbook)
        self.vigil = Vigil(request, control, self.analysis, self.traffic)
        self.approvals = Approvals(request, control, logbook, self.vigil, rest)
        self._freezes = Freezes(request, control, logbook, self.approvals, rest)
        self.gates = Gates(request, control, logbook, self.hooks, self.analysis, self.approvals, rest)
        self.rendezvous = Rendezvous(request, control, logbook, self.vigil, rest)
        self._workload = Workload(request, fences, logbook)
        self.skipped_from = request.progress.skipped_from if request.progress else None

    def follow(self, plan: Plan, target: str) -> None:
        """Know the plan, and the target's template for which it was made."""
        self._workload.follow(plan, target)
        self.hooks.follow(plan)
        self.vigil.follow(plan)
        self.rendezvous.follow(plan)

    def skip(self) -> None:
        """Remember at which weight somebody ended the analysis."""
        if self.skipped_from is None:
            self.skipped_from = self.traffic.share

    async def perform(self, stage: Stage) -> None:
        """See one stage through."""
        match stage:
            case Prepare():
                await self._workload.prepare()
            case ScaleUp():
                await self._workload.scale_up()
            case Route():
                await self.traffic.route(stage)
            case Bake():
                await self.analysis.bake(stage)
                self._end_analysis(stage)
            case Gate() | Approval() | Freeze() | Hooks() | Meet():
                await self._consult(stage)
            case Promote():
                await self._promote()
            case Hold() | Drain():
                await self._stand(stage)
            case ScaleDown():
                await self._workload.scale_down()

    async def _consult(self, stage: Gate | Approval | Freeze | Hooks | Meet) -> None:
        match stage:
            case Approval():
                await self.approvals.gather(stage)
            case Freeze():
                await self._freezes.outlast(stage)
            case Meet():
                await self.rendezvous.meet(stage, self.skipped_from)
            case _ if course.comes_after(stage):
                await self.hooks.after(succeeded=True)
            case _:
                await self.gates.open(stage)
                self._end_analysis(stage)

    def _end_analysis(self, stage: Bake | Gate | Hooks) -> None:
        if self._control.promoted and course.is_analysis(stage):
            self.skip()

    async def _stand(self, stage: Hold | Drain) -> None:
        """A promotion by hand ends a hold; what is still on its way gets its time in any case."""
        await comes_true(
            lambda: self._control.promoted and isinstance(stage, Hold), stage.seconds, describe(stage)
        )

    async def _promote(self) -> None:
        await self.traffic.end_copies()
        self._logbook.enter_phase(Phase.PROMOTING)
        await self._workload.promote()

"""The vigil: a canary that waits with traffic is judged on, bake by bake, for as long as it takes.

A promotion by hand skips the weights and bakes that are left, but opens neither an approval nor a meeting.
What stands there keeps its traffic: so its bake is repeated, under load, and may still fail it.
"""

from collections.abc import Callable

from temporalio import workflow

from workflows.analysis import Analysis
from workflows.control import Control
from workflows.traffic import Traffic

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import CanaryRequest
    from tidegate.decisions import course
    from tidegate.domain.plan import Approval, Bake, Meet, Plan

_JUDGED_ON = "judged on after a promotion by hand"
"""The change's name in histories: without it, a canary that was promoted by hand waits unjudged."""


class Vigil:
    """Repeats a bake where one canary waits, at most at one place at a time."""

    def __init__(
        self, request: CanaryRequest, control: Control, analysis: Analysis, traffic: Traffic
    ) -> None:
        self._limit = request.limits.signals_per_run
        self._control = control
        self._analysis = analysis
        self._traffic = traffic
        self._plan: Plan | None = None
        self._stage: Approval | Meet | None = None
        self._given_up = False

    def follow(self, plan: Plan) -> None:
        """Know which bake belongs to which routing."""
        self._plan = plan

    def begin(self, stage: Approval | Meet) -> None:
        """The canary waits here from now on."""
        self._stage = stage
        self.heed_promotion()

    def end(self) -> None:
        """It goes on, or back; what is left of a bake is no other's."""
        self._stage, self._given_up = None, False
        self._analysis.remaining = None

    def heed_promotion(self) -> None:
        """A promotion by hand changes what is judged; in a run of older code, whether anything is."""
        if self._control.promoted and self._standing is not None:
            self._given_up = not workflow.patched(_JUDGED_ON)

    async def stand(self, is_over: Callable[[], bool]) -> None:
        """One bake more, which ends at once when it `is_over`; without any, until something has happened."""
        bake = self._bake
        if bake:
            await self._analysis.repeat(bake, lambda: is_over() or self._bake is None)
        else:
            await workflow.wait_condition(lambda: is_over() or self._control.is_held(self._limit))

    @property
    def _bake(self) -> Bake | None:
        if not self._control.promoted:
            return self._stage.bake if self._stage else None
        return None if self._given_up else self._standing

    @property
    def _standing(self) -> Bake | None:
        """That of the traffic as it is, for stages may have been skipped before the one that waits."""
        if self._plan is None or self._stage is None or self._stage.bake is None:
            return None
        return course.standing_bake(self._plan.stages, self._traffic.routing)

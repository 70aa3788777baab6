"""A canary's hooks as its workflow calls them: one question is one activity, and never fails by itself."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.logbook import Logbook
from workflows.steps import asking, reason_of

with workflow.unsafe.imports_passed_through():
    from activities.hooks import HooksActivities
    from tidegate.contracts import AskCommand, AskReport, CanaryRequest, Consent
    from tidegate.decisions import narration
    from tidegate.domain.errors import ReleaseFailed
    from tidegate.domain.hook import HookType
    from tidegate.domain.plan import Gate, Hooks, Plan
    from tidegate.domain.release import Phase


class HookCalls:
    """Asks the hooks of one canary, and writes down what they said."""

    def __init__(self, request: CanaryRequest, logbook: Logbook) -> None:
        self._ref = request.ref
        self._limits = request.limits
        self._logbook = logbook
        self._plan = request.progress.plan if request.progress else None
        self._complaints: tuple[str, ...] = ()

    def follow(self, plan: Plan) -> None:
        """Know which hooks there are."""
        self._plan = plan

    async def ask(self, hooks: Gate | Hooks, phase: Phase = Phase.PROGRESSING) -> AskReport:
        """Call the hooks of a stage once. A question that could not be asked is one not agreed to.

        ActivityError only when somebody else ended the question.
        """
        options = asking(
            f"Ask {hooks.type}: {', '.join(hooks.hooks)}",
            hook_seconds=hooks.hook_seconds,
            budget_seconds=self._limits.outage_budget_seconds,
        )
        command = AskCommand(ref=self._ref, type=hooks.type, phase=phase)
        try:
            report: AskReport = await workflow.execute_activity_method(
                HooksActivities.ask, command, **options
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return AskReport(consent=Consent.LATER, hook=hooks.hooks[0], reason=reason_of(error))
        if report.consent is Consent.AGREED:
            for name in report.agreed:
                self._logbook.note(narration.hook_passed(hooks.type, name))
        return report

    async def ask_for_rollback(self) -> None:
        """Whether somebody wants the canary back: ReleaseFailed when a hook agrees to a rollback."""
        hooks = self._plan.rollback if self._plan else None
        if hooks is None:
            return
        report = await self.ask(hooks, self._logbook.status.phase)
        complaints = (*report.warnings, *filter(None, [report.reason]))
        for text in complaints if complaints != self._complaints else ():
            self._logbook.note(text, warning=True)
        self._complaints = complaints
        if report.consent is Consent.AGREED:
            raise ReleaseFailed(narration.rollback_asked(report.hook))

    async def after(self, succeeded: bool) -> None:
        """Tell the hooks of type post-rollout how it ended; a failure of theirs changes nothing."""
        stages = self._plan.stages if self._plan else ()
        for stage in stages:
            if isinstance(stage, Hooks) and stage.type is HookType.POST_ROLLOUT:
                report = await self.ask(stage, Phase.SUCCEEDED if succeeded else Phase.FAILED)
                if report.consent is not Consent.AGREED:
                    text = narration.hook_failed(stage.type, report.hook, report.reason)
                    self._logbook.note(text, warning=True)

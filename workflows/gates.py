"""The gates: somebody's consent is asked for, again and again, until it is given or nobody need give it.

Between two questions lies a timer or, in mid-analysis, a bake; nothing else is in the history for as long as
it takes. The signal approve opens the gate that it names. Hooks before the analysis are asked likewise, but
their failures count.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow

from workflows.analysis import Analysis
from workflows.approvals import Approvals
from workflows.control import Control, Rest, comes_true, forget
from workflows.hooks import HookCalls
from workflows.logbook import Logbook

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import AskReport, CanaryRequest, ClosedGate, Consent
    from tidegate.decisions import narration
    from tidegate.domain.alert_provider import Severity
    from tidegate.domain.errors import ReleaseFailed
    from tidegate.domain.hook import HookType
    from tidegate.domain.plan import Bake, Gate, Hooks
    from tidegate.domain.release import Phase
    from tidegate.domain.verdict import Result, Verdict

_PHASES = {
    HookType.CONFIRM_ROLLOUT: Phase.WAITING,
    HookType.CONFIRM_PROMOTION: Phase.WAITING_PROMOTION,
}


class Gates:
    """The gates of one canary, one after the other. `closed` is what the present one waits for."""

    def __init__(
        self,
        request: CanaryRequest,
        control: Control,
        logbook: Logbook,
        hooks: HookCalls,
        analysis: Analysis,
        approvals: Approvals,
        rest: Rest,
    ) -> None:
        self._ref = request.ref
        self._limits = request.limits
        self._control = control
        self._logbook = logbook
        self._hooks = hooks
        self._analysis = analysis
        self._approvals = approvals
        self._rest = rest
        self.closed = request.progress.closed if request.progress else None
        self.refused_by = request.progress.refused_by if request.progress else ""

    async def open(self, stage: Gate | Hooks) -> None:
        """Ask until the hooks agree, or an approval or a promotion by hand makes their consent needless.

        Raises ReleaseFailed when a hook says never, and when a hook before the analysis fails too often.
        """
        if isinstance(stage, Gate):
            self._approvals.enter(stage)
        if self.closed:
            self._show(stage, self.closed)
        while not self._is_over(stage):
            await self._rest()
            self.closed = self.closed or await self._ask(stage)
            if self.closed is None:
                break
            await self._stand(stage, self.closed)
            self.closed = None
        self.leave()

    def leave(self) -> None:
        """No gate waits any more."""
        self._approvals.leave()
        self.refused_by = ""

    def _is_over(self, stage: Gate | Hooks) -> bool:
        """Consent to the rollout as a whole is none that a promotion by hand stands for."""
        skipped = self._control.promoted and stage.type is not HookType.CONFIRM_ROLLOUT
        return skipped or self._control.approved

    async def _ask(self, stage: Gate | Hooks) -> ClosedGate | None:
        """What holds the canary up; None when the hooks agree."""
        report = await self._unless_over(stage)
        if report is None or report.consent is Consent.AGREED:
            return None
        if report.consent is Consent.NEVER:
            raise ReleaseFailed(narration.hook_refused(stage.type, report.hook, report.reason))
        seconds = report.again_seconds or stage.seconds
        closed = ClosedGate(
            hook=report.hook,
            reason=report.reason,
            again_at=workflow.now() + timedelta(seconds=seconds),
        )
        self._halt(stage, report)
        self._logbook.on_news()
        self._show(stage, closed)
        return closed

    async def _unless_over(self, stage: Gate | Hooks) -> AskReport | None:
        """The hooks' answer; None when a person's came first, for whom nobody waits for a slow hook."""
        question = asyncio.create_task(self._hooks.ask(stage))
        question.add_done_callback(forget)
        try:
            await workflow.wait_condition(lambda: question.done() or self._is_over(stage))
        finally:
            question.cancel()
        return None if self._is_over(stage) else question.result()

    def _halt(self, stage: Gate | Hooks, report: AskReport) -> None:
        """A gate is noted once; a hook before the analysis has failed, unless it asked for patience."""
        text = narration.waiting_for_approval(self._ref.full_name, stage.type, report.hook)
        if isinstance(stage, Gate):
            if self.refused_by != report.hook:
                self.refused_by = report.hook
                self._logbook.note(text, warning=True)
                if not report.muted:
                    self._logbook.alert(Severity.WARN, text)
            return
        if report.postponed:
            self._logbook.note_once(text, warning=True)
            return
        reason = narration.hook_failed(stage.type, report.hook, report.reason)
        verdict = Verdict(check=report.hook, result=Result.FAILED, reason=reason)
        self._analysis.count_failed_check((verdict,))

    def _show(self, stage: Gate | Hooks, closed: ClosedGate) -> None:
        if isinstance(stage, Gate):
            text = narration.gate_closed(self._ref, stage.type, closed)
            self._logbook.obstruct(text, _PHASES.get(stage.type))
        else:
            self._logbook.obstruct(narration.hook_failing(stage.type, closed), None)

    async def _stand(self, stage: Gate | Hooks, closed: ClosedGate) -> None:
        """Until the next question; the analysis goes on, and may end the canary, where it has begun."""
        bake: Bake | None = stage.bake if isinstance(stage, Gate) else None
        while not self._is_over(stage):
            if bake:
                await self._analysis.repeat(bake, lambda: self._is_over(stage))
            else:
                await self._sleep(stage, closed)
            if workflow.now() >= closed.again_at:
                return
            await self._rest()

    async def _sleep(self, stage: Gate | Hooks, closed: ClosedGate) -> None:
        seconds = (closed.again_at - workflow.now()).total_seconds()
        if seconds <= 0:
            return
        await comes_true(lambda: self._is_interrupted(stage), seconds, f"Ask {stage.type} again")

    def _is_interrupted(self, stage: Gate | Hooks) -> bool:
        return self._control.is_held(self._limits.signals_per_run) or self._is_over(stage)

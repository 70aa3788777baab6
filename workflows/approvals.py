"""Approvals: what people say to a gate, and the gates that nothing opens but enough named persons.

While such a gate waits nothing is in the history but what is said to it, for as long as it takes; where the
policy has the analysis go on meanwhile, its bakes are.
"""

from temporalio import workflow

from workflows.control import Control, Rest, waiting_at
from workflows.logbook import Logbook
from workflows.vigil import Vigil

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import ApproveRequest, CanaryRequest, ConsentStatus
    from tidegate.decisions import narration
    from tidegate.decisions.consent import Ruling, Waiting
    from tidegate.domain.alert_provider import Severity
    from tidegate.domain.approval_rule import PROMOTION
    from tidegate.domain.plan import Approval, Freeze, Gate
    from tidegate.domain.release import Phase

_PHASES = {PROMOTION: Phase.WAITING_PROMOTION}


class Approvals:
    """What people have consented to of one canary; at most one gate waits at a time."""

    def __init__(
        self, request: CanaryRequest, control: Control, logbook: Logbook, vigil: Vigil, rest: Rest
    ) -> None:
        self._request = request
        self._ref = request.ref
        self._control = control
        self._logbook = logbook
        self._vigil = vigil
        self._rest = rest
        self._waits: Approval | None = None
        self._announced = request.progress.status.gate if request.progress else ""

    def hear(self, request: ApproveRequest) -> None:
        """Take an approval, and write down what it came to."""
        what = self._control.ask_approve(request, self._request)
        waiting = self._control.waiting
        if what is Ruling.COUNTS:
            self._logbook.note(narration.approved(request.by, waiting))
            self._show()
        elif what is Ruling.STRANGER:
            self._logbook.note_once(narration.approval_refused(request.by, waiting), warning=True)
        elif what is Ruling.ELSEWHERE:
            self._logbook.note_once(narration.approved_in_vain(request, waiting.gate), warning=True)

    def enter(self, gate: Gate | Approval | Freeze) -> None:
        """From here on the gate can be approved of."""
        self._control.enter_gate(waiting_at(gate, self._logbook.status.stage))
        self._logbook.update(gate=self._control.waiting.gate)

    def leave(self) -> None:
        """No gate waits any more, be it open or given up."""
        self._waits = None
        self._control.leave_gate()
        self._vigil.end()
        self._logbook.clear()

    async def gather(self, stage: Approval) -> None:
        """Wait until enough persons have approved: a promotion by hand does not stand for them."""
        self._waits = stage
        self.enter(stage)
        self._vigil.begin(stage)
        self.announce(narration.waiting_for_approvals(self._ref.full_name, self._control.waiting.gate))
        while not self._control.approved:
            await self._rest()
            self._show()
            await self._vigil.stand(lambda: self._control.approved)
        self.leave()

    def announce(self, text: str) -> None:
        """Tell that a gate is closed: once, however many runs the wait takes."""
        gate = self._control.waiting.gate
        if self._announced != gate:
            self._announced = gate
            self._logbook.note(text, warning=True)
            self._logbook.alert(Severity.WARN, text)
            self._logbook.on_news()

    def _show(self) -> None:
        if self._waits is None:
            return
        waiting, before = self._control.waiting, self._waits.before
        text = narration.approvals_wanted(self._ref, before, waiting)
        self._logbook.obstruct(text, _PHASES.get(before, Phase.WAITING))
        self._logbook.update(consent=_status(waiting))


def _status(waiting: Waiting) -> ConsentStatus:
    return ConsentStatus(quorum=waiting.quorum, approvers=waiting.approvers, approvals=waiting.approvals)

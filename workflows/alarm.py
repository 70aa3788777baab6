"""The alarm of a way back: whoever relies on a rollback is told when its traffic does not come back."""

from temporalio import workflow

from workflows.logbook import Logbook
from workflows.rollback import WayBack

with workflow.unsafe.imports_passed_through():
    from tidegate.decisions import narration
    from tidegate.domain.alert_provider import Severity

PATIENCE_SECONDS = 60.0
"""A routing takes a second; a worker or a mesh control plane that is replaced may take half a minute."""


class Alarm:
    """Tells the chats once that traffic is not back, and once that it is. Nothing waits for it."""

    def __init__(self, way: WayBack, logbook: Logbook) -> None:
        self._way = way
        self._logbook = logbook

    async def watch(self) -> None:
        """Returns when the traffic is back, or a later release is in charge of it."""
        canary = self._logbook.status.canary
        try:
            await workflow.wait_condition(
                lambda: not self._way.routing, timeout=PATIENCE_SECONDS, timeout_summary="Traffic is back"
            )
        except TimeoutError:
            waiting_for = self._logbook.status.waiting_for
            told = narration.not_back(canary, PATIENCE_SECONDS, waiting_for)
            self._logbook.alert(Severity.ERROR, told)
            await workflow.wait_condition(lambda: not self._way.routing)
            if not self._way.overruled:
                self._logbook.alert(Severity.INFO, narration.back(canary))

"""The alarm of a way back: whoever relies on a rollback is told when its traffic does not come back."""

from temporalio import workflow

from workflows.control import comes_true
from workflows.logbook import Logbook
from workflows.rollback import WayBack

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import Limits
    from tidegate.decisions import narration
    from tidegate.domain.alert_provider import Severity


class Alarm:
    """Tells the chats once that traffic is not back, and once that it is. Nothing waits for it."""

    def __init__(self, way: WayBack, logbook: Logbook, limits: Limits) -> None:
        self._way = way
        self._logbook = logbook
        self._seconds = limits.alarm_seconds

    async def watch(self) -> None:
        """Returns when the traffic is back, or a later release is in charge of it."""
        canary = self._logbook.status.canary
        if await comes_true(lambda: not self._way.routing, self._seconds, "Wait for the traffic"):
            return
        waiting_for = self._logbook.status.waiting_for
        self._logbook.alert(Severity.ERROR, narration.not_back(canary, self._seconds, waiting_for))
        await workflow.wait_condition(lambda: not self._way.routing)
        if not self._way.overruled:
            self._logbook.alert(Severity.INFO, narration.back(canary))

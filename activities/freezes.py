"""Freezes: looked up where time zones are known, and never decided in a workflow, which must replay alike."""

from temporalio import activity

from activities.step import step
from tidegate.contracts import FreezeCommand, FreezeReport
from tidegate.decisions.freezes import frozen


class FreezesActivities:
    """Needs no neighbour."""

    @activity.defn(name="freezes_look")
    @step
    def look(self, command: FreezeCommand) -> FreezeReport:
        """Whether the moment lies in a freeze."""
        return FreezeReport(frozen=frozen(command.rules, command.at))

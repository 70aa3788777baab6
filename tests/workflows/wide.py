"""Neighbours of a canary in two workload clusters, each with a state of its own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from temporalio import activity
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import Neighbours
from tidegate.contracts import CanaryCommand, Fence, StepReport

HOME, FURTHER = CLUSTERS = ("mesh02", "mesh03")
_PATIENCE_ATTEMPTS = 12


@dataclass
class Site:
    """One cluster: its primary, whether its promotion is final, its target's replicas."""

    primary: str = "old"
    replicas: int = 0
    settled: bool = False
    promoted_by: int = 0
    fence: Fence | None = None

    def obey(self, fence: Fence) -> None:
        """Refuse an older command."""
        if fence.is_older_than(self.fence):
            message = "a later command was obeyed"
            raise ApplicationError(message, str(self.fence), type="StaleCommand", non_retryable=True)
        self.fence = fence


@dataclass
class Wide(Neighbours):
    """What is told apart by clusters, as "promote mesh03".

    `broken` are steps that fail for good, `flaky` those that fail at first, `away` those that never come to
    an end. `act` is done while the step `act_at` is under way.
    """

    further: tuple[str, ...] = (FURTHER,)
    sites: dict[str, Site] = field(default_factory=lambda: {name: Site() for name in CLUSTERS})
    broken: set[str] = field(default_factory=set)
    flaky: set[str] = field(default_factory=set)
    away: set[str] = field(default_factory=set)
    act_at: str = ""
    act: Callable[[], Awaitable[None]] | None = None

    async def _at(self, step: str, command: CanaryCommand) -> Site:
        cluster = command.ref.cluster
        assert cluster in self.sites, command.ref
        call, first = f"{step} {cluster}", activity.info().attempt == 1
        await self._did(call)
        if self.act and first and call == self.act_at:
            await self.act()
        if call in self.away or (call in self.flaky and first):
            raise ApplicationError(f"{cluster} is out of reach", type="Unreachable")
        if call in self.broken:
            raise ApplicationError(f"{cluster}: denied", type="AccessDenied", non_retryable=True)
        return self.sites[cluster]

    @activity.defn(name="workload_prepare")
    async def prepare(self, command: CanaryCommand) -> StepReport:
        (await self._at("prepare", command)).obey(command.fence)
        return StepReport(notes=("prepared",))

    @activity.defn(name="workload_scale_up")
    async def scale_up(self, command: CanaryCommand) -> StepReport:
        site = self.sites[command.ref.cluster]
        site.obey(command.fence)
        site.replicas = 2
        await self._at("scale_up", command)
        return StepReport(notes=("ready",))

    @activity.defn(name="workload_promote")
    async def promote(self, command: CanaryCommand) -> StepReport:
        site = self.sites[command.ref.cluster]
        site.obey(command.fence)
        site.primary = "mixed"
        await self._at("promote", command)
        if site.primary == "mixed":
            site.primary, site.promoted_by = "new", command.fence.epoch
        return StepReport()

    @activity.defn(name="workload_restore")
    async def restore(self, command: CanaryCommand) -> StepReport:
        """As activities/agreement.py: a further cluster follows what is decided at home."""
        site, home = await self._at("restore", command), self.sites[HOME]
        site.obey(command.fence)
        if site is not home and site.primary == "new" and not site.settled:
            undecided = home.fence is None or home.fence.is_older_than(command.fence)
            if undecided and activity.info().attempt < _PATIENCE_ATTEMPTS:
                raise ApplicationError("not decided yet at home", type="Conflict")
            site.settled = home.settled
        if site.settled:
            return StepReport(promoted_by=site.promoted_by)
        site.primary = "old"
        return StepReport()

    @activity.defn(name="workload_scale_down")
    async def scale_down(self, command: CanaryCommand) -> StepReport:
        site = await self._at("scale_down", command)
        site.obey(command.fence)
        if not command.turning_back:
            site.settled = True
        site.replicas = 0
        return StepReport(notes=("scaled to 0",))

    @property
    def side(self) -> tuple[list[str], float, list[int]]:
        """What the primaries run, the canary's weight, the targets' replicas."""
        sites = self.sites.values()
        return [each.primary for each in sites], self.weight, [each.replicas for each in sites]

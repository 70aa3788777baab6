"""Two canaries of one release, each among neighbours of its own, and what a test does to them."""

import asyncio
import contextlib
import functools
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from tests.workflows.neighbours import Handle, Neighbours, Stage, release_plan, release_request
from tidegate.contracts import CanaryOutcome, CanaryRef, ReleaseOutcome, ReleaseRequest
from tidegate.domain.release import Outcome

NAMES = ("podinfo", "podinfo1")
OLD_SIDE = ("old", 0, 0)
NEW_SIDE = ("new", 0, 0)


@dataclass
class Companion(Neighbours):
    """The neighbours of one canary; what it does is told to all."""

    name: str = ""
    log: list[str] = field(default_factory=list)

    async def _did(self, call: str) -> None:
        self.log.append(f"{self.name} {call}")
        await super()._did(call)

    @property
    def side(self) -> tuple[str, float, int]:
        """What the primary runs, the canary's weight, and the target's replicas."""
        return self.primary, self.weight, self.replicas


def _own(name: str) -> Any:
    """A step of one canary, done by its own neighbours."""
    method = getattr(Neighbours, name)

    @functools.wraps(method)
    async def step(self: "Company", command: Any) -> Any:
        ref: CanaryRef = command if isinstance(command, CanaryRef) else command.ref
        return await getattr(self.members[ref.name], name)(command)

    return step


@dataclass
class Company(Neighbours):
    """The neighbours of a release with two canaries; `calls` has their steps too, after their names."""

    canaries: int = 2
    together: bool = True
    members: dict[str, Companion] = field(default_factory=dict)

    make_plan = _own("make_plan")
    prepare = _own("prepare")
    scale_up = _own("scale_up")
    promote = _own("promote")
    restore = _own("restore")
    scale_down = _own("scale_down")
    route = _own("route")
    load = _own("load")
    ask = _own("ask")
    judge = _own("judge")

    def __post_init__(self) -> None:
        for name in NAMES:
            plan = release_plan(weights=(10, 50), seconds=0.2, drain=0.1, hooks=())
            self.members[name] = Companion(plan=plan, name=name, log=self.calls)


@dataclass
class Pair:
    """A release of two canaries: the first is podinfo, the other podinfo1."""

    stage: Stage
    company: Company
    handles: list[Handle] = field(default_factory=list)

    @property
    def first(self) -> Companion:
        """podinfo's neighbours."""
        return self.company.members[NAMES[0]]

    @property
    def other(self) -> Companion:
        """podinfo1's neighbours."""
        return self.company.members[NAMES[1]]

    async def begin(self, request: ReleaseRequest | None = None) -> Handle:
        """Start the release."""
        handle, _ = await self.stage.submit(request or release_request())
        self.handles.append(handle)
        return handle

    async def canary(self, name: str = NAMES[0]) -> Handle:
        """One of its canaries, once it runs: nobody answers for another test's of the same id."""
        await self.until(f"{name} plan")
        return await self.stage.canary(name)

    async def until(self, call: str) -> None:
        """Wait until a step has begun, as "podinfo route 10"."""
        await self.stage.until(lambda: call in self.company.calls)

    async def until_waiting(self, text: str, name: str = NAMES[0]) -> None:
        """Wait until a canary says that it waits for this."""
        canary = await self.canary(name)
        for _ in range(500):
            if (status := await self.stage.status(canary)).waiting_for == text:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never waited for {text!r}: {status}")

    async def outcomes(self, handle: Handle) -> tuple[list[CanaryOutcome], ReleaseOutcome]:
        """How its canaries ended, and how it did."""
        outcome: ReleaseOutcome = await handle.result()
        return list(outcome.canaries), outcome

    async def end(self) -> None:
        """Leave nothing behind."""
        for companion in self.company.members.values():
            companion.hang.clear()
        for workflow_id in [
            *(handle.id for handle in self.handles),
            *(f"canary/mesh02/test/{n}" for n in NAMES),
        ]:
            with contextlib.suppress(RPCError):
                await self.stage.client.get_workflow_handle(workflow_id).terminate()


def outcomes_of(canaries: list[CanaryOutcome]) -> list[Outcome]:
    """In the order of the manifests."""
    return [canary.outcome for canary in canaries]


async def failed(handle: Handle) -> WorkflowFailureError:
    """How a workflow failed."""
    try:
        await handle.result()
    except WorkflowFailureError as failure:
        return failure
    raise AssertionError("it did not fail")

"""A gate that a release waits in: how a version comes to have one, and who opens it."""

import asyncio
import time
from typing import Any, NamedTuple

import aiohttp
from temporalio.client import WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError

from benchmarks.faults.release import Release
from benchmarks.faults.scene import Scene
from benchmarks.faults.strikes import Strike
from benchmarks.installation import NAME
from tidegate.contracts import APPROVE, STATUS, ApproveRequest, CanaryStatus

LOAD_TESTER = "http://loadtester.test"
_LOOK_SECONDS = 0.2


class Gate(NamedTuple):
    """A gate by its name in cases, what its canary calls it, and how the version asks for it.

    `approvers` open it by signals; without any, the load tester does. `mid_analysis`: it stands with the
    traffic split, and the last bake is repeated meanwhile.
    """

    name: str
    shown: str
    analysis: dict[str, Any]
    policy: dict[str, Any] | None = None
    approvers: tuple[str, ...] = ()
    mid_analysis: bool = False

    async def close(self, scene: Scene) -> None:
        """Before a release: the load tester remembers a gate that was opened."""
        await _ask_load_tester(scene, "gate/close")

    async def waits(self, release: Release, within: float = 60.0) -> str:
        """Wait until the release does; the gate's full name. TimeoutError when it does not."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            status = await _status_of(release)
            if status and status.gate.startswith(self.shown):
                return status.gate
            await asyncio.sleep(_LOOK_SECONDS)
        raise TimeoutError(f"it did not wait in {self.name}: {release.said()}")

    async def open(self, scene: Scene, release: Release) -> None:
        """Let it through, now."""
        if not self.approvers:
            await _ask_load_tester(scene, "gate/open")
        for who in self.approvers:
            await release.handle.signal(APPROVE, ApproveRequest(by=who))

    async def open_in_the_end(self, scene: Scene, release: Release) -> None:
        """It still waits, whatever was done to it; then let it through."""
        await self.waits(release)
        await self.open(scene, release)


def _asking(*kinds: str) -> dict[str, Any]:
    """An analysis whose only webhooks are these, which ask the load tester's gate."""
    hook = {"url": f"{LOAD_TESTER}/gate/check", "timeout": "2s"}
    return {"webhooks": [{"name": "gate", "type": kind, **hook} for kind in kinds]}


def asking(kind: str, mid_analysis: bool = True) -> Gate:
    """The gate of a webhook."""
    return Gate(kind, f"{kind}: gate", _asking(kind), mid_analysis=mid_analysis)


ROLLOUT = asking("confirm-rollout", mid_analysis=False)
INCREASE = asking("confirm-traffic-increase", mid_analysis=False)
PROMOTION = asking("confirm-promotion")
APPROVAL = Gate(
    "approvals before promotion",
    "approval before promotion",
    {"webhooks": None},
    {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "ReleasePolicy",
        "metadata": {"name": "approved"},
        "spec": {
            "canaryRef": {"name": NAME},
            "approvals": [{"before": "promotion", "quorum": 2, "approvers": ["ann", "bob", "eve"]}],
        },
    },
    approvers=("ann", "eve"),
    mid_analysis=True,
)
GATES = (ROLLOUT, INCREASE, PROMOTION, APPROVAL)
BOTH = Gate("two gates", ROLLOUT.shown, _asking("confirm-rollout", "confirm-promotion"))


def heard_during(strike: Strike) -> Strike:
    """The same, while somebody looks at what the release waits for."""

    async def listening(scene: Scene, release: Release) -> None:
        looking = asyncio.create_task(_listen(release))
        try:
            await strike(scene, release)
        finally:
            looking.cancel()

    return listening


async def _listen(release: Release) -> None:
    while True:
        status = await _status_of(release)
        if status and status.waiting_for not in release.heard:
            release.heard.append(status.waiting_for)
        await asyncio.sleep(_LOOK_SECONDS)


async def _status_of(release: Release) -> CanaryStatus | None:
    """What its canary says of itself; None while nobody can say, or only a run that has ended."""
    try:
        status: CanaryStatus = await release.latest_canary_handle.query(
            STATUS, result_type=CanaryStatus, reject_condition=QueryRejectCondition.NOT_OPEN
        )
    except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
        return None
    return status if status.revision == release.sha else None


async def _ask_load_tester(scene: Scene, path: str) -> None:
    """As its users do, and not by way of any proxy of ours."""
    payload = {"name": NAME, "namespace": scene.application.namespace}
    async with aiohttp.ClientSession(trust_env=False) as session:
        url, proxy = f"{LOAD_TESTER}/{path}", scene.world.egress_url
        async with session.post(url, proxy=proxy, json=payload) as answer:
            answer.raise_for_status()

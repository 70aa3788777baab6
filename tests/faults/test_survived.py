"""A bounded choice of the harness's cases: one for each mechanism that a fault relies on."""

from collections.abc import Awaitable, Callable

import pytest

from benchmarks.faults.case import RELEASES, Kind
from benchmarks.faults.runner import Result
from benchmarks.faults.scene import Scene
from benchmarks.faults.worker_faults import EVENTS

CASES = (
    "worker killed: good: after event 67 of the canary",
    "worker killed: bad: after event 81 of the canary",
    "worker killed: aborted: after event 44 of the release",
    "worker killed: good: in bake-25 beside a baseline",
    "worker frozen: good: in promote",
    "worker frozen: aborted: in route-25, then an abort",
    "Temporal killed: good: in promote, back at once",
    "cancelled in Temporal: release, in promote",
    "terminated in Temporal: canary, in bake-25",
    "terminated in Temporal: both, in promote, then recover",
    "terminated in Temporal: both, in bake-25 beside a baseline, then recover",
    "terminated in Temporal: both, in bake-25, then the next start",
    "reset in Temporal: canary, in bake-50, to Prepare",
    "storm of signals: pause and resume, with an abort among them",
    "starts at once: other revisions, in bake-25",
    "server's clock goes back: good: an hour",
    "gates: worker killed as confirm-promotion opens",
    "gates: another writer edits the target's template in confirm-rollout",
)


@pytest.mark.parametrize("name", CASES)
async def test_a_release_survives(name: str, suffer: Callable[[str], Awaitable[Result]]) -> None:
    result = await suffer(name)
    assert result.violations == ()


@pytest.mark.parametrize("kind", RELEASES)
async def test_the_kills_come_to_the_end_of_each_history(scene: Scene, kind: Kind) -> None:
    """What is shown to kubectl comes in fewer posts where Temporal is slower."""
    release = await scene.begin(kind)
    await release.ended(within=60)
    await release.follower.closed()
    for workflow, struck in EVENTS[kind].items():
        assert struck >= 0.9 * release.follower.of(workflow)[-1].number
    await scene.settle()

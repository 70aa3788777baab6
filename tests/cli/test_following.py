"""A starter gets the outcome of its own revision, whichever run carries it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from tidegate.cli import submission
from tidegate.cli.following import Follower
from tidegate.cli.release_name import ReleaseName
from tidegate.cli.submission import submit
from tidegate.contracts import Disposition, OnConflict, ReleaseOutcome, ReleaseRequest, Submission
from tidegate.domain.release import Outcome

pytestmark = pytest.mark.usefixtures("worker")

RequestFor = Callable[..., ReleaseRequest]


class Starters:
    """Starts revisions of one application, and follows each."""

    def __init__(self, client: Client, request_for: RequestFor) -> None:
        self.client = client
        self.request_for = request_for

    async def start(
        self, revision: str, on_conflict: OnConflict = OnConflict.SUPERSEDE
    ) -> "asyncio.Task[ReleaseOutcome]":
        request = self.request_for(revision, on_conflict)
        submitted = await submit(self.client, request, "tidegate", lambda: None)
        follower = Follower(
            self.client,
            ReleaseName.of_request(request),
            submitted.run_id,
            {revision},
            waits=submitted.disposition not in (Disposition.STARTED, Disposition.ATTACHED),
        )
        return asyncio.create_task(follower.outcome())

    async def signal(self, signal: str) -> None:
        await self.client.get_workflow_handle(self.request_for("").workflow_id).signal(signal)


@pytest.fixture
def starters(client: Client, request_for: RequestFor) -> Starters:
    return Starters(client, request_for)


def refusal(status: RPCStatusCode) -> Exception:
    """As the SDK tells it: a wait that took a minute has an error of its own."""
    error = RPCError("not now", status, b"")
    if status is not RPCStatusCode.DEADLINE_EXCEEDED:
        return error
    timeout = WorkflowUpdateRPCTimeoutOrCancelledError()
    timeout.__cause__ = error
    return timeout


@pytest.mark.parametrize("status", [RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.DEADLINE_EXCEEDED])
async def test_a_start_that_a_busy_worker_could_not_take_in_time_is_sent_again(
    starters: Starters, monkeypatch: pytest.MonkeyPatch, status: RPCStatusCode
) -> None:
    refusals = [refusal(status)]
    send = submission._send

    async def busy(*arguments: Any) -> Submission:
        if refusals:
            raise refusals.pop()
        return await send(*arguments)

    monkeypatch.setattr(submission, "_send", busy)
    monkeypatch.setattr(submission, "BUSY_PAUSES", (0.0,))
    release = await starters.start("v1")
    await starters.signal("promote")
    assert (await release).outcome is Outcome.PROMOTED


async def test_all_who_attach_get_the_same_outcome(starters: Starters) -> None:
    first, second = await starters.start("v1"), await starters.start("v1")
    await starters.signal("promote")
    assert await first == await second
    assert (await first).outcome is Outcome.PROMOTED


async def test_the_superseded_and_the_superseding_each_get_their_own(starters: Starters) -> None:
    old, new = await starters.start("v1"), await starters.start("v2")
    assert ((await old).revision, (await old).outcome) == ("v1", Outcome.SUPERSEDED)
    await starters.signal("promote")
    assert ((await new).revision, (await new).outcome) == ("v2", Outcome.PROMOTED)


async def test_the_queued_wait_for_their_turn(starters: Starters) -> None:
    first = await starters.start("v1")
    second = await starters.start("v2", OnConflict.QUEUE)
    third = await starters.start("v3", OnConflict.QUEUE)
    await starters.signal("promote")
    assert (await first).outcome is Outcome.PROMOTED
    await starters.signal("fail")
    assert ((await second).revision, (await second).outcome) == ("v2", Outcome.ROLLED_BACK)
    await starters.signal("promote")
    assert ((await third).revision, (await third).outcome) == ("v3", Outcome.PROMOTED)


async def test_a_queued_revision_that_is_dropped_was_superseded(starters: Starters) -> None:
    await starters.start("v1")
    queued = await starters.start("v2", OnConflict.QUEUE)
    await starters.start("v3")
    outcome = await queued
    assert (outcome.revision, outcome.outcome) == ("v2", Outcome.SUPERSEDED)
    assert outcome.reason == "superseded by v3 while it was queued"


async def test_a_cancelled_release_was_aborted(starters: Starters) -> None:
    following = await starters.start("v1")
    await starters.client.get_workflow_handle(starters.request_for("").workflow_id).cancel()
    assert (await following).outcome is Outcome.ABORTED

"""A worker stops when it is told to, whatever its activities do."""

import asyncio
import contextlib
import logging
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner

from tidegate.cli.punctual_worker import PunctualWorker


class Stubborn:
    """An activity that does not end when it is cancelled."""

    def __init__(self) -> None:
        self.began, self.may_end = asyncio.Event(), asyncio.Event()

    @activity.defn
    async def stay(self) -> None:
        """Until it may end."""
        self.began.set()
        while not self.may_end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.may_end.wait()


@workflow.defn
class Staying:
    """A workflow that waits for it."""

    @workflow.run
    async def run(self) -> None:
        """Wait."""
        await workflow.execute_activity("stay", start_to_close_timeout=timedelta(minutes=1))


async def test_a_worker_whose_activity_does_not_end_is_given_up(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn, queue = Stubborn(), str(uuid4())
    worker = PunctualWorker(
        client,
        task_queue=queue,
        workflows=[Staying],
        activities=[stubborn.stay],
        workflow_runner=UnsandboxedWorkflowRunner(),
        graceful_shutdown_timeout=timedelta(seconds=0.1),
    )
    worker.patience = timedelta(seconds=0.2)
    try:
        async with asyncio.timeout(30), worker:
            handle = await client.start_workflow(Staying.run, id=queue, task_queue=queue)
            await stubborn.began.wait()
    finally:
        stubborn.may_end.set()
        await handle.terminate()
    assert "not stopped after 0.3s: what is left is given up" in caplog.text


async def test_a_worker_that_has_nothing_to_do_stops_at_once(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with asyncio.timeout(30), PunctualWorker(client, task_queue=str(uuid4()), workflows=[Staying]):
        pass
    assert "given up" not in caplog.text

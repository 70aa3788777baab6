"""The workflows run for real on the time-skipping server; their activities are played by neighbours."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.workflows.neighbours import Neighbours, Stage
from tests.workflows.pair import Company, Pair
from tidegate.cli.punctual_worker import PunctualWorker
from workflows.canary import Canary
from workflows.release import Release


@pytest.fixture
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """The time-skipping server: bakes of half a minute pass at once.

    Each test has its own, started in a fifth of a second: one that is cut off leaves its clock stopped.
    """
    server = Path(sys.executable).with_name("temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(server), data_converter=pydantic_data_converter
    ) as environment:
        yield environment


@pytest.fixture
async def stage(environment: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """A worker on a task queue of its own, on the time-skipping server."""
    async with _stage(environment) as stage:
        yield stage


@pytest.fixture(scope="package")
async def dev_environment() -> AsyncIterator[WorkflowEnvironment]:
    """The dev server: Temporal as it is, in real time."""
    async with _dev_server() as environment:
        yield environment


@pytest.fixture
async def dev_stage(dev_environment: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """The same on the dev server, which tells a parent that its child was terminated."""
    async with _stage(dev_environment) as stage:
        yield stage


@pytest.fixture
async def pair(dev_environment: WorkflowEnvironment) -> AsyncIterator[Pair]:
    """A release of two canaries on the dev server, where parent and child meet as in Temporal."""
    async with _pair(dev_environment) as pair:
        yield pair


@asynccontextmanager
async def _pair(environment: WorkflowEnvironment) -> AsyncIterator[Pair]:
    """What a test leaves running is ended: canaries have fixed ids."""
    company = Company()
    async with _stage(environment, company) as stage:
        pair = Pair(stage, company)
        yield pair
        await pair.end()


@pytest.fixture
async def impatient_stage() -> AsyncIterator[Stage]:
    """The same on a dev server that suggests to continue as new after a few steps already."""
    async with _dev_server("limit.historyCount.suggestContinueAsNew=30") as server, _stage(server) as stage:
        yield stage


@asynccontextmanager
async def _dev_server(*settings: str) -> AsyncIterator[WorkflowEnvironment]:
    server = Path(sys.executable).with_name("temporal")
    # The server's default rounds every timer up by as much as a second.
    settings = ('history.timerProcessorMaxTimeShift="10ms"', *settings)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(server),
        data_converter=pydantic_data_converter,
        dev_server_log_level="error",
        dev_server_extra_args=[w for setting in settings for w in ("--dynamic-config-value", setting)],
    ) as environment:
        yield environment


@asynccontextmanager
async def _stage(
    environment: WorkflowEnvironment, neighbours: Neighbours | None = None
) -> AsyncIterator[Stage]:
    neighbours = neighbours or Neighbours()
    task_queue = f"tidegate-{uuid4()}"
    async with PunctualWorker(
        environment.client,
        task_queue=task_queue,
        workflows=[Release, Canary],
        activities=neighbours.activities,
    ):
        yield Stage(environment, neighbours, task_queue)

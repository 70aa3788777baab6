"""One dev server for all kinds of releases."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.replay.kinds import server


@pytest.fixture(scope="package")
async def replay_server() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal as it is, in real time."""
    async with server() as environment:
        yield environment

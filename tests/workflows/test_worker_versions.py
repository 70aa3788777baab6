"""Workers are upgraded in mid-release: an old version ends what it began, the new one takes what is new."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import WorkflowContinuedAsNewError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from tests.workflows.neighbours import Handle, Neighbours, Stage, release_plan, release_request
from tidegate.cli.punctual_worker import PunctualWorker
from tidegate.contracts import OnConflict
from tidegate.settings import Settings
from worker import deployment
from workflows.canary import Canary
from workflows.release import Release

NEW = "b" * 40


def test_versioning_is_off_by_default() -> None:
    assert deployment(Settings()) is None


@pytest.mark.parametrize("half", [{"deployment_name": "tidegate"}, {"build_id": "1"}])
def test_a_version_needs_its_deployments_name_and_the_other_way_round(half: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="set deployment_name and build_id together"):
        Settings.model_validate({"worker": half})


@asynccontextmanager
async def version(
    environment: WorkflowEnvironment, name: str, build: str, task_queue: str
) -> AsyncIterator[Stage]:
    """A worker of one version, made the current one."""
    neighbours = Neighbours(plan=release_plan(weights=(10,), seconds=0.3, drain=0.1))
    settings = Settings.model_validate({"worker": {"deployment_name": name, "build_id": build}})
    async with PunctualWorker(
        environment.client,
        task_queue=task_queue,
        workflows=[Release, Canary],
        activities=neighbours.activities,
        deployment_config=deployment(settings),
    ):
        await make_current(environment, name, build)
        yield Stage(environment, neighbours, task_queue)


async def make_current(environment: WorkflowEnvironment, name: str, build: str) -> None:
    """As `temporal worker deployment set-current-version` does, once the server knows the version."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace="default", deployment_name=name, build_id=build, identity="test"
    )
    for _ in range(200):
        try:
            await environment.client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError(f"version {build} never became known")


async def build_of(handle: Handle) -> str:
    """The version that a workflow ran on, or runs on."""
    info = (await handle.describe()).raw_description.workflow_execution_info
    return info.versioning_info.deployment_version.build_id


async def test_a_release_ends_on_the_version_that_began_it(dev_environment: WorkflowEnvironment) -> None:
    name = f"tidegate-{uuid4()}"
    async with version(dev_environment, name, "1", name) as old:
        old.neighbours.hang = {"load"}
        started, submission = await old.submit(release_request())
        running = old.client.get_workflow_handle(started.id, run_id=submission.run_id)
        await old.until(lambda: "route 10" in old.neighbours.calls)
        async with version(dev_environment, name, "2", name) as new:
            await old.submit(release_request(NEW, on_conflict=OnConflict.QUEUE))
            old.neighbours.hang.clear()
            with pytest.raises(WorkflowContinuedAsNewError) as handover:
                await running.result(follow_runs=False)
            canary = old.client.get_workflow_handle("canary/mesh02/test/podinfo")
            successor = old.client.get_workflow_handle(running.id, run_id=handover.value.new_execution_run_id)
            await successor.result()
            builds = [await build_of(handle) for handle in (running, successor, canary)]
            assert builds == ["1", "2", "2"]
            assert old.neighbours.calls[-3:] == ["promote", "route 0", "scale_down"]
            assert [call for call in new.neighbours.calls if call.startswith("apply")] == [f"apply {NEW}"]

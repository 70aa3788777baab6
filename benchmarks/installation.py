"""A sandbox with a worker and a repository, in which a benchmark starts releases as the command line does."""

import re
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks.history import History
from benchmarks.repository import BRANCH, Repository
from tidegate.cli.submission import submit
from tidegate.contracts import ReleaseOutcome, ReleaseRequest, canary_workflow_id
from tidegate.domain.application import Application
from tidegate.domain.release import Outcome
from tidegate.sandbox.ports import free_port
from tidegate.sandbox.world import World

CLUSTER, NAMESPACE, NAME = "mesh02", "test", "podinfo"
HOST = "app.istio.example.com"
_HEARTBEATS = re.compile(
    r'^temporal_request\{[^}]*operation="RecordActivityTaskHeartbeat"[^}]*\} (\S+)$', re.MULTILINE
)


class NotMeasured(Exception):
    """A benchmark could not be measured; the text says why."""


class Finished(NamedTuple):
    """A release that ended: its outcome, when it ran, and its two histories."""

    outcome: ReleaseOutcome
    began: datetime
    ended: datetime
    release: History
    canary: History

    @property
    def seconds(self) -> float:
        """Wall time of the Release workflow, from its start to its close as Temporal recorded them."""
        return (self.ended - self.began).total_seconds()


class Installation:
    """It is up inside `async with`; `directory` keeps the sandbox's logs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = AsyncExitStack()
        self.world = World(directory / "world")
        self.repository = Repository(directory / "podinfo")

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        await self.repository.create()
        await self._stack.enter_async_context(self.world)
        self.session = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._client = await Client.connect(
            self.world.temporal_address, data_converter=pydantic_data_converter
        )
        self._metrics = f"127.0.0.1:{free_port()}"
        await self.world.start_worker({"TIDEGATE_WORKER__METRICS_ADDRESS": self._metrics})

    async def begin(self) -> WorkflowHandle[Any, ReleaseOutcome]:
        """Start a release of the last commit, as `starter.py start` does."""
        request = ReleaseRequest(application=self._application(), cluster=CLUSTER, revision=BRANCH)
        submission = await submit(self._client, request, "tidegate", lambda: None)
        return self._client.get_workflow_handle(
            request.workflow_id, run_id=submission.run_id, result_type=ReleaseOutcome
        )

    async def finish(self, handle: WorkflowHandle[Any, ReleaseOutcome], expected: Outcome) -> Finished:
        """Wait for a release's end; NotMeasured when it did not end as expected."""
        outcome = await handle.result()
        if outcome.outcome is not expected:
            raise NotMeasured(
                f"a release should have been {expected}, and was {outcome.outcome}: {outcome.reason}"
            )
        description = await handle.describe()
        canary = self._client.get_workflow_handle(canary_workflow_id(CLUSTER, NAMESPACE, NAME))
        if description.close_time is None:
            raise NotMeasured("Temporal does not say when a release closed")
        return Finished(
            outcome=outcome,
            began=description.start_time,
            ended=description.close_time,
            release=History.parse((await handle.fetch_history()).to_json_dict()),
            canary=History.parse((await canary.fetch_history()).to_json_dict()),
        )

    async def release(self, expected: Outcome = Outcome.PROMOTED) -> Finished:
        """Release the last commit, to the end."""
        return await self.finish(await self.begin(), expected)

    async def canary_weight(self) -> int:
        """The canary's share of the traffic by Envoy's own configuration."""
        return (await self.world.envoy_weights(NAME)).get(f"{NAME}-canary", 0)

    async def heartbeats(self) -> int:
        """Heartbeats that the worker has sent to Temporal so far; many that activities make are held back."""
        async with self.session.get(f"http://{self._metrics}/metrics") as response:
            return heartbeats_in(await response.text())

    def _application(self) -> Application:
        return Application.model_validate(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": NAME},
                "spec": {
                    "source": {"repoURL": self.repository.url, "path": ".", "targetRevision": BRANCH},
                    "destination": {"name": CLUSTER, "namespace": NAMESPACE},
                    "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
                },
            }
        )


def heartbeats_in(metrics: str) -> int:
    """The count in the metrics of Temporal's SDK, in Prometheus' text format."""
    return int(sum(float(count) for count in _HEARTBEATS.findall(metrics)))

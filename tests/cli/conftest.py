"""A Temporal dev server, stand-ins for the two workflows that honour the contracts, and the program."""

import asyncio
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner
from typer.testing import CliRunner, Result

from tidegate.cli.main import make_app
from tidegate.cli.punctual_worker import PunctualWorker
from tidegate.contracts import (
    ABORT,
    APPROVE,
    CANARY_WORKFLOW,
    PAUSE,
    PROMOTE,
    RELEASE_WORKFLOW,
    RESUME,
    STATUS,
    SUBMIT,
    AbortRequest,
    ApproveRequest,
    CanaryOutcome,
    CanaryStatus,
    Disposition,
    Mode,
    Note,
    OnConflict,
    ReleaseOutcome,
    ReleaseRequest,
    ReleaseStatus,
    Submission,
    canary_workflow_id,
)
from tidegate.domain.application import Application
from tidegate.domain.release import Outcome, Phase
from tidegate.domain.verdict import Result as CheckResult
from tidegate.domain.verdict import Verdict

ASIDE = {
    Mode.RECOVER: (Outcome.RECOVERED, "podinfo.test was put right: traffic 85/15"),
    Mode.UNINSTALL: (Outcome.UNINSTALLED, "podinfo.test was uninstalled"),
}
"""How a run ends that brings no revision, and why."""

ENDS = {
    "abort": Outcome.ABORTED,
    "promote": Outcome.PROMOTED,
    "fail": Outcome.ROLLED_BACK,
    "refuse": Outcome.INVALID,
}


@workflow.defn(name=CANARY_WORKFLOW)
class StandInCanary:
    """Bakes at 15 % until somebody ends it."""

    @workflow.init
    def __init__(self, request: ReleaseRequest) -> None:
        self.end: Outcome | None = None
        self.state = CanaryStatus(
            canary=f"{request.application.name}.test",
            cluster=request.cluster,
            revision=request.wanted_revision,
            phase=Phase.PROGRESSING,
            weight=15,
            stage=7,
            stages=26,
            doing="Bake 2s at 15%, 1 check, load",
            threshold=5,
            verdicts=(
                Verdict(
                    check="request-success-rate",
                    result=CheckResult.PASSED,
                    reason="success rate 99.93% >= 99%",
                    value=99.93,
                    unit="%",
                ),
            ),
        )

    @workflow.run
    async def run(self, request: ReleaseRequest) -> CanaryOutcome:
        await workflow.wait_condition(lambda: self.end is not None)
        assert self.end
        return CanaryOutcome(canary=self.state.canary, outcome=self.end, reason=f"ended by {self.end}")

    @workflow.query(name=STATUS)
    def status(self) -> CanaryStatus:
        return self.state

    @workflow.signal(name="end")
    def end_by(self, signal: str) -> None:
        self.end = ENDS[signal]
        self.state = self.state.model_copy(update={"phase": self.end.phase})

    @workflow.signal(name=PAUSE)
    def pause(self) -> None:
        self.state = self.state.model_copy(update={"paused": True})

    @workflow.signal(name=RESUME)
    def resume(self) -> None:
        self.state = self.state.model_copy(update={"paused": False})

    @workflow.signal(name="wait")
    def wait(self) -> None:
        self.state = self.state.model_copy(update={"gate": "confirm-promotion: sesame (stage 7)"})

    @workflow.signal(name=APPROVE)
    def approve(self, request: ApproveRequest) -> None:
        if self.state.gate in [gate.gate for gate in request.gates]:
            notes = (*self.state.notes, Note(at=workflow.now(), text=f"approved by {request.by}"))
            self.state = self.state.model_copy(update={"gate": "", "notes": notes})


@workflow.defn(name=RELEASE_WORKFLOW)
class StandInRelease:
    """Releases one canary; hands over to another revision as the real one does."""

    @workflow.init
    def __init__(self, request: ReleaseRequest) -> None:
        self.request = request
        self.queue = list(request.queued)
        self.dropped: tuple[str, ...] = ()
        self.superseded = False
        self.child: workflow.ChildWorkflowHandle[StandInCanary, CanaryOutcome] | None = None
        self.state = ReleaseStatus(
            application=request.application.name,
            cluster=request.cluster,
            namespace=request.application.spec.destination.namespace,
            revision=request.wanted_revision,
            phase=Phase.RELEASING,
        )

    @workflow.run
    async def run(self, request: ReleaseRequest) -> ReleaseOutcome:
        if request.mode is not Mode.RELEASE:
            return self._aside(*ASIDE[request.mode])
        name = canary_workflow_id(request.cluster, self.state.namespace, request.application.name)
        self.child = await workflow.start_child_workflow(StandInCanary.run, request, id=name)
        self.state = self.state.model_copy(update={"canaries": (name,)})
        canary = await self.child
        outcome = Outcome.SUPERSEDED if self.superseded else canary.outcome
        result = ReleaseOutcome(
            application=request.application.name,
            outcome=outcome,
            reason=canary.reason,
            revision=request.wanted_revision,
            canaries=(canary,),
            seconds=61.0,
        )
        self.state = self.state.model_copy(update={"outcome": result, "phase": outcome.phase})
        if self.queue:
            following, *later = self.queue
            handed = {"previous": result, "queued": tuple(later), "dropped": self.dropped}
            workflow.continue_as_new(following.model_copy(update=handed))
        return result

    def _aside(self, outcome: Outcome, reason: str) -> ReleaseOutcome:
        result = ReleaseOutcome(
            application=self.state.application,
            outcome=outcome,
            reason=reason,
            revision=self.state.revision,
        )
        self.state = self.state.model_copy(update={"outcome": result, "phase": outcome.phase})
        return result

    @workflow.update(name=SUBMIT)
    async def submit(self, request: ReleaseRequest) -> Submission:
        if request.mode is not self.request.mode:
            return self._answer(Disposition.REJECTED, request)
        if request.wanted_revision == self.request.wanted_revision:
            known = self.state.canaries
            return self._answer(Disposition.ATTACHED if known else Disposition.STARTED, request)
        if request.on_conflict is OnConflict.REJECT:
            return self._answer(Disposition.REJECTED, request)
        if request.on_conflict is OnConflict.QUEUE:
            self.queue.append(request)
            self._show_queue()
            return self._answer(Disposition.QUEUED, request)
        self.dropped = tuple(waiting.wanted_revision for waiting in self.queue)
        self.queue, self.superseded = [request], True
        self._show_queue()
        await self._tell("end", ABORT)
        return self._answer(Disposition.SUPERSEDING, request)

    def _answer(self, disposition: Disposition, request: ReleaseRequest) -> Submission:
        return Submission(
            disposition=disposition,
            revision=self.request.wanted_revision,
            run_id=workflow.info().run_id,
            wanted=request.wanted_revision,
        )

    def _show_queue(self) -> None:
        waiting = tuple(each.wanted_revision for each in self.queue)
        self.state = self.state.model_copy(update={"queued": waiting})

    async def _tell(self, signal: str, *arguments: str | ApproveRequest) -> None:
        await workflow.wait_condition(lambda: self.child is not None)
        assert self.child
        await self.child.signal(signal, args=list(arguments))

    @workflow.query(name=STATUS)
    def status(self) -> ReleaseStatus:
        return self.state

    @workflow.signal(name=PAUSE)
    async def pause(self) -> None:
        self.state = self.state.model_copy(update={"paused": True})
        await self._tell(PAUSE)

    @workflow.signal(name=RESUME)
    async def resume(self) -> None:
        self.state = self.state.model_copy(update={"paused": False})
        await self._tell(RESUME)

    @workflow.signal(name=PROMOTE)
    async def promote(self) -> None:
        await self._tell("end", PROMOTE)

    @workflow.signal(name="wait")
    async def wait(self) -> None:
        await self._tell("wait")

    @workflow.signal(name=APPROVE)
    async def approve(self, request: ApproveRequest) -> None:
        await self._tell(APPROVE, request)

    @workflow.signal(name=ABORT)
    async def abort(self, request: AbortRequest | None = None) -> None:
        await self._tell("end", ABORT)

    @workflow.signal(name="fail")
    async def fail(self) -> None:
        await self._tell("end", "fail")

    @workflow.signal(name="refuse")
    async def refuse(self) -> None:
        await self._tell("end", "refuse")


@pytest.fixture(scope="package")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    """A dev server that knows none of Tidegate's search attributes."""
    beside = Path(sys.executable).with_name("temporal")
    program = str(beside) if beside.exists() else shutil.which("temporal")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=program, data_converter=pydantic_data_converter
    ) as environment:
        yield environment


@pytest.fixture(scope="package")
def client(temporal: WorkflowEnvironment) -> Client:
    """A client of the dev server."""
    return temporal.client


@pytest.fixture(scope="package")
async def worker(client: Client) -> AsyncIterator[None]:
    """A worker with the stand-ins, on the default task queue."""
    async with PunctualWorker(
        client,
        task_queue="tidegate",
        workflows=[StandInRelease, StandInCanary],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


@pytest.fixture
def name() -> str:
    """An application's name that no other test uses."""
    return f"podinfo-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def application_file(tmp_path: Path, name: str) -> Path:
    """An Application at branch `latest`, whose repository need not exist."""
    file = tmp_path / "application.yaml"
    file.write_text(
        f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}}}
spec:
  source: {{repoURL: "{tmp_path}/repository", path: deploy, targetRevision: latest}}
  destination: {{name: mesh02, namespace: test}}
""",
        encoding="utf-8",
    )
    return file


@pytest.fixture
def request_for(name: str) -> Callable[..., ReleaseRequest]:
    """Make a request for a revision of the test's application."""

    def make(revision: str, on_conflict: OnConflict = OnConflict.SUPERSEDE) -> ReleaseRequest:
        application = Application.from_manifest(
            {
                "kind": "Application",
                "metadata": {"name": name},
                "spec": {
                    "source": {"repoURL": "https://git.test/podinfo", "path": "deploy"},
                    "destination": {"name": "mesh02", "namespace": "test"},
                },
            }
        )
        return ReleaseRequest(
            application=application, cluster="mesh02", revision=revision, on_conflict=on_conflict
        )

    return make


@pytest.fixture
def app() -> typer.Typer:
    """The program."""
    return make_app()


@pytest.fixture
def tidegate(
    app: typer.Typer, temporal: WorkflowEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Coroutine[Any, Any, Result]]:
    """Run a command beside the worker, and wait for its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal.client.service_client.config.target_host)
    monkeypatch.setenv("TIDEGATE_CLUSTERS__MESH02__CONTEXT", "mesh02")
    monkeypatch.delenv("TIDEGATE_CONFIG", raising=False)

    async def run(*arguments: object) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, [str(each) for each in arguments])

    return run


@pytest.fixture
def moment() -> datetime:
    """The moment that golden texts are taken at."""
    return datetime(2026, 3, 1, 12, 1, 5, tzinfo=UTC)

"""`tidegate list`: the releases that Temporal remembers, the last started first."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey

from tidegate.cli.connection import run
from tidegate.cli.exits import exits
from tidegate.cli.options import Json
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName
from tidegate.cli.words import elapsed, short
from tidegate.contracts import PHASE_ATTRIBUTE, RELEASE_WORKFLOW, REVISION_ATTRIBUTE
from tidegate.domain.base import Model

COLUMNS = ("application", "destination", "revision", "phase", "started", "took")

Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many releases to print at most.")]
Running = Annotated[bool, typer.Option("--running", help="Only releases that have not ended.")]


class ReleaseRow(Model):
    """One release in the list. `phase` is Temporal's status where no phase was recorded."""

    application: str
    cluster: str
    namespace: str
    revision: str
    phase: str
    running: bool
    started: datetime
    seconds: float
    workflow_id: str
    run_id: str


@exits
def list_releases(limit: Limit = 20, running: Running = False, json: Json = False) -> int:
    """Print the releases, the last started first."""
    output = Output(as_json=json)
    rows = run(lambda client: _rows(client, limit, running))
    if json:
        output.document({"event": "releases", "releases": [row.model_dump(mode="json") for row in rows]})
    elif rows:
        output.result(table_of(rows))
    elif running:
        output.say("no release is running")
    else:
        output.say("no releases yet; start one with `tidegate start -f application.yaml`")
    return 0


def table_of(rows: list[ReleaseRow]) -> Table:
    """The list as people read it."""
    table = Table(*COLUMNS, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: ReleaseRow) -> Iterator[str]:
    yield row.application
    yield f"{row.cluster}/{row.namespace}"
    yield short(row.revision)
    yield row.phase
    yield f"{row.started.astimezone():%m-%d %H:%M:%S}"
    yield elapsed(row.seconds)


async def _rows(client: Client, limit: int, running: bool) -> list[ReleaseRow]:
    query = f"WorkflowType = '{RELEASE_WORKFLOW}'"
    if running:
        query += " AND ExecutionStatus = 'Running'"
    found = [_row(each) async for each in client.list_workflows(query, limit=limit)]
    return [row for row in found if row is not None]


def _row(execution: WorkflowExecution) -> ReleaseRow | None:
    name = ReleaseName.of_workflow(execution.id)
    if name is None:
        return None
    running = execution.status is WorkflowExecutionStatus.RUNNING
    ended = execution.close_time or datetime.now(UTC)
    return ReleaseRow(
        application=name.application,
        cluster=name.cluster,
        namespace=name.namespace,
        revision=_attribute(execution, REVISION_ATTRIBUTE),
        phase=_phase(execution),
        running=running,
        started=execution.start_time,
        seconds=round((ended - execution.start_time).total_seconds(), 3),
        workflow_id=execution.id,
        run_id=execution.run_id,
    )


def _phase(execution: WorkflowExecution) -> str:
    """A run that was cut off never said its last phase: then Temporal's own word is the truth."""
    cut_off = (
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.CANCELED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TIMED_OUT,
    )
    said = "" if execution.status in cut_off else _attribute(execution, PHASE_ATTRIBUTE)
    return said or (execution.status.name.replace("_", " ").capitalize() if execution.status else "")


def _attribute(execution: WorkflowExecution, name: str) -> str:
    return execution.typed_search_attributes.get(SearchAttributeKey.for_keyword(name)) or ""

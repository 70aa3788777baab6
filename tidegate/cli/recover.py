"""`tidegate recover`: put right what a release left that ended without its way back."""

from typing import Annotated

import typer
from temporalio.client import Client

from tidegate.cli.connection import run
from tidegate.cli.exits import REFUSED, CommandFailed, exits, line_of
from tidegate.cli.last_request import last_request, request_of
from tidegate.cli.observation import CUT_OFF
from tidegate.cli.options import Json, Name, OptionalFile, Timeout
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName
from tidegate.cli.start import Starter
from tidegate.cli.watching import within
from tidegate.contracts import RELEASE_WORKFLOW, Disposition, Mode, ReleaseRequest
from tidegate.domain.errors import InvalidInput
from tidegate.settings import load_settings

SENTENCES = {
    Disposition.STARTED: "recovering: {release}",
    Disposition.ATTACHED: "attached: {release} is being recovered already",
    Disposition.QUEUED: "queued: {release} is recovered when the release of {running} has ended",
    Disposition.REJECTED: "{running} of {release} is being released: nothing is left behind while it runs; "
    "end it with `tidegate abort {release}`, which brings its traffic back",
}

All = Annotated[
    bool,
    typer.Option("--all", help="Every application whose last release was terminated, timed out or failed."),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the recovery to its end.")]


@exits
def recover(
    application: Name = None,
    file: OptionalFile = None,
    every: All = False,
    wait: Wait = True,
    timeout: Timeout = None,
    json: Json = False,
) -> int:
    """Put right what a release left behind that was terminated, or that Temporal has lost.

    All traffic goes to the primary, an unfinished promotion is undone, the target is scaled to 0; where
    nothing is wrong, nothing changes. The worker does it, in a run that excludes releases: a start waits.
    """
    if every and (application or file):
        raise InvalidInput("both --all and an application are given", mend="give one of them")
    output = Output(as_json=json)
    task_queue = load_settings().worker.task_queue

    async def work(client: Client) -> int:
        requests = (
            await _all_cut_off(client)
            if every
            else [await request_of(client, application, file, Mode.RECOVER)]
        )
        if not requests:
            _say_nothing(output)
        return await _recover(client, requests, task_queue, output, timeout if wait else 0.0)

    return run(work, interrupted="interrupted; the recovery goes on")


def _say_nothing(output: Output) -> None:
    if output.as_json:
        output.document({"event": "releases", "releases": []})
    else:
        output.say("no application's last release was cut off")


async def _recover(
    client: Client, requests: list[ReleaseRequest], task_queue: str, output: Output, seconds: float | None
) -> int:
    """The greatest exit code. All begin before the first is followed, for so many seconds at most, if any."""
    codes, begun = [0], []
    for request in requests:
        release = ReleaseName.of_request(request)
        starter = Starter(request, release, task_queue, output, SENTENCES)
        try:
            submission = await starter.submit(client, patient=False)
        except CommandFailed as error:
            codes.append(_told(error, output))
        else:
            codes += [REFUSED] if submission is None else []
            begun += [(starter, release, submission)] if submission else []
    for starter, release, submission in begun if seconds != 0 else ():
        further = f"the recovery goes on: follow it with `tidegate watch {release}`"
        following = starter.follow(client, submission)
        try:
            codes.append(await within(seconds, release, following, starter.silence, further=further))
        except CommandFailed as error:
            codes.append(_told(error, output))
    return max(codes)


def _told(error: CommandFailed, output: Output) -> int:
    """One recovery that fails keeps no other from its turn."""
    output.error(line_of(error), error.exit_code)
    return error.exit_code


async def _all_cut_off(client: Client) -> list[ReleaseRequest]:
    """One for every application whose last run was cut off; an earlier one has had a successor since."""
    query = f"WorkflowType = '{RELEASE_WORKFLOW}' AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')"
    ids = {each.id for each in [each async for each in client.list_workflows(query)]}
    found = []
    for workflow_id in sorted(ids):
        release = ReleaseName.of_workflow(workflow_id)
        last = await client.get_workflow_handle(workflow_id).describe()
        if release is not None and last.status in CUT_OFF:
            found.append(await last_request(client, release, Mode.RECOVER))
    return found

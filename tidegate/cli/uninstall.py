"""`tidegate uninstall`: give back to their owner the objects that releases took over."""

from typing import Annotated

import typer
from temporalio.client import Client

from tidegate.cli.connection import run
from tidegate.cli.exits import REFUSED, exits
from tidegate.cli.last_request import request_of
from tidegate.cli.options import Json, Name, OptionalFile, Timeout
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName
from tidegate.cli.start import Starter
from tidegate.cli.watching import within
from tidegate.contracts import Disposition, Mode
from tidegate.settings import load_settings

SENTENCES = {
    Disposition.STARTED: "uninstalling: {release}",
    Disposition.ATTACHED: "attached: {release} is being uninstalled already",
    Disposition.QUEUED: "queued: {release} is uninstalled when the run of {running} has ended",
    Disposition.REJECTED: "{running} of {release} is being released; wait for its end, or end it with "
    "`tidegate abort {release}`",
}

Canaries = Annotated[
    list[str] | None,
    typer.Option(
        "--canary",
        metavar="NAME",
        help="Only this canary, by its name; may be repeated. All of the application's when not given.",
        show_default=False,
    ),
]
Forgotten = Annotated[
    list[str] | None,
    typer.Option(
        "--forget-cluster",
        metavar="NAME",
        help="A further cluster that is gone for good: nothing is given back there. May be repeated.",
        show_default=False,
    ),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the uninstallation to its end.")]


@exits
def uninstall(
    application: Name = None,
    file: OptionalFile = None,
    canary: Canaries = None,
    forget_cluster: Forgotten = None,
    wait: Wait = True,
    timeout: Timeout = None,
    json: Json = False,
) -> int:
    """Give the original Deployment, Service and VirtualService back, without a lost request.

    The target gets what the primary runs and as many pods, the Service selects it, the routes are as they
    were, and what releases had made is deleted. The worker does it, in a run that excludes releases.
    """
    output = Output(as_json=json)
    task_queue = load_settings().worker.task_queue

    async def work(client: Client) -> int:
        asked = await request_of(client, application, file, Mode.UNINSTALL)
        chosen = {"canaries": tuple(canary or ()), "forgotten": tuple(forget_cluster or ())}
        request = asked.model_copy(update=chosen)
        release = ReleaseName.of_request(request)
        starter = Starter(request, release, task_queue, output, SENTENCES)
        submission = await starter.submit(client, patient=False)
        if submission is None:
            return REFUSED
        if not wait:
            return 0
        further = f"the uninstallation goes on: follow it with `tidegate watch {release}`"
        return await within(
            timeout, release, starter.follow(client, submission), starter.silence, further=further
        )

    return run(work, interrupted="interrupted; the uninstallation goes on")

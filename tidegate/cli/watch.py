"""`tidegate watch`: follow a release to its end."""

from temporalio.client import Client

from tidegate.cli.connection import run
from tidegate.cli.exits import exits
from tidegate.cli.following import Follower, read_request
from tidegate.cli.observation import observe
from tidegate.cli.options import Json, Name, OptionalFile, Timeout
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName, find_release
from tidegate.cli.watching import watch_to_end, within


@exits
def watch(
    application: Name = None, file: OptionalFile = None, timeout: Timeout = None, json: Json = False
) -> int:
    """Follow the application's last release to its end, and exit with its code.

    Interrupting it changes nothing: the release goes on.
    """
    output = Output(as_json=json)

    async def work(client: Client) -> int:
        release = await find_release(client, application, file)
        return await within(timeout, release, _follow(client, release, output))

    return run(work, interrupted="interrupted; the release goes on")


async def _follow(client: Client, release: ReleaseName, output: Output) -> int:
    run_id = (await observe(client, release.workflow_id)).run_id
    request = await read_request(client, release.workflow_id, run_id)
    follower = Follower(client, release, run_id, {request.wanted_revision})
    return await watch_to_end(client, release, follower, output)

"""What an application was released with last: for runs that bring no revision."""

from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tidegate.cli.exits import INVALID, CommandFailed
from tidegate.cli.following import read_request
from tidegate.cli.release_name import ReleaseName, find_release, request_from, whoami
from tidegate.contracts import Mode, OnConflict, ReleaseRequest
from tidegate.settings import load_settings


async def request_of(client: Client, name: str | None, file: Path | None, mode: Mode) -> ReleaseRequest:
    """From the file, which needs no record in Temporal, or from what was released last."""
    if file is not None and name is None:
        return aside(request_from(file, None, load_settings()), mode)
    return await last_request(client, await find_release(client, name, file), mode)


async def last_request(client: Client, release: ReleaseName, mode: Mode) -> ReleaseRequest:
    """From Temporal's record; CommandFailed without one."""
    try:
        return aside(await read_request(client, release.workflow_id, None), mode)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND or "amespace" in error.message:
            raise
        line = f"Temporal has no record of {release}; give the Application's file with -f"
        raise CommandFailed(line, INVALID) from None


def aside(request: ReleaseRequest, mode: Mode) -> ReleaseRequest:
    """The same application's run in another mode."""
    return ReleaseRequest(
        application=request.application,
        cluster=request.cluster,
        revision=request.wanted_revision,
        on_conflict=OnConflict.REJECT,
        started_by=whoami(),
        mode=mode,
    )

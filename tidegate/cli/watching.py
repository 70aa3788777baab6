"""Shows a release until its end, and says what the exit code is."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from tidegate.cli.connection import ui_link
from tidegate.cli.displays import Display, display_for
from tidegate.cli.exits import GAVE_UP, CommandFailed
from tidegate.cli.following import Follower, read_request
from tidegate.cli.observation import Observation, observe
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName
from tidegate.contracts import ReleaseOutcome
from tidegate.domain.duration import format_duration
from tidegate.domain.release import Outcome

POLL_SECONDS = 0.4


async def watch_to_end(client: Client, release: ReleaseName, follower: Follower, output: Output) -> int:
    """Show the release until the follower knows its outcome; the outcome's exit code.

    What the worker refuses is an error like what this command refuses: one line on standard error.
    """
    with display_for(output) as display:
        outcome = await _shown(client, release, follower, display)
        display.end(outcome, ui_link(client, release.workflow_id, follower.run_id))
    if outcome.outcome is Outcome.INVALID:
        output.problem(" ".join(outcome.reason.split()))
    return outcome.outcome.exit_code


async def within(
    seconds: float | None,
    release: ReleaseName,
    work: Coroutine[Any, Any, int],
    silence: Callable[[], str] = str,
    *,
    further: str = "",
) -> int:
    """The work's exit code. CommandFailed when so many seconds pass before its end.

    `silence` says why nothing is known of the release so far; empty when something is. `further` says what
    goes on all the same; empty: a release, which may be watched or aborted.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        why = f": {silence()}" if silence() else ""
        line = f"gave up waiting after {format_duration(seconds or 0)}{why}; {further or goes_on(release)}"
        raise CommandFailed(line, GAVE_UP) from None


async def recorded_outcome(client: Client, seen: Observation) -> ReleaseOutcome | None:
    """How an ended run ended, from Temporal's record alone; None while it runs."""
    if not seen.closed_as:
        return None
    request = await read_request(client, seen.workflow_id, seen.run_id)
    release = ReleaseName.of_request(request)
    return await Follower(client, release, seen.run_id, {request.wanted_revision}).outcome()


def goes_on(release: ReleaseName) -> str:
    """What to tell somebody who stops waiting."""
    return (
        f"the release goes on: follow it with `tidegate watch {release}`, "
        f"end it with `tidegate abort {release}`"
    )


async def _shown(
    client: Client, release: ReleaseName, follower: Follower, display: Display
) -> ReleaseOutcome:
    following = asyncio.create_task(follower.outcome())
    try:
        while not following.done():
            await _show(client, release, follower, display)
            await asyncio.wait({following}, timeout=POLL_SECONDS)
        await _show(client, release, follower, display)
        return await following
    finally:
        following.cancel()


async def _show(client: Client, release: ReleaseName, follower: Follower, display: Display) -> None:
    """One look; one that Temporal does not answer is left out, for the follower decides on outages."""
    link = ui_link(client, release.workflow_id, follower.run_id)
    try:
        display.show(await observe(client, release.workflow_id, follower.run_id, link))
    except RPCError:
        return

"""Sends a signal to a running release, and waits a moment to see what it did."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tidegate.cli.connection import run, ui_link
from tidegate.cli.displays import status_document
from tidegate.cli.exits import INVALID, CommandFailed
from tidegate.cli.observation import Observation, observe
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName, find_release
from tidegate.cli.words import NO_WORKER, split
from tidegate.contracts import AbortRequest, ApproveRequest

EFFECT_SECONDS = 5.0
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Steering:
    """One signal: its name and argument, when its effect is seen, and how to say so."""

    signal: str
    seen: Callable[[Observation], bool]
    sentence: Callable[[Observation], str]
    argument: AbortRequest | ApproveRequest | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the JSON document has besides the status."""


def steer(steering: Steering, name: str | None, file: Path | None, output: Output) -> int:
    """Send the signal; 0 once it is sent, for Temporal keeps it until a worker acts on it."""

    async def work(client: Client) -> int:
        await steer_release(client, await find_release(client, name, file), steering, output)
        return 0

    return run(work)


async def steer_release(client: Client, release: ReleaseName, steering: Steering, output: Output) -> None:
    """Send the signal, and say what it did."""
    await _send(client, release, steering)
    seen, effective = await _effect(client, release, steering.seen)
    tell(output, release, steering, seen, effective=effective)


async def _send(client: Client, release: ReleaseName, steering: Steering) -> None:
    handle = client.get_workflow_handle(release.workflow_id)
    arguments = [] if steering.argument is None else [steering.argument]
    try:
        await handle.signal(steering.signal, args=arguments)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise not_running(release) from None


def not_running(release: ReleaseName) -> CommandFailed:
    """There is nothing to steer."""
    return CommandFailed(f"{release} has no running release", INVALID)


async def _effect(
    client: Client, release: ReleaseName, effective: Callable[[Observation], bool]
) -> tuple[Observation, bool]:
    deadline = asyncio.get_running_loop().time() + EFFECT_SECONDS
    while True:
        seen = await observe(client, release.workflow_id)
        link = ui_link(client, release.workflow_id, seen.run_id)
        seen = seen.model_copy(update={"ui": link})
        if seen.worker_answers and effective(seen):
            return seen, True
        if asyncio.get_running_loop().time() > deadline:
            return seen, False
        await asyncio.sleep(POLL_SECONDS)


def tell(
    output: Output, release: ReleaseName, steering: Steering, seen: Observation, *, effective: bool
) -> None:
    """Say what a signal did, or that nothing of it is to be seen yet."""
    if output.as_json:
        told = {"event": steering.signal, "effective": effective, **steering.facts}
        output.document({**status_document(seen), **told})
    elif effective:
        output.say(steering.sentence(seen))
    else:
        why = "" if seen.worker_answers else f": {NO_WORKER}"
        output.say(f"sent {steering.signal} to {release}; its effect is not to be seen yet{why}", "yellow")


def ended(seen: Observation) -> bool:
    """Whether the release has its outcome, or its run is over."""
    return bool(seen.closed_as) or (seen.release is not None and seen.release.outcome is not None)


def traffic(seen: Observation) -> str:
    """How each canary's traffic stands: podinfo.test at 15 %, traffic 85/15."""
    return "; ".join(f"{each.canary} at {each.weight} %, traffic {split(each)}" for each in seen.canaries)


def name_of(seen: Observation) -> str:
    """The application's name in sentences."""
    return seen.release.application if seen.release else seen.workflow_id

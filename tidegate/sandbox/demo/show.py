"""The demo from the first line to the last: a world comes up, the story is told, the world goes down."""

import asyncio
import logging
import sys
from pathlib import Path
from time import monotonic

from tidegate.sandbox.demo.commands import Commands
from tidegate.sandbox.demo.example import Example, typed
from tidegate.sandbox.demo.screen import Screen
from tidegate.sandbox.demo.story import Story
from tidegate.sandbox.demo.users import Users
from tidegate.sandbox.world import World, own_environment

READING_SECONDS = 60.0
"""How long the world of a demo on a terminal stays up after the summary."""


async def show(directory: Path, screen: Screen, keep: bool) -> None:
    """Run the demo. On a terminal its world stays up for a minute; with `keep`, until Enter is pressed.

    Raises Surprise or CommandError when something was not as it has to be, ProcessError or OSError when the
    world does not come up.
    """
    try:
        await _show(directory, screen, keep)
    except asyncio.CancelledError:
        screen.say("\nInterrupted; taking everything down ...", "yellow")
        raise


async def _show(directory: Path, screen: Screen, keep: bool) -> None:
    began = monotonic()
    screen.heading("Tidegate: podinfo from Git to promoted, and a broken version back again")
    screen.say("Starting Temporal, three clusters, Envoy, Prometheus, and worker.py ...")
    async with World(directory) as world:
        await world.start_worker()
        _log_to(world.directory / "logs" / "sandbox.log")
        screen.say(f"Up after {monotonic() - began:.1f} s. Logs are in {typed(world.directory / 'logs')}.")
        screen.address("Temporal UI", world.temporal_ui_url)
        await _tell(world, screen)
        if screen.is_terminal and sys.stdin.isatty():
            screen.say(
                f"\n`source {typed(world.directory / 'environment')}` in another shell to look around."
            )
            await _linger(screen, None if keep else READING_SECONDS)
    hint = "" if keep else " `make demo KEEP=1` leaves it up, to read both runs in the UI."
    screen.say(f"\nAll of it is down again, after {monotonic() - began:.0f} s.{hint}", "dim")


async def _tell(world: World, screen: Screen) -> None:
    commands = Commands({**own_environment(), **world.environment()}, screen)
    users = Users(world.gateway_url)
    story = Story(screen, commands, Example(world.directory), users, world.gateway_url)
    await story.tell(world.temporal_ui_url)


async def _linger(screen: Screen, seconds: float | None) -> None:
    """Leave somebody at a terminal the time to read both runs in the UI, or all the time they want."""
    how_long = f"in {seconds:g} s, or when you press Enter" if seconds else "when you press Enter"
    screen.say(f"The Temporal UI has every step of both runs. All of it is taken down {how_long}.", "bold")
    pressed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), pressed.set)
    try:
        async with asyncio.timeout(seconds):
            await pressed.wait()
    except TimeoutError:
        screen.say("Taking it down ...", "dim")
    finally:
        loop.remove_reader(sys.stdin.fileno())


def _log_to(file: Path) -> None:
    """Keep warnings of the sandbox's parts out of the story."""
    logging.basicConfig(
        filename=file,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        level=logging.WARNING,
        force=True,
    )

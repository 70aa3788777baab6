"""Runs commands as a user would, in the checkout: shown before they run, with the terminal as their own."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tidegate.sandbox.demo.example import CHECKOUT, Command
from tidegate.sandbox.demo.screen import Screen
from tidegate.sandbox.processes import die_with_parent

_PATIENCE = 180.0
_ENDS_WITHIN = 5.0


class CommandError(Exception):
    """A command ended otherwise than it had to."""


class Commands:
    """A shell's role: an environment, a screen and a place to run in."""

    def __init__(self, environment: Mapping[str, str], screen: Screen) -> None:
        programs = str(Path(sys.executable).parent)
        path = os.pathsep.join((programs, environment.get("PATH", os.defpath)))
        self._environment = {**environment, "PATH": path}
        self._screen = screen

    async def run(self, command: Command, expected: int = 0) -> None:
        """Show a command and run it.

        Raises CommandError for another exit code than `expected`, and when it takes over three minutes.
        """
        self._screen.command(command)
        code, _ = await self._execute(command, captured=False)
        if code != expected:
            raise CommandError(f"`{' '.join(command)}` ended with {code}, not {expected}")

    async def read(self, command: Command) -> bytes:
        """What a command prints, without showing it. Raises CommandError when it fails."""
        code, output = await self._execute(command, captured=True)
        if code:
            raise CommandError(f"`{' '.join(command)}` ended with {code}")
        return output

    async def _execute(self, command: Command, captured: bool) -> tuple[int, bytes]:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if captured else None,
            env=self._environment,
            cwd=CHECKOUT,
            preexec_fn=die_with_parent(os.getpid()),
        )
        try:
            output, _ = await asyncio.wait_for(child.communicate(), _PATIENCE)
        except TimeoutError:
            raise CommandError(f"`{' '.join(command)}` did not end within {_PATIENCE:g} s") from None
        finally:
            await _end(child)
        return await child.wait(), output or b""


async def _end(child: asyncio.subprocess.Process) -> None:
    """End a command that we stop waiting for."""
    if child.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(child.wait(), _ENDS_WITHIN)
    except TimeoutError:
        child.kill()
        await child.wait()

"""`python -m tidegate.sandbox up`: the world, with a worker in it, until Ctrl-C; `demo`: a tour of it."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable
from pathlib import Path

from tidegate.sandbox.demo.commands import CommandError
from tidegate.sandbox.demo.example import typed
from tidegate.sandbox.demo.screen import Screen
from tidegate.sandbox.demo.show import show
from tidegate.sandbox.demo.stay import stay
from tidegate.sandbox.demo.story import Surprise
from tidegate.sandbox.processes import ProcessError, end_with_parent

UNEXPECTED = 1
NOT_UP = 5
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    0 after an orderly end, 1 when the demo did not go as it has to, 5 when the world does not come up, 130
    when a signal ended the demo.
    """
    options = _options(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if options.end_with_parent:
        end_with_parent(os.getppid())
    try:
        return asyncio.run(_run(options))
    except (Surprise, CommandError) as surprise:
        logs = typed(options.dir / "logs")
        sys.stderr.write(f"\ndemo: not as it has to be: {surprise}\ndemo: logs are in {logs}\n")
        return UNEXPECTED
    except (ProcessError, OSError, ExceptionGroup) as error:
        for reason in _reasons(error):
            sys.stderr.write(f"sandbox: {reason}\n")
        return NOT_UP


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tidegate.sandbox", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    up = commands.add_parser("up", help="start the sandbox and keep it up until Ctrl-C")
    up.add_argument("--no-worker", action="store_true", help="do not start worker.py")
    up.add_argument("--further", action="store_true", help="have a second workload cluster, mesh03")
    demo = commands.add_parser("demo", help="release podinfo three times in a sandbox")
    demo.add_argument("--keep", action="store_true", help="on a terminal, stay up until Enter is pressed")
    for command in (up, demo):
        command.add_argument(
            "--dir", type=Path, default=Path(".sandbox"), help="where its state goes (%(default)s)"
        )
        command.add_argument(
            "--end-with-parent", action="store_true", help="end when the process that started it is killed"
        )
    return parser.parse_args(arguments)


async def _run(options: argparse.Namespace) -> int:
    if options.command == "demo":
        return 0 if await _until_signal(show(options.dir, Screen(), keep=options.keep)) else INTERRUPTED
    await _until_signal(stay(options.dir, worker=not options.no_worker, further=options.further))
    return 0


async def _until_signal(work: Awaitable[None]) -> bool:
    """Do the work; a signal cancels it, while it starts as well. Whether it came to its own end."""
    working = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, working.cancel)
    try:
        await working
    except asyncio.CancelledError:
        return False
    return True


def _reasons(error: Exception) -> list[str]:
    """The errors within; those which nobody foresaw are raised again."""
    if isinstance(error, ExceptionGroup):
        return [reason for inner in error.exceptions for reason in _reasons(inner)]
    if not isinstance(error, (ProcessError, OSError)):
        raise error
    return [str(error)]


if __name__ == "__main__":
    sys.exit(main())

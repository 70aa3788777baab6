"""The `tidegate` program: its commands, and an exit that cannot fail."""

import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import NoReturn

import typer

from tidegate.cli.abort import abort
from tidegate.cli.exits import EXIT_CODES
from tidegate.cli.list import list_releases
from tidegate.cli.pause import pause
from tidegate.cli.plan import plan
from tidegate.cli.promote import promote
from tidegate.cli.resume import resume
from tidegate.cli.start import start
from tidegate.cli.status import status
from tidegate.cli.validate import validate
from tidegate.cli.version import version
from tidegate.cli.watch import watch

ABOUT = "Release applications onto an Istio mesh, gradually and durably."
EPILOG = "\n\n".join(["Exit codes:", *(f"{code}: {meaning}" for code, meaning in EXIT_CODES.items())])
COMMANDS: dict[str, Callable[..., None]] = {
    "start": start,
    "status": status,
    "watch": watch,
    "list": list_releases,
    "pause": pause,
    "resume": resume,
    "promote": promote,
    "abort": abort,
    "plan": plan,
    "validate": validate,
    "version": version,
}


def make_app() -> typer.Typer:
    """The program with all its commands."""
    app = typer.Typer(
        name="tidegate",
        help=ABOUT,
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for name, command in COMMANDS.items():
        app.command(name, epilog=EPILOG)(command)
    return app


def main() -> NoReturn:
    """Run the command of the process's arguments.

    The process leaves by os._exit: the Temporal SDK's threads now and then crash Python's own shutdown,
    and CI must get the exit code of the release.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        make_app()()
    except SystemExit as leaving:
        code = leaving.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)

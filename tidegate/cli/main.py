"""The `tidegate` program: its commands, and an exit that cannot fail."""

import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer
from typer._click.exceptions import NoArgsIsHelpError, UsageError  # typer exports only one of its kinds

from tidegate.cli.abort import abort
from tidegate.cli.approve import approve
from tidegate.cli.codec_server import serve_codec
from tidegate.cli.exits import EXIT_CODES, INVALID
from tidegate.cli.list import list_releases
from tidegate.cli.output import Output
from tidegate.cli.pause import pause
from tidegate.cli.plan import plan
from tidegate.cli.promote import promote
from tidegate.cli.recover import recover
from tidegate.cli.resume import resume
from tidegate.cli.start import start
from tidegate.cli.status import status
from tidegate.cli.uninstall import uninstall
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
    "approve": approve,
    "abort": abort,
    "recover": recover,
    "uninstall": uninstall,
    "plan": plan,
    "validate": validate,
    "codec-server": serve_codec,
    "version": version,
}


def _print_version(wanted: bool) -> None:
    if wanted:
        version()


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
        app.command(name, epilog=EPILOG, short_help=_first_line(command))(command)
    app.callback()(_program)
    return app


def _program(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    pass


def _first_line(command: Callable[..., None]) -> str:
    """A command's summary as a whole: left to itself, the list of commands cuts it."""
    return (command.__doc__ or "").partition("\n")[0]


def main() -> NoReturn:
    """Run the command of the process's arguments.

    The process leaves by os._exit: the Temporal SDK's threads now and then crash Python's own shutdown,
    and CI must get the exit code of the release.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    code = run_command(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run_command(arguments: Sequence[str]) -> int:
    """The exit code of one command; a wrong option is reported like every other bad input."""
    program = typer.main.get_command(make_app())
    try:
        code = program.main(list(arguments), prog_name="tidegate", standalone_mode=False)
    except NoArgsIsHelpError as error:
        error.show()
        return INVALID
    except UsageError as error:
        Output(as_json="--json" in arguments).error(_usage_line(error, arguments), INVALID)
        return INVALID
    return code if isinstance(code, int) else 0


def _usage_line(error: UsageError, arguments: Sequence[str]) -> str:
    """What is wrong with the command line, and where its options are listed; not every error knows where."""
    command = next((each for each in arguments if each in COMMANDS), "")
    problem = error.format_message().replace("Value error, ", "").rstrip(".")
    asked = f"{error.ctx.command_path} --help" if error.ctx else f"{f'tidegate {command}'.strip()} --help"
    return f"{problem[:1].lower()}{problem[1:]}; see `{asked}`"

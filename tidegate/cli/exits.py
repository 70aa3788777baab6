"""Exit codes, and how every error becomes one line and one of them."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer
from temporalio.service import RPCError, RPCStatusCode

from tidegate.cli.output import Output
from tidegate.domain.errors import AccessDenied, InvalidInput, TidegateError, Transient
from tidegate.domain.redaction import redacted
from tidegate.settings import SettingsError

FAILED = 1
INVALID = 2
REFUSED = 3
GAVE_UP = 4
OUT_OF_REACH = 5

EXIT_CODES = {
    0: "promoted, initialised, unchanged, recovered or uninstalled; for other commands: done",
    FAILED: "rolled back or failed",
    INVALID: "invalid input; nothing was changed",
    REFUSED: "aborted, superseded, or rejected because another revision is being released",
    GAVE_UP: "gave up waiting; the release goes on",
    OUT_OF_REACH: "Temporal, a cluster or the Git repository is out of reach",
}
"""The meaning of each exit code, as the help and the reference print it."""

P = ParamSpec("P")


class CommandFailed(Exception):
    """A command cannot do what was asked. Its text is one line."""

    def __init__(self, line: str, exit_code: int) -> None:
        super().__init__(line)
        self.exit_code = exit_code


EXPECTED = (CommandFailed, TidegateError, SettingsError, RPCError)


def exits(command: Callable[P, int]) -> Callable[P, None]:
    """Turn a command's returned code, or its expected error, into the process's exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except EXPECTED as error:
            code = exit_code_of(error)
            Output(as_json=bool(kwargs.get("json"))).error(line_of(error), code)
        raise typer.Exit(code)

    return run


def exit_code_of(error: Exception) -> int:
    """The documented code of an expected error."""
    match error:
        case CommandFailed():
            return error.exit_code
        case InvalidInput() | SettingsError():
            return INVALID
        case Transient() | AccessDenied():
            return OUT_OF_REACH
        case RPCError():
            return INVALID if error.status is RPCStatusCode.INVALID_ARGUMENT else OUT_OF_REACH
        case _:
            return FAILED


def line_of(error: Exception) -> str:
    """What is wrong, in one line without secrets."""
    text = f"Temporal says: {error.message}" if isinstance(error, RPCError) else str(error)
    return redacted(" ".join(text.split()))

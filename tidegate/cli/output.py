"""Where a command's words go: results to standard output, everything else to standard error.

With --json, standard output carries JSON only, one document per line, and all human text goes to standard
error.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

ENDLESS = 1_000_000
"""Columns when the output is not a terminal: a log is searched by lines, so they are never broken."""


PIPE_CLOSED = 141
"""How a shell counts a program that its reader left: 128 and the number of SIGPIPE."""


class _Console(Console):
    """One that ends the command when nobody reads it any more, without a word, as `status | head` expects."""

    def on_broken_pipe(self) -> None:
        os._exit(PIPE_CLOSED)


class Output:
    """One command's two streams. Colours on a terminal only, and never with NO_COLOR."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = _console(stderr=False)
        self.err = _console(stderr=True)

    @property
    def is_live(self) -> bool:
        """Whether a view may be drawn over and over."""
        return not self.as_json and self.out.is_terminal and not self.out.is_dumb_terminal

    def document(self, document: Mapping[str, Any]) -> None:
        """Print one JSON document on one line."""
        print(json.dumps(document, ensure_ascii=False), flush=True)

    def result(self, renderable: RenderableType) -> None:
        """Print what the command was asked for."""
        self.out.print(renderable, soft_wrap=isinstance(renderable, str | Text) and not self.out.is_terminal)

    def say(self, line: str, style: str = "") -> None:
        """Print a line for people: beside a result, never instead of one."""
        console = self.err if self.as_json else self.out
        console.print(Text(line, style=style), soft_wrap=True)

    def link(self, address: str) -> None:
        """Print where to read more, if that is known; never broken over lines."""
        if address:
            self.say(f"Temporal UI: {address}", "dim")

    def warn(self, line: str) -> None:
        """Print a warning to standard error."""
        self.err.print(Text.assemble(("warning: ", "yellow"), line), soft_wrap=True)

    def error(self, line: str, exit_code: int) -> None:
        """Print why the command fails; with --json, as a document too."""
        self.problem(line)
        if self.as_json:
            self.document({"event": "error", "error": line, "exit_code": exit_code})

    def problem(self, line: str) -> None:
        """Print what is wrong to standard error, in one line."""
        self.err.print(Text.assemble(("error: ", "bold red"), line), soft_wrap=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    return _Console(
        file=stream,
        width=None if terminal else ENDLESS,
        force_terminal=terminal,
        no_color=bool(os.environ.get("NO_COLOR")) or not terminal,
        highlight=False,
        markup=False,
        emoji=False,
    )

"""Prints the command line's reference, so that the documentation cannot disagree with the program.

`python -m tidegate.cli.reference > docs/reference/cli.md` writes it.
"""

from typing import Any

import typer

from tidegate.cli.exits import EXIT_CODES
from tidegate.cli.main import ABOUT, make_app

WIDTH = 96

INTRODUCTION = f"""\
# Command line

Generated from `tidegate/cli` by `python -m tidegate.cli.reference > docs/reference/cli.md`.

{ABOUT} The installed command is `tidegate`; from a checkout, `starter.py` is the same.

Temporal is found by its own `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_PROFILE` and `temporal.toml`;
clusters and Git by `tidegate.toml` (see [settings](settings.md)). With `TEMPORAL_UI_ADDRESS` set, such as
`http://localhost:8233`, commands print a link to the run.

With `--json`, standard output carries one JSON document per line and nothing else; text for people goes to
standard error. Each document has an `event`: `submission`, `status` (once for each change) and `outcome` at
the end; the signal's own name after `pause`, `resume`, `promote`, `approve` and `abort`; `plan`, `valid`,
`releases` and `version` from the commands that answer at once; or `error`. `outcome` and `error` have the
`exit_code`. After a release that was terminated, the `status` has `left_behind`: what is known of it, and
the remedy. Colours are for terminals only, and `NO_COLOR` is respected."""


def cli_reference() -> str:
    """Every command's help: the text of docs/reference/cli.md."""
    group: Any = typer.main.get_command(make_app())
    sections = [_section(name, command) for name, command in group.commands.items()]
    return "\n\n".join([INTRODUCTION, _exit_codes(), *sections]) + "\n"


def _exit_codes() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "| --- | --- |", *rows])


def _section(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=f"tidegate {name}", terminal_width=WIDTH)
    text, _, _ = command.get_help(context).partition("\n\n  Exit codes:")
    return f"## {name}\n\n```text\n{text}\n```"


if __name__ == "__main__":
    print(cli_reference(), end="")

"""The documented command line is the real one."""

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tidegate.cli.exits import EXIT_CODES
from tidegate.cli.main import COMMANDS
from tidegate.cli.reference import cli_reference
from tidegate.domain.release import Outcome

ROOT = Path(__file__).parents[2]
PROMISED = {
    "start": [
        "--file",
        "--revision",
        "--wait",
        "--timeout",
        "--on-conflict",
        "--validate",
        "--override-freeze",
    ],
    "status": ["--file"],
    "watch": ["--file", "--timeout"],
    "list": ["--limit", "--running"],
    "pause": ["--file"],
    "resume": ["--file"],
    "promote": ["--file"],
    "approve": ["--file", "--canary", "--gate", "--by"],
    "abort": ["--file", "--reason"],
    "recover": ["--file", "--all", "--wait", "--timeout"],
    "uninstall": ["--file", "--canary", "--forget-cluster", "--wait", "--timeout"],
    "plan": ["--file", "--revision"],
    "validate": ["--file", "--revision"],
    "codec-server": [],
    "version": [],
}


def test_the_documented_reference_is_current() -> None:
    assert (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8") == cli_reference()


def test_the_promised_commands_are_all_there() -> None:
    assert list(COMMANDS) == list(PROMISED)


def test_the_programs_help_cuts_no_summary_and_names_the_version(app: typer.Typer) -> None:
    told = " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())
    summaries = [
        " ".join((command.__doc__ or "").partition("\n")[0].split()) for command in COMMANDS.values()
    ]
    assert [summary for summary in summaries if summary not in told] == []
    assert CliRunner().invoke(app, ["--version"]).stdout == CliRunner().invoke(app, ["version"]).stdout


@pytest.mark.parametrize("command", PROMISED)
def test_a_commands_help_has_its_options_and_the_exit_codes(app: typer.Typer, command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert [option for option in [*PROMISED[command], "--json"] if option not in result.stdout] == []
    assert [int(code) for code in re.findall(r"^  (\d): ", result.stdout, re.MULTILINE)] == list(EXIT_CODES)


def test_every_outcome_has_a_documented_exit_code() -> None:
    assert {outcome.exit_code for outcome in Outcome} <= set(EXIT_CODES)

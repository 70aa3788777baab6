"""Every command in the documents exists, with its options."""

import re
from pathlib import Path
from typing import Any

import typer

from tidegate.cli.exits import EXIT_CODES
from tidegate.cli.main import make_app

SHELL = ("sh", "bash", "yaml")
_MAKE = re.compile(r"(?:^|[`\s])make (?P<target>[a-z]+)\b")
_TIDEGATE = re.compile(r"(?:starter\.py|^\s*(?:- (?:run: )?)?tidegate) (?P<rest>[a-z][^#\n|]*)", re.M)


def test_every_make_target_exists(root: Path, documents: list[Any], blocks: list[Any]) -> None:
    known = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.M))
    shell = [block.text for block in blocks if block.language in SHELL]
    inline = [found for document in documents for found in re.findall(r"`(make [^`]+)`", document.prose)]
    named = {found["target"] for text in (*shell, *inline) for found in _MAKE.finditer(text)}
    assert {"demo", "test"} <= named <= known


def test_every_command_and_option_exists(blocks: list[Any]) -> None:
    group: Any = typer.main.get_command(make_app())
    wrong = [
        f"{block.where}: {call}"
        for block in blocks
        if block.language in SHELL
        for call in _calls(block.text)
        if not _is_known(group, call)
    ]
    assert wrong == []


def test_the_commands_are_found(readme: Any) -> None:
    called = {call.split()[0] for block in readme.blocks for call in _calls(block.text)}
    assert {"validate", "plan", "start", "status", "pause", "resume", "promote", "abort"} <= called


def test_the_exit_codes_of_the_readme_are_the_commands(readme: Any) -> None:
    assert re.findall(r"^\| (\d) \| (.+) \|$", readme.text, re.M) == [
        (str(code), meaning) for code, meaning in EXIT_CODES.items()
    ]


def test_the_temporal_commands_name_signals_and_queries_of_the_workflows(blocks: list[Any]) -> None:
    shell = "".join(block.text for block in blocks if block.language in SHELL)
    named = re.findall(r"workflow (?:signal|query) .*--(?:name|type) (\w+)", shell)
    assert named
    assert set(named) <= {"pause", "resume", "promote", "approve", "abort", "status"}


def _calls(text: str) -> list[str]:
    return [found["rest"].strip() for found in _TIDEGATE.finditer(text)]


def _is_known(group: Any, call: str) -> bool:
    name, *words = call.split()
    if name not in group.commands:
        return False
    known = {flag for each in group.commands[name].params for flag in (*each.opts, *each.secondary_opts)}
    return {word for word in words if word.startswith("-")} <= known

"""What the demo prints: narration, commands, findings; plain lines where there is no terminal."""

import shlex
import sys
from typing import TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from tidegate.sandbox.demo.example import Command

_PLAIN_WIDTH = 250


class Screen:
    """Writes at once, since commands write to the same terminal in between."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        terminal = stream.isatty()
        self.is_terminal = terminal
        self._console = Console(
            file=stream, width=None if terminal else _PLAIN_WIDTH, highlight=False, markup=False, emoji=False
        )

    def heading(self, text: str) -> None:
        """Begin a part of the demo."""
        self._print("")
        self._print(text, "bold cyan")

    def say(self, text: str, style: str = "") -> None:
        """Tell something, broken over lines between words."""
        self._console.print(Text(text, style=style))
        self._console.file.flush()

    def command(self, command: Command) -> None:
        """Show a command that is about to run, whole, so that it can be copied."""
        self._print(f"$ {shlex.join(command)}", "bold")

    def finding(self, good: bool, text: str) -> None:
        """Tell what was found, and whether it is as it has to be."""
        mark = ("✓ ", "bold green") if good else ("✗ ", "bold red")
        self.say_all(Text.assemble(mark, text))

    def say_all(self, *parts: RenderableType) -> None:
        """Print renderables."""
        for part in parts:
            self._console.print(part)
        self._console.file.flush()

    def address(self, name: str, address: str) -> None:
        """Print an address, never broken, so that terminals make it a link."""
        self._print(f"  {name:<12} {address}")

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)
        self._console.file.flush()

"""Command-line flags as Go programs read them: `--name=value`, `--name value`, and `--switch`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar, cast

Value = str | int | bool
T = TypeVar("T", str, int, bool)


class FlagError(ValueError):
    """A flag that the program does not have, or a value that does not fit it."""


class Flag(Generic[T]):
    """A flag's name and default, which also says its type."""

    def __init__(self, name: str, default: T) -> None:
        self.name = name
        self.default: T = default


class Flags:
    """The values of a program's flags, from its arguments, else its environment, else the defaults."""

    def __init__(self, flags: Sequence[Flag[str] | Flag[int] | Flag[bool]]) -> None:
        self._values: dict[str, Value] = {flag.name: flag.default for flag in flags}

    def __getitem__(self, flag: Flag[T]) -> T:
        return cast(T, self._values[flag.name])

    def read_environment(self, environment: Mapping[str, str], prefix: str) -> None:
        """Take `<PREFIX>_UI_COLOR` for `--ui-color`, and so on."""
        for name in self._values:
            variable = f"{prefix}_{name.replace('-', '_').upper()}"
            if variable in environment:
                self._set(name, environment[variable])

    def read_arguments(self, arguments: Sequence[str]) -> None:
        """Take the flags among the arguments; FlagError for one that is not known."""
        rest = list(arguments)
        while rest:
            word = rest.pop(0)
            if not word.startswith("-"):
                raise FlagError(f"unexpected argument: {word}")
            name, given, text = word.lstrip("-").partition("=")
            if name not in self._values:
                raise FlagError(f"unknown flag: --{name}")
            if not given:
                text = self._bare_value(name, rest)
            self._set(name, text)

    def _bare_value(self, name: str, rest: list[str]) -> str:
        if isinstance(self._values[name], bool):
            return "true"
        if not rest:
            raise FlagError(f"flag needs an argument: --{name}")
        return rest.pop(0)

    def _set(self, name: str, text: str) -> None:
        self._values[name] = _convert(name, text, self._values[name])


def _convert(name: str, text: str, like: Value) -> Value:
    if isinstance(like, bool):
        if text.lower() not in ("true", "false", "1", "0", "t", "f"):
            raise FlagError(f"invalid argument {text!r} for --{name}: not a boolean")
        return text.lower() in ("true", "1", "t")
    if isinstance(like, int):
        try:
            return int(text)
        except ValueError:
            raise FlagError(f"invalid argument {text!r} for --{name}: not a number") from None
    return text

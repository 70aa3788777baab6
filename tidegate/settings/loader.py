"""Reads the settings from tidegate.toml and the environment, and explains in one line what is wrong."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tidegate.settings.model import Settings, SettingsError
from tidegate.settings.reference import section_model

CONFIG_VARIABLE = "TIDEGATE_CONFIG"
DEFAULT_FILE = "tidegate.toml"
PREFIX = "TIDEGATE_"
DELIMITER = "__"


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the file and the environment (default: the process's). Raises SettingsError."""
    environ = os.environ if environ is None else environ
    file = _settings_file(environ)
    tree = _read_toml(file) if file else {}
    variables = _overlay(tree, environ)
    source = str(file) if file else DEFAULT_FILE
    context = {"folder": file.absolute().parent if file else Path.cwd()}
    try:
        settings = Settings.model_validate(tree, context=context)
    except ValidationError as error:
        raise _explained(error, source, variables) from None
    _check_references(settings, source, variables)
    return settings


def _settings_file(environ: Mapping[str, str]) -> Path | None:
    named = environ.get(CONFIG_VARIABLE, "")
    if not named:
        return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).is_file() else None
    if not Path(named).is_file():
        raise SettingsError(
            file=named, field=CONFIG_VARIABLE, mend="no such file; correct the variable or unset it"
        )
    return Path(named)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(file=str(file), field="(file)", mend=f"cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(file=str(file), field="(syntax)", mend=str(error)) from error


def _overlay(tree: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put the environment's settings into `tree`; return which variable each path came from."""
    variables: dict[tuple[str, ...], str] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or DELIMITER not in variable:
            continue
        path = _place(tree, variable, environ[variable])
        variables[path] = variable
    return variables


def _place(tree: dict[str, Any], variable: str, text: str) -> tuple[str, ...]:
    *sections, leaf = variable.removeprefix(PREFIX).split(DELIMITER)
    path: list[str] = []
    for segment in sections:
        path.append(_spelling(tree, segment))
        tree = tree.setdefault(path[-1], {})
        if not isinstance(tree, dict):
            raise SettingsError(file="environment", field=variable, mend=f"{'.'.join(path)} is not a section")
    path.append(_spelling(tree, leaf))
    tree[path[-1]] = _value(variable, text)
    return tuple(path)


def _spelling(tree: Mapping[str, Any], segment: str) -> str:
    """The file's spelling of a variable's segment: variables know neither lower case nor hyphens."""
    wanted = segment.lower()
    return next((key for key in tree if key.lower().replace("-", "_") == wanted), wanted)


def _value(variable: str, text: str) -> Any:
    """A table or a list is written as JSON; anything else is text, which pydantic converts."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        if text.lstrip().startswith("["):  # an IPv6 address
            return text
        raise SettingsError(
            file="environment", field=variable, mend="write the table as a JSON object"
        ) from None


def _explained(
    error: ValidationError, source: str, variables: Mapping[tuple[str, ...], str]
) -> SettingsError:
    """The first complaint as one line. Values are left out: they may be secrets in the wrong place."""
    details = error.errors(include_url=False, include_input=False)
    path = tuple(str(part) for part in details[0]["loc"])
    mend = details[0]["msg"].removeprefix("Value error, ")
    if details[0]["type"] == "extra_forbidden":
        mend = f"unknown setting; {_nearest(path)}"
    if len(details) > 1:
        mend += f" (and {len(details) - 1} more)"
    return _located_error(path, mend, source, variables)


def _located_error(
    path: tuple[str, ...], mend: str, source: str, variables: Mapping[tuple[str, ...], str]
) -> SettingsError:
    file = f"environment {variables[path]}" if path in variables else source
    return SettingsError(file=file, field=".".join(path), mend=mend)


def _nearest(path: tuple[str, ...]) -> str:
    """Suggest the likeliest spelling of an unknown setting, else list what its section has."""
    model: type[BaseModel] = Settings
    for part in path[:-1]:
        model = section_model(model, part) or model
    close = difflib.get_close_matches(path[-1], model.model_fields, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(model.model_fields)}"


def _check_references(settings: Settings, source: str, variables: Mapping[tuple[str, ...], str]) -> None:
    for path, name in (
        (("mesh", "control_plane"), settings.mesh.control_plane),
        (("load", "cluster"), settings.load.cluster),
    ):
        if name and name not in settings.clusters:
            mend = f"unknown cluster {name!r}; {settings.known_clusters()}"
            raise _located_error(path, mend, source, variables)

"""Prints the settings as markdown tables, so that the documentation cannot disagree with the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from inspect import getdoc
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tidegate.settings.model import Settings

INTRODUCTION = """\
# Settings

Generated from `tidegate/settings/model.py` by `python -m tidegate.settings > docs/reference/settings.md`.

Read from `tidegate.toml`: the file that `TIDEGATE_CONFIG` names, else the one in the current folder. The
environment overrides it: `TIDEGATE_<SECTION>__<FIELD>`, with `__` between the levels and `_` for `-`, such
as `TIDEGATE_CLUSTERS__MESH02__KUBECONFIG`; a whole table or list is written as JSON. Relative paths are
relative to the file. Temporal's connection has its own variables and file (`TEMPORAL_ADDRESS`,
`temporal.toml`)."""

KEYS = {"clusters": ".<name>", "credentials": '."<URL prefix>"', "keys": ".<id>"}
"""What the user's own key stands for, in tables of sections."""


def settings_reference() -> str:
    """Every setting as a markdown table per section: the text of docs/reference/settings.md."""
    return "\n\n".join([INTRODUCTION, *_section_tables(Settings, "")]) + "\n"


def section_model(model: type[BaseModel], field: str) -> type[BaseModel] | None:
    """The model behind a section or a table of sections; None for a plain field."""
    if field not in model.model_fields:
        return None
    annotation = model.model_fields[field].annotation
    candidates = (annotation, *get_args(annotation))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _section_tables(model: type[BaseModel], title: str) -> Iterator[str]:
    """The section's own table, then those of the sections within it."""
    nested = {name: section_model(model, name) for name in model.model_fields}
    rows = [_row(name, field) for name, field in model.model_fields.items() if not nested[name]]
    if rows:
        columns = ["| setting | default | meaning |", "| --- | --- | --- |"]
        yield "\n".join([f"## `[{title}]`", "", getdoc(model) or "", "", *columns, *rows])
    for name, table in nested.items():
        if table:
            yield from _section_tables(table, f"{title}.{name}{KEYS.get(name, '')}".lstrip("."))


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{name}` | {_printed(field.default)} | {' '.join((field.description or '').split())} |"


def _printed(default: object) -> str:
    """A default as TOML writes it."""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{json.dumps(default)}`"
    return f"`{default}`" if isinstance(default, int | float) else f'`"{default}"`'

"""The settings reference says everything, and the documentation holds it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from tidegate.settings import Settings, settings_reference
from tidegate.settings.reference import section_model

ROOT = Path(__file__).parents[3]


def plain_fields(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        nested = section_model(model, name)
        if nested:
            yield from plain_fields(nested)
        else:
            yield name, field.description or ""


@pytest.mark.parametrize(("name", "description"), list(plain_fields(Settings)))
def test_every_setting_is_described(name: str, description: str) -> None:
    assert description
    assert f"| `{name}` |" in settings_reference()


def test_the_documented_reference_is_current() -> None:
    assert (ROOT / "docs/reference/settings.md").read_text() == settings_reference()

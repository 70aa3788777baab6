"""What a worker registers."""

import importlib
import inspect
import pkgutil
from typing import Any

import activities
from activities.catalogue import all_activities
from tidegate.settings import Settings

DEFINITION = "__temporal_activity_definition"


def _name(method: Any) -> str:
    name: str = getattr(method, DEFINITION).name
    return name


def test_every_activity_is_registered() -> None:
    """A workflow would wait in vain for one that is not."""
    defined = set()
    for module in pkgutil.iter_modules(activities.__path__):
        for _, owner in inspect.getmembers(
            importlib.import_module(f"activities.{module.name}"), inspect.isclass
        ):
            methods = inspect.getmembers(owner, lambda member: hasattr(member, DEFINITION))
            defined |= {_name(method) for _, method in methods}
    assert {_name(method) for method in all_activities(Settings(), search_attributes=False)} == defined

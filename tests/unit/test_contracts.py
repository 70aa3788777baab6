"""What crosses a process border."""

import pytest
from pydantic import BaseModel

from tidegate import contracts


@pytest.mark.parametrize(
    "model",
    [
        each
        for each in vars(contracts).values()
        if isinstance(each, type)
        and issubclass(each, BaseModel)
        and each.__module__.startswith(contracts.__name__)
    ],
)
def test_a_model_is_complete_before_many_threads_use_it(model: type[BaseModel]) -> None:
    assert model.__pydantic_complete__

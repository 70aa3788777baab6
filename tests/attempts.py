"""A test that is tried again has its time for each attempt: pytest-timeout watches the first alone."""

import pytest
from pytest_timeout import Settings


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin to count anew."""
    if getattr(item, "execution_count", 1) > 1:
        settings = Settings(_seconds(item), "signal", func_only=False, disable_debugger_detection=False)
        item.config.hook.pytest_timeout_set_timer(item=item, settings=settings)


def _seconds(item: pytest.Item) -> float:
    own = item.get_closest_marker("timeout")
    return float(own.args[0] if own else item.config.getini("timeout"))

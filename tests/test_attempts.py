"""A test that hangs each time it is tried does not hang the run."""

from pathlib import Path

import pytest

HANGS = """
import time

def test_it():
    time.sleep(60)
"""


def test_each_attempt_ends_in_time(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(HANGS)
    pytester.makeini("[pytest]\ntimeout = 0.5\n")
    result = pytester.runpytest_subprocess("-p", "tests.attempts", "--reruns", "2", timeout=50)
    result.stdout.fnmatch_lines(["*Timeout*from pytest-timeout*", "*1 failed, 2 rerun in*"])

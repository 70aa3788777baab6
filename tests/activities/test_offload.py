"""Blocking calls beside each other."""

import threading
from contextvars import ContextVar

import pytest

from activities.offload import at_once

_asked = ContextVar("asked", default="nobody")


def test_calls_run_beside_each_other_and_answer_in_their_order() -> None:
    meeting = threading.Barrier(3, timeout=5)

    def arrive(name: str) -> str:
        meeting.wait()
        return name

    assert at_once(*(lambda name=name: arrive(name) for name in "abc")) == ["a", "b", "c"]


def test_a_call_knows_what_its_caller_does() -> None:
    token = _asked.set("a step")
    try:
        assert at_once(_asked.get, _asked.get) == ["a step", "a step"]
    finally:
        _asked.reset(token)


def test_of_several_failures_the_first_is_told_once_all_calls_have_ended() -> None:
    done = []

    def fail(name: str) -> None:
        done.append(name)
        raise ValueError(name)

    with pytest.raises(ValueError, match=r"^a$"):
        at_once(lambda: fail("a"), lambda: fail("b"))
    assert sorted(done) == ["a", "b"]


def test_nothing_to_call_is_no_answer() -> None:
    assert at_once() == []

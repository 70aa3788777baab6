"""Pods that are ill, in ways that a release has to notice by itself."""

from collections.abc import Awaitable, Callable

import pytest

from benchmarks.faults.runner import Result

CASES = (
    "a version that becomes unready in mid-bake",
    "all pods of the primary are killed in mid-bake of a good release",
)


@pytest.mark.parametrize("name", CASES)
async def test_a_release_survives(name: str, suffer: Callable[[str], Awaitable[Result]]) -> None:
    result = await suffer(f"pods: {name}")
    assert result.violations == ()


@pytest.mark.slow
async def test_a_version_that_fails_once_it_is_promoted_is_undone(
    suffer: Callable[[str], Awaitable[Result]],
) -> None:
    result = await suffer("pods: a version that fails as primary in its promotion")
    assert result.violations == ()

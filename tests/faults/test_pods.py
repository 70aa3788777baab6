"""Pods that are ill, in ways that a release has to notice by itself."""

from collections.abc import Awaitable, Callable

import pytest

from benchmarks.faults.runner import Result


async def test_a_version_that_becomes_unready_in_mid_bake_is_rolled_back(
    suffer: Callable[[str], Awaitable[Result]],
) -> None:
    result = await suffer("pods: a version that becomes unready in mid-bake")
    assert result.violations == ()


@pytest.mark.slow
async def test_a_version_that_fails_once_it_is_promoted_is_undone(
    suffer: Callable[[str], Awaitable[Result]],
) -> None:
    result = await suffer("pods: a version that fails as primary in its promotion")
    assert result.violations == ()

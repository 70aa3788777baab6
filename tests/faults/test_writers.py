"""Somebody else edits or deletes what a release needs: one case for each way in which it is put right."""

from collections.abc import Awaitable, Callable

import pytest

from benchmarks.faults.runner import Result
from benchmarks.faults.writers import cases

CASES = (
    "another writer deletes the VirtualService in bake-25 of a aborted release",
    "another writer scales the target to 0 in bake-25 of a good release",
    "another writer deletes the primary in bake-25 of a good release",
    "another writer deletes the Service podinfo-primary in bake-25 of a good release",
)


@pytest.mark.parametrize("name", CASES)
async def test_a_release_survives(name: str, suffer: Callable[[str], Awaitable[Result]]) -> None:
    result = await suffer(f"other writers: {name}")
    assert result.violations == ()


def test_every_writer_is_met_in_some_case_without_all() -> None:
    writers = {case.name.partition(" in ")[0] for case in cases() if case.bounded}
    assert len(writers) >= 10

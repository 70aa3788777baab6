"""Shares are whole where they can be, and proportions of whole weights where the mesh needs them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.domain.percent import exact, proportions, rest, share_of


@pytest.mark.parametrize(
    ("share", "weights"),
    [(5, (95, 5)), (0.5, (995, 5)), (0.25, (9975, 25)), (0.01, (9999, 1)), (100, (0, 100)), (0, (100, 0))],
)
def test_a_share_is_written_in_the_smallest_whole_weights_of_its_decimals(
    share: float, weights: tuple[int, int]
) -> None:
    assert proportions(rest(share), share) == weights


@given(st.integers(0, 10_000))
def test_what_is_written_is_read_again(hundredths: int) -> None:
    share = exact(hundredths / 100)
    primary, canary = proportions(rest(share), share)
    assert share_of(canary, primary + canary) == share
    assert exact(share + rest(share)) == 100


@pytest.mark.parametrize(("part", "whole", "share"), [(1, 10**6, 0.01), (10**6 - 1, 10**6, 99.99), (0, 0, 0)])
def test_who_gets_anything_is_never_told_to_get_none(part: int, whole: int, share: float) -> None:
    assert share_of(part, whole) == share

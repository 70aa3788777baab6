"""The Mann-Whitney test: whether one sample's values lie higher than another's, whatever their distribution.

By the normal approximation with continuity correction, ties sharing the mean of their ranks: good from about
five values a side. It looks at the order of the values alone, so outliers and skew mislead nothing.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple


class RankTest(NamedTuple):
    """What the test says of two samples.

    `superiority`: how often a value of the first lies above one of the second, 0.5 when they are alike. `p`:
    how probable so clear a difference, to either side, were between samples of one distribution.
    """

    superiority: float
    p: float


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> RankTest:
    """Compare two samples of finite numbers; ValueError when one has none."""
    pairs = len(first) * len(second)
    if not pairs:
        raise ValueError("a sample without values is like no other")
    rank_sum, ties = _ranked(first, second)
    above = rank_sum - len(first) * (len(first) + 1) / 2
    total = len(first) + len(second)
    variance = pairs / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:  # all values are one
        return RankTest(0.5, 1.0)
    distance = max(0.0, abs(above - pairs / 2) - 0.5)
    return RankTest(above / pairs, math.erfc(distance / math.sqrt(2 * variance)))


def _ranked(first: Sequence[float], second: Sequence[float]) -> tuple[float, int]:
    """The sum of the first sample's ranks among all values, and what ties take off the variance."""
    tagged = sorted([(value, True) for value in first] + [(value, False) for value in second])
    rank_sum, below, ties = 0.0, 0, 0
    for _, group in groupby(tagged, key=lambda each: each[0]):
        own = [is_first for _, is_first in group]
        rank_sum += sum(own) * (below + (len(own) + 1) / 2)
        ties += len(own) ** 3 - len(own)
        below += len(own)
    return rank_sum, ties

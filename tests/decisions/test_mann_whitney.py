"""The test's numbers: against counting every arrangement, against another program's, and for all values."""

import math
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.decisions.mann_whitney import mann_whitney

samples = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("first", "second", "superiority", "p"),
    [
        ([19, 22, 16, 29, 24], [20, 11, 17, 12], 0.85, 0.11134688653314041),
        ([1, 2, 2, 3, 3, 3, 4, 9], [3, 4, 4, 5, 5, 6, 6, 7], 0.1796875, 0.03340528396127679),
        ([0] * 20 + [10] * 4, [0] * 24, 0.5833333333333334, 0.04080304966361442),
        ([0] * 12, [1] * 12, 0.0, 1.911834771154503e-06),
        ([1, 2, 3], [4, 5, 6], 0.0, 0.08085559837005224),
        ([7, 7, 7], [7, 7], 0.5, 1.0),
        ([1], [1], 0.5, 1.0),
    ],
)
def test_the_numbers_are_those_of_other_statistics_programs(
    first: Sequence[float], second: Sequence[float], superiority: float, p: float
) -> None:
    # Taken from scipy 1.17.1, method "asymptotic", with its continuity correction.
    found = mann_whitney(first, second)
    assert found.superiority == pytest.approx(superiority)
    assert found.p == pytest.approx(p)


def counted(first: Sequence[float], second: Sequence[float]) -> float:
    """The exact p: of all ways to deal the values out, those that differ at least as clearly."""
    values = [*first, *second]

    def distance(chosen: tuple[int, ...]) -> float:
        rest = [values[index] for index in range(len(values)) if index not in chosen]
        wins = sum((values[i] > other) + (values[i] == other) / 2 for i in chosen for other in rest)
        return abs(wins - len(chosen) * len(rest) / 2)

    own = distance(tuple(range(len(first))))
    dealt = [distance(chosen) for chosen in combinations(range(len(values)), len(first))]
    return sum(each >= own - 1e-9 for each in dealt) / len(dealt)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([19, 22, 16, 29, 24], [20, 11, 17, 12]),
        ([1, 2, 4, 8, 16, 32], [3, 5, 9, 17, 33, 65]),
        ([1, 2, 2, 3, 3, 3, 4], [3, 4, 4, 5, 5, 6, 6]),
        ([1, 1, 2, 3, 5, 8], [100, 101, 102, 103, 104, 105]),
    ],
)
def test_the_approximation_is_close_to_the_exact_probability(
    first: Sequence[float], second: Sequence[float]
) -> None:
    assert mann_whitney(first, second).p == pytest.approx(counted(first, second), abs=0.015)


@given(samples, samples)
def test_who_is_compared_with_whom_makes_no_difference(first: list[float], second: list[float]) -> None:
    there, back = mann_whitney(first, second), mann_whitney(second, first)
    assert there.p == pytest.approx(back.p)
    assert there.superiority + back.superiority == pytest.approx(1)


@given(samples, samples)
def test_only_the_order_of_the_values_counts(first: list[float], second: list[float]) -> None:
    def stretched(values: list[float]) -> list[float]:
        return [math.exp(value / 10) for value in values]

    assert mann_whitney(stretched(first), stretched(second)) == mann_whitney(first, second)


@given(samples, samples)
def test_a_probability_is_one(first: list[float], second: list[float]) -> None:
    found = mann_whitney(first, second)
    assert 0 <= found.p <= 1
    assert 0 <= found.superiority <= 1


@pytest.mark.parametrize(("first", "second"), [([], [1.0]), ([1.0], [])])
def test_an_empty_sample_is_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="without values"):
        mann_whitney(first, second)

"""The arithmetic of rollouts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.sandbox.client import Object
from tidegate.sandbox.controllers.rollout import (
    Bounds,
    bounds_of,
    next_new_size,
    next_old_sizes,
    proportional_sizes,
)


def replica_set(name: str, replicas: int, available: int) -> Object:
    return {
        "metadata": {"name": name},
        "spec": {"replicas": replicas},
        "status": {"replicas": replicas, "availableReplicas": available},
    }


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (1, "25%", "25%", (1, 0)),
        (2, 1, 0, (1, 0)),
        (2, "0%", "0%", (0, 1)),
        (3, 2, 5, (2, 3)),
        (0, "25%", 1, (0, 0)),
    ],
)
def test_bounds_are_rounded_as_kubernetes_does(
    replicas: int, surge: int | str, unavailable: int | str, expected: tuple[int, int]
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    deployment = {"spec": {"replicas": replicas, "strategy": {"rollingUpdate": rolling}}}
    assert bounds_of(deployment)[1:] == expected


@pytest.mark.parametrize(
    ("new", "old", "size"),
    [((0, 0), (3, 3), 1), ((1, 0), (3, 3), 1), ((1, 1), (2, 2), 2), ((3, 3), (0, 0), 3), ((5, 5), (0, 0), 3)],
)
def test_the_new_set_grows_into_the_surge(new: tuple[int, int], old: tuple[int, int], size: int) -> None:
    bounds = Bounds(replicas=3, max_surge=1, max_unavailable=0)
    assert next_new_size(bounds, replica_set("new", *new), [replica_set("old", *old)]) == size


@pytest.mark.parametrize(
    ("new", "old", "size"),
    [((1, 0), (3, 3), 3), ((1, 1), (3, 3), 2), ((1, 0), (3, 2), 3), ((3, 3), (1, 1), 0), ((1, 1), (3, 2), 2)],
)
def test_an_old_set_shrinks_by_what_the_new_one_serves(
    new: tuple[int, int], old: tuple[int, int], size: int
) -> None:
    bounds = Bounds(replicas=3, max_surge=1, max_unavailable=0)
    assert next_old_sizes(bounds, replica_set("new", *new), [replica_set("old", *old)]) == {"old": size}


def test_unhealthy_old_pods_go_first() -> None:
    bounds = Bounds(replicas=4, max_surge=1, max_unavailable=1)
    old = [replica_set("good", 2, 2), replica_set("broken", 2, 0)]
    assert next_old_sizes(bounds, replica_set("new", 1, 1), old) == {"good": 2, "broken": 0}


sizes_and_available = st.tuples(st.integers(0, 6), st.integers(0, 6))


@given(
    st.integers(0, 8),
    st.integers(0, 3),
    st.integers(0, 3),
    st.lists(sizes_and_available, min_size=2, max_size=4),
)
def test_no_step_leaves_the_bounds(
    replicas: int, surge: int, unavailable: int, sets: list[tuple[int, int]]
) -> None:
    bounds = Bounds(replicas, surge, min(unavailable, replicas))
    new, *old = (replica_set(str(n), size, min(size, ok)) for n, (size, ok) in enumerate(sets))
    before = [rs["spec"]["replicas"] for rs in (new, *old)]
    size = next_new_size(bounds, new, old)
    after = next_old_sizes(bounds, new, old)
    assert size <= replicas
    assert size + sum(before[1:]) <= max(bounds.most, sum(before))
    lost = sum(max(0, rs["status"]["availableReplicas"] - after[rs["metadata"]["name"]]) for rs in old)
    served = sum(rs["status"]["availableReplicas"] for rs in (new, *old))
    assert served - lost >= min(served, bounds.fewest_available)


def test_scaling_in_mid_rollout_keeps_the_proportion() -> None:
    sets = [replica_set("old", 6, 6), replica_set("new", 4, 4)]
    assert proportional_sizes(sets, 15) == {"old": 9, "new": 6}

"""What counts as all traffic on the good version."""

from collections import Counter
from typing import Any

import pytest

from tidegate.sandbox.demo.example import BETTER
from tidegate.sandbox.demo.proof import replicas, traffic, weights
from tidegate.sandbox.demo.users import LOST, Answer

SERVED = Answer(200, BETTER.tag)


@pytest.mark.parametrize(
    ("found", "good", "text"),
    [
        (Counter({SERVED: 200}), True, "200 by 6.9.1"),
        (Counter({SERVED: 199, Answer(200, "6.9.2"): 1}), False, "199 by 6.9.1, 1 by 6.9.2"),
        (Counter({SERVED: 199, Answer(503): 1}), False, "199 by 6.9.1, 1 by status 503"),
        (Counter({SERVED: 199, Answer(LOST): 1}), False, "199 by 6.9.1, 1 by nobody"),
        (Counter(), False, ""),
    ],
)
def test_every_request_has_to_be_answered_by_the_version_that_serves(
    found: Counter[Answer], good: bool, text: str
) -> None:
    finding = traffic(found, BETTER)

    assert finding.good is good
    assert finding.text.endswith(f"answered: {text}")


def _virtual_service(*routes: tuple[str, int | None]) -> dict[str, Any]:
    route = [
        {"destination": {"host": host}} | ({} if weight is None else {"weight": weight})
        for host, weight in routes
    ]
    return {"spec": {"http": [{"route": route}]}}


@pytest.mark.parametrize(
    ("routes", "good"),
    [
        ([("podinfo-primary", 100), ("podinfo-canary", 0)], True),
        ([("podinfo-primary", None)], True),
        ([("podinfo-primary", 95), ("podinfo-canary", 5)], False),
        ([("podinfo-canary", 100)], False),
    ],
)
def test_the_primary_has_to_have_all_of_the_weight(routes: list[tuple[str, int | None]], good: bool) -> None:
    assert weights(_virtual_service(*routes)).good is good


@pytest.mark.parametrize(
    ("found", "good"),
    [
        ({"podinfo-primary": 2, "podinfo": 0}, [True, True]),
        ({"podinfo-primary": 2, "podinfo": 2}, [True, False]),
        ({"podinfo": 0}, [False, True]),
        ({"podinfo-primary": 2}, [True, False]),
    ],
)
def test_the_primary_has_to_run_and_the_target_not(found: dict[str, int], good: list[bool]) -> None:
    assert [finding.good for finding in replicas(found)] == good

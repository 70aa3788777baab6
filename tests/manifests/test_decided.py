"""Which promotions of canaries that go together stand, by what their primaries tell."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate.domain.marks import INITIALISING, PROMOTED_BY, ROLLBACK
from tidegate.manifests.promotion import decided

EPOCH = 1_800_000_000_000
EARLIER = EPOCH - 10_000


def primary(
    seconds: float = -60.0, epoch: int = EPOCH, marks: dict[str, str] | None = None
) -> dict[str, Any]:
    """One that was made so many seconds after the release began, and promoted by it."""
    created = datetime.fromtimestamp(EPOCH / 1000 + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    annotations = {PROMOTED_BY: str(epoch)} | (marks or {})
    return {"metadata": {"creationTimestamp": created, "annotations": annotations}}


UNFINISHED = {ROLLBACK: "{}"}


@pytest.mark.parametrize(
    ("primaries", "expected"),
    [
        pytest.param(
            [primary(), primary(marks=UNFINISHED)], {EPOCH}, id="one is final, so all were promoted"
        ),
        pytest.param([primary(marks=UNFINISHED), primary(marks=UNFINISHED)], set(), id="none is final"),
        pytest.param([primary(seconds=5), primary(marks=UNFINISHED)], set(), id="the release made one"),
        pytest.param([primary(marks={INITIALISING: "true"})], set(), id="one does not serve yet"),
        pytest.param(
            [primary(epoch=EARLIER), primary(marks=UNFINISHED)], {EARLIER}, id="an earlier release did"
        ),
        pytest.param([primary(epoch=0)], set(), id="one does not say who promoted it"),
        pytest.param([], set(), id="there is none"),
    ],
)
def test_promotions_stand_once_one_of_them_is_final(
    primaries: list[dict[str, Any]], expected: set[int]
) -> None:
    assert decided(primaries) == expected

"""Which kinds of targets are released, and what is said of the others."""

from typing import Any

import pytest

from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (
            "StatefulSet",
            "is not 'Deployment', 'DaemonSet' or 'Service'; correct this value (it is 'StatefulSet')",
        ),
    ],
)
def test_a_kind_that_is_not_released_is_refused_with_its_mend(samples: Any, kind: str, line: str) -> None:
    canary = samples.canary
    canary["spec"]["targetRef"]["kind"] = kind
    with pytest.raises(InvalidInput) as raised:
        Canary.parse(canary)
    assert str(raised.value) == f"spec.targetRef.kind: {line}"

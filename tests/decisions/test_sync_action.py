"""What a write did to an object."""

from typing import Any

import pytest

from tidegate.contracts import FENCE_ANNOTATION
from tidegate.decisions.sync_action import action


def config_map(sky: str = "blue", **metadata: Any) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": "colours"} | metadata, "data": {"sky": sky}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, config_map(), "created"),
        (config_map(), config_map(), "unchanged"),
        (config_map(), config_map("grey"), "configured"),
        (config_map(), config_map(labels={"app": "a"}), "configured"),
        (config_map(resourceVersion="1"), config_map(resourceVersion="2"), "unchanged"),
        (config_map(managedFields=[]), config_map(managedFields=[{}]), "unchanged"),
        (config_map(), config_map(annotations={FENCE_ANNOTATION: "1.1"}), "unchanged"),
        (config_map(annotations={"a": "b"}), config_map(annotations={FENCE_ANNOTATION: "1.1"}), "configured"),
        (config_map(), config_map() | {"status": {"seen": True}}, "unchanged"),
    ],
)
def test_the_traces_that_every_write_leaves_do_not_count(before: Any, after: Any, expected: str) -> None:
    assert action(before, after) == expected

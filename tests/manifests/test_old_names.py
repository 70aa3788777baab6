"""What Flagger still reads by an old name."""

from copy import deepcopy
from typing import Any

import pytest

from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput


def test_an_analysis_is_read_by_its_old_name(samples: Any) -> None:
    canary = samples.canary
    old = deepcopy(canary)
    old["spec"]["canaryAnalysis"] = old["spec"].pop("analysis")
    assert Canary.parse(old) == Canary.parse(canary)


def test_an_analysis_by_both_names_is_refused(samples: Any) -> None:
    canary = samples.canary
    canary["spec"]["canaryAnalysis"] = canary["spec"]["analysis"]
    with pytest.raises(
        InvalidInput, match="has both analysis and canaryAnalysis, its old name; keep analysis"
    ):
        Canary.parse(canary)

"""Printer columns: the paths that custom kinds name them by, and the ages that people read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate.sandbox.cluster_api.ages import age
from tidegate.sandbox.cluster_api.jsonpath import find

_OBJECT = {
    "spec": {"hosts": ["a", "b"], "my.key": 1},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Late", "status": "False"}]},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".spec.hosts", [["a", "b"]]),
        (".spec.hosts[0]", ["a"]),
        (".spec.hosts[-1]", ["b"]),
        (".spec.hosts[5]", []),
        (".spec.hosts[*]", ["a", "b"]),
        (".spec['my.key']", [1]),
        (r".spec.my\.key", [1]),
        ("{.spec.hosts[0]}", ["a"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type=='Late')].status", ["False"]),
        ('.status.conditions[?(@.type!="Ready")].type', ["Late"]),
        (".status.none.deeper", []),
    ],
)
def test_a_path_leads_to_its_values(path: str, expected: list[Any]) -> None:
    assert find(_OBJECT, path) == expected


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (timedelta(seconds=5), "5s"),
        (timedelta(seconds=119), "119s"),
        (timedelta(minutes=5, seconds=3), "5m3s"),
        (timedelta(minutes=30), "30m"),
        (timedelta(hours=3, minutes=10), "3h10m"),
        (timedelta(hours=20), "20h"),
        (timedelta(days=9), "9d"),
        (timedelta(days=900), "2y"),
    ],
)
def test_an_age_reads_as_kubectl_writes_it(since: timedelta, expected: str) -> None:
    assert age((datetime.now(UTC) - since).isoformat()) == expected


def test_an_unreadable_time_has_no_age() -> None:
    assert age("yesterday") == "<invalid>"

"""The cases of the harness for faults: what they look for cannot be there without the fault."""

import re
from collections import Counter
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchmarks.chaos import MODULES
from benchmarks.faults import pairs
from benchmarks.faults.case import Case
from benchmarks.faults.ends import PROMOTED
from benchmarks.faults.follower import CANARY, RELEASE, Seen
from benchmarks.faults.gated import ILL
from benchmarks.faults.release import Release

CASES: list[Case] = [
    case for module in MODULES for case in import_module(f"benchmarks.faults.{module}").cases()
]


def test_each_has_a_name_of_its_own() -> None:
    names = Counter((case.group, case.name) for case in CASES)
    assert [name for name, count in names.items() if count > 1] == []


UNDISTURBED = """
podinfo.test passed its analysis and serves all traffic from the primary
the pod template 26ca818ebde91967 differs from 349a44a89d9dc56f of f9bbd5d
New revision detected! Scaling up podinfo.test
podinfo is ready with 2 replicas
podinfo.test passed at 25 %: success rate 100.00% >= 99%, latency 4.57 <= 500
mesh03: podinfo.test passed at 50 %: success rate 100.00% >= 99%, latency 7.80 <= 500
podinfo-primary runs 3c3b00e
Promotion completed! Scaling down podinfo.test
podinfo is scaled to 0
"""


def test_none_finds_its_fault_where_none_is() -> None:
    found = [case.name for case in CASES if case.named and re.search(case.named, UNDISTURBED, re.IGNORECASE)]
    assert found == []


@pytest.mark.parametrize(
    ("said", "is_ill"),
    [
        ("http://loadtester.test answered 403 Forbidden: gate is closed", False),
        ("http://loadtester.test answered 500 Internal Server Error", True),
        ("http://loadtester.test/gate is out of reach: no answer in time", True),
        ("cluster mesh01 is out of reach: connection refused", True),
    ],
)
def test_a_gate_that_is_closed_is_not_taken_for_an_ill_one(said: str, is_ill: bool) -> None:
    assert bool(re.search(ILL, said)) == is_ill


@pytest.mark.parametrize("moment", ["for 5 s", "in scale-down"])
def test_a_pair_gives_up_in_no_short_outage_and_in_none_after_its_promotion(moment: str) -> None:
    outages = [case for case in pairs.cases() if re.search("refused|hanging", case.name)]
    chosen = [case for case in outages if moment in case.name]
    assert chosen
    assert {case.outcomes for case in chosen} == {PROMOTED}


def test_what_somebody_did_is_not_what_a_release_says() -> None:
    said = {
        (RELEASE, "WORKFLOW_EXECUTION_TERMINATED"): "terminated by an operator",
        (CANARY, "WORKFLOW_EXECUTION_SIGNALED"): "abort: enough",
        (CANARY, "ACTIVITY_TASK_TIMED_OUT"): "heartbeat",
        (CANARY, "ACTIVITY_TASK_STARTED"): "lastFailure: cluster asm is out of reach",
        (CANARY, "ACTIVITY_TASK_COMPLETED"): "routed",
    }
    seen = [Seen(workflow, 1, type_, "", 0.0, 0.0, text) for (workflow, type_), text in said.items()]
    release: Any = SimpleNamespace(heard=["a note"], outcome=None, follower=SimpleNamespace(seen=seen))
    assert Release.said(cast(Release, release)).splitlines() == [
        "a note",
        "heartbeat",
        "lastFailure: cluster asm is out of reach",
    ]

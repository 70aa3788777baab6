"""What a canary's run has told its release, and what the next run tells again."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.workflows.neighbours import owner_ref
from tidegate.contracts import CanaryRef, CanaryRequest, Report
from workflows import rendezvous
from workflows.control import Control
from workflows.rendezvous import Rendezvous


class Line:
    """The way to a release that takes its time, and the seed of the canary's run."""

    def __init__(self) -> None:
        self.seed = 1
        self.sent: list[Report] = []
        self.acknowledged = asyncio.Event()

    async def signal(self, _: str, report: Report) -> None:
        """Comes back when the release has it."""
        self.sent.append(report)
        await self.acknowledged.wait()


async def wait_condition(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("never came true")


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    line = Line()
    info = SimpleNamespace(workflow_id="canary/a", parent=SimpleNamespace(workflow_id="release/a"))
    around: dict[str, Any] = {
        "info": lambda: info,
        "random_seed": lambda: line.seed,
        "patched": lambda _: True,
        "wait_condition": wait_condition,
        "get_external_workflow_handle": lambda _: line,
    }
    monkeypatch.setattr(rendezvous, "workflow", SimpleNamespace(**around))
    return line


def meeting_point() -> Rendezvous:
    """One of podinfo, which reports."""
    ref = CanaryRef(owner=owner_ref(), namespace="test", name="podinfo")
    request = CanaryRequest(ref=ref, revision="a" * 40, others=("backend",), epoch=7)
    unused: Any = None
    point = Rendezvous(request, Control(), unused, unused, unused)
    point.open()
    return point


async def test_one_that_was_reset_says_anew_where_it_stands(line: Line) -> None:
    point = meeting_point()
    line.acknowledged.set()
    line.seed = 2
    await wait_condition(lambda: bool(line.sent))
    assert [(report.anew, report.passed) for report in line.sent] == [(True, False)]
    point.turn_back("pager")
    await wait_condition(lambda: point.reported.turned_back == "pager")
    assert [report.anew for report in line.sent] == [True, False]
    point.close()


async def test_a_report_counts_as_told_once_the_release_has_it(line: Line) -> None:
    point = meeting_point()
    point.turn_back("pager")
    await wait_condition(lambda: bool(line.sent))
    assert not point.reported.turned_back
    line.acknowledged.set()
    await wait_condition(lambda: point.reported.turned_back == "pager")
    point.close()
    assert [report.turned_back for report in line.sent] == ["pager"]

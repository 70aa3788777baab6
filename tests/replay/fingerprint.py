"""A workflow's fingerprint: its commands in order, as a person reads them.

It is what a replay compares, and more: a changed summary changes it too, though no history breaks by that.
"""

import json
from collections.abc import Iterable
from difflib import unified_diff
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

FILE = Path(__file__).with_name("fingerprints.txt")

ADVICE = """\
The workflow gives other commands than it did.
Releases under way when workers are upgraded replay the old ones.

1. Look at the diff: did you mean to change what the workflow does, and in this order?
2. If only summaries differ, and tests/replay/test_histories.py passes: running releases are safe.
3. Otherwise keep the old way for running releases: `if workflow.patched("what-changed"): new ... else: old`,
   or tell in CHANGELOG.md that workers have to be upgraded with worker versioning on, so that running
   releases end on the version that began them (docs/operations.md, "Upgrade").
4. Record again, and commit the result with your change: python -m tests.replay.record
   With a patch, keep the old histories beside the new ones, under the name <kind>-before-<change>: they show
   that the old way is still there.
"""


def fingerprint(history: WorkflowHistory) -> list[str]:
    """One line for each command, such as "activity traffic_route: Route 90/10"."""
    return [line for event in history.events if (line := _command(event))]


def read() -> dict[str, list[str]]:
    """All fingerprints that are kept, by run."""
    sections = FILE.read_text().strip().split("\n\n")
    return {title.strip("[]"): lines for title, *lines in (section.splitlines() for section in sections)}


def write(fingerprints: dict[str, list[str]]) -> None:
    """Keep them, sorted by run."""
    sections = ["\n".join([f"[{name}]", *lines]) for name, lines in sorted(fingerprints.items())]
    FILE.write_text("\n\n".join(sections) + "\n")


def complaint(name: str, kept: Iterable[str], seen: Iterable[str]) -> str:
    """What differs and what to do about it; empty when nothing does."""
    diff = "\n".join(unified_diff(list(kept), list(seen), f"{name}, kept", f"{name}, now", lineterm="", n=3))
    return f"\n{diff}\n\n{ADVICE}" if diff else ""


def _command(event: HistoryEvent) -> str:
    match event.event_type:
        case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            activity = event.activity_task_scheduled_event_attributes.activity_type.name
            return f"activity {activity}: {_summary(event)}"
        case EventType.EVENT_TYPE_TIMER_STARTED:
            return f"timer: {_summary(event)}"
        case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            child = event.start_child_workflow_execution_initiated_event_attributes
            return f"child {child.workflow_type.name} {child.workflow_id}"
        case EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
            return f"signal {event.signal_external_workflow_execution_initiated_event_attributes.signal_name}"
        case EventType.EVENT_TYPE_MARKER_RECORDED:
            return f"marker {event.marker_recorded_event_attributes.marker_name}"
        case _:
            return _PLAIN.get(event.event_type, "")


_PLAIN = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED: "cancel the activity",
    EventType.EVENT_TYPE_TIMER_CANCELED: "cancel the timer",
    EventType.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "cancel the child",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "upsert search attributes",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "accept the update",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: "answer the update",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continue as new",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "complete",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "fail",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "end as cancelled",
}


def _summary(event: HistoryEvent) -> str:
    data = event.user_metadata.summary.data
    return str(json.loads(data)) if data else "(no summary)"

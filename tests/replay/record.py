"""Records each kind of release anew: `python -m tests.replay.record [kind ...]`, from the checkout's root.

Histories go to tests/replay/histories, fingerprints to tests/replay/fingerprints.txt. What tells of the
machine is left out: a replay needs none of it.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from tests.replay import fingerprint
from tests.replay.kinds import KINDS, ORDERED, play, server

HISTORIES = Path(__file__).with_name("histories")
_OF_THE_MACHINE = {
    "identity", "stackTrace", "workerVersion", "binaryChecksum", "requestId", "meteringMetadata",
    "historySizeBytes", "taskId", "encodedAttributes", "header",
}  # fmt: skip


def portable(history: WorkflowHistory) -> str:
    """A history as JSON, an event a line, without what differs from machine to machine."""
    events = [
        json.dumps(_without(event), sort_keys=True) for event in json.loads(history.to_json())["events"]
    ]
    return '{"events": [\n' + ",\n".join(events) + "\n]}\n"


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without(item) for key, item in value.items() if key not in _OF_THE_MACHINE}
        return kept | {"taskQueue": {"name": "tidegate"}} if "taskQueue" in kept else kept
    return [_without(item) for item in value] if isinstance(value, list) else value


def _keep(name: str, histories: dict[str, WorkflowHistory]) -> None:
    for old in HISTORIES.glob(f"{name}.*.json"):
        old.unlink()
    for run, history in histories.items():
        (HISTORIES / f"{run}.json").write_text(portable(history))
        print(f"{run}: {len(history.events)} events")


async def record(names: list[str]) -> None:
    """Play the kinds on one server, and keep what came of them."""
    kept = fingerprint.read() if fingerprint.FILE.exists() else {}
    async with server() as environment:
        for name in names:
            histories = await play(name, environment)
            _keep(name, histories)
            kept = {run: lines for run, lines in kept.items() if run.split(".")[0] != name}
            if name in ORDERED:
                kept |= {run: fingerprint.fingerprint(history) for run, history in histories.items()}
    fingerprint.write(kept)


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:] or list(KINDS)))

"""A note as an Event of its Canary."""

from datetime import UTC, datetime
from typing import Any

from tidegate.contracts import Event
from tidegate.domain.release import Phase
from tidegate.manifests.canary_event import canary_event

NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, UTC)
CANARY: dict[str, Any] = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "podinfo", "namespace": "test", "uid": "u-1", "resourceVersion": "7"},
}


def noted(text: str, *, warning: bool = False, at: datetime = NOON) -> Event:
    return Event(at=at, text=text, warning=warning, phase=Phase.PROGRESSING)


def test_an_event_is_flaggers_but_for_its_source() -> None:
    event = canary_event(noted("Advance podinfo.test canary weight 10"), CANARY)
    metadata = event.pop("metadata")
    assert metadata["namespace"] == "test"
    assert metadata["name"].startswith("podinfo.")
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "involvedObject": {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "Canary",
            "namespace": "test",
            "name": "podinfo",
            "uid": "u-1",
            "resourceVersion": "7",
        },
        "reason": "Synced",
        "message": "Advance podinfo.test canary weight 10",
        "type": "Normal",
        "source": {"component": "tidegate"},
        "reportingComponent": "tidegate",
        "firstTimestamp": "2026-11-23T12:00:00Z",
        "lastTimestamp": "2026-11-23T12:00:00Z",
        "count": 1,
    }
    assert canary_event(noted("Halt", warning=True), CANARY)["type"] == "Warning"


def test_a_note_told_twice_is_one_event_and_another_is_another() -> None:
    later = noted("Halt", at=NOON.replace(second=1))
    names = [
        canary_event(event, CANARY)["metadata"]["name"]
        for event in (noted("Halt"), noted("Halt"), noted("Go"), later)
    ]
    assert (names[0] == names[1], len(set(names))) == (True, 3)


def test_the_name_of_a_canary_with_a_long_name_fits() -> None:
    canary = CANARY | {"metadata": CANARY["metadata"] | {"name": "a" * 253}}
    assert len(canary_event(noted("Halt"), canary)["metadata"]["name"]) <= 253

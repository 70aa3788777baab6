"""Waiting by watch."""

import threading
import time
from typing import Any

import pytest

from tidegate.adapters.kubernetes import Cluster, watch
from tidegate.domain.errors import NotReady, Unreachable
from tidegate.domain.manifest import Manifest, dig
from tidegate.sandbox.cluster_api import ClusterApi

REF = ("v1", "ConfigMap", "test", "colours")
MANIFEST = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "colours", "namespace": "test"},
    "data": {"sky": "blue"},
}


def sky(manifest: Manifest | None) -> str | None:
    found: str | None = dig(manifest, "data", "sky")
    return found


def soon(action: Any) -> Any:
    """Does the action at the first beat, when the watch is open."""
    began: list[bool] = []

    def beat() -> None:
        if not began:
            began.append(True)
            action()

    return beat


def test_what_is_already_so_ends_the_wait_at_once(cluster: Cluster) -> None:
    cluster.apply(MANIFEST, manager="test")
    assert cluster.wait(*REF, sky, deadline_seconds=5, beat=lambda: None) == "blue"


def test_an_event_ends_the_wait_long_before_the_next_beat(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "BEAT_SECONDS", 60)
    beat = soon(lambda: cluster.apply(MANIFEST, manager="test"))
    assert cluster.wait(*REF, sky, deadline_seconds=30, beat=beat) == "blue"


def test_a_deletion_is_an_absent_object(cluster: Cluster) -> None:
    cluster.apply(MANIFEST, manager="test")
    beat = soon(lambda: cluster.delete(*REF))
    states: list[Manifest | None] = []

    def gone(manifest: Manifest | None) -> bool | None:
        states.append(manifest)
        return True if manifest is None else None

    assert cluster.wait(*REF, gone, deadline_seconds=5, beat=beat)
    assert [sky(state) for state in states] == ["blue", None]


def test_other_objects_do_not_disturb(cluster: Cluster) -> None:
    other = MANIFEST | {"metadata": {"name": "other", "namespace": "test"}}

    def change() -> None:
        cluster.apply(other, manager="test")
        cluster.apply(MANIFEST, manager="test")

    seen: list[str | None] = []

    def until(manifest: Manifest | None) -> str | None:
        seen.append(dig(manifest, "metadata", "name"))
        return sky(manifest)

    cluster.wait(*REF, until, deadline_seconds=5, beat=soon(change))
    assert seen == [None, "colours"]


def test_the_deadline_is_not_ready_and_names_the_object(cluster: Cluster) -> None:
    with pytest.raises(NotReady, match=r"ConfigMap test/colours in cluster mesh02 was not ready within 0s"):
        cluster.wait(*REF, sky, deadline_seconds=0.1, beat=lambda: None)


def test_what_the_beat_raises_ends_the_wait_and_its_reader(cluster: Cluster) -> None:
    def cancelled() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        cluster.wait(*REF, sky, deadline_seconds=30, beat=cancelled)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("watch")]


def test_a_stream_that_ended_is_taken_up_again(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STREAM_SECONDS", 1)
    monkeypatch.setattr(watch, "PAUSE_SECONDS", 0)
    began = time.monotonic()

    def late() -> None:
        if time.monotonic() - began > 1.5:
            cluster.apply(MANIFEST, manager="test")

    assert cluster.wait(*REF, sky, deadline_seconds=10, beat=late) == "blue"


def test_an_outage_during_the_wait_is_unreachable(
    cluster: Cluster, api: ClusterApi, servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PAUSE_SECONDS", 0)
    with pytest.raises(Unreachable, match="cluster mesh02"):
        cluster.wait(*REF, sky, deadline_seconds=10, beat=soon(lambda: servers(api.stop())))

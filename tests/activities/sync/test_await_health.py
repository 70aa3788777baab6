"""Waiting until what was applied is healthy."""

import threading
from typing import Any

import httpx
import pytest
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment

from activities import sync_health
from activities.sync import SyncActivities
from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import ApplicationRef, Fence, SyncCommand
from tidegate.domain.manifest import Manifest
from tidegate.sandbox.cluster_api import ClusterApi

LABELS = {"app": "redis"}
POD = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "a", "image": "redis:7"}]}}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "redis"},
    "spec": {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": POD},
}
REF = ("apps/v1", "Deployment", "test", "redis")
NEVER_AVAILABLE = {
    "type": "Progressing",
    "status": "False",
    "reason": "ProgressDeadlineExceeded",
}


@pytest.fixture
def command(application: Any, owner: ApplicationRef, mesh02: Cluster, sync: SyncActivities) -> SyncCommand:
    """The Deployment redis, applied."""
    application.manifests = [DEPLOYMENT]
    command = SyncCommand(owner=owner, fence=Fence(epoch=1000, sequence=1))
    ActivityEnvironment().run(sync.apply, command)
    return command


@pytest.fixture
def report(mesh02: Cluster, apis: list[ClusterApi]) -> Any:
    """Writes the Deployment's status, as its controller would."""

    def report(available: int, *conditions: Manifest) -> None:
        live = mesh02.get(*REF) or {}
        status = {
            "observedGeneration": live["metadata"]["generation"],
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": available,
            "availableReplicas": available,
            "conditions": list(conditions),
        }
        path = "/apis/apps/v1/namespaces/test/deployments/redis/status"
        httpx.put(apis[0].url + path, json=live | {"status": status}).raise_for_status()

    return report


def test_a_healthy_object_ends_the_wait_and_is_reported(
    sync: SyncActivities, command: SyncCommand, report: Any, environment: ActivityEnvironment
) -> None:
    report(2)
    found = environment.run(sync.await_health, command)
    assert [(each.object, each.action) for each in found.objects] == [("Deployment test/redis", "Healthy")]


def test_it_says_what_it_waits_for_until_an_event_ends_it(
    sync: SyncActivities, command: SyncCommand, report: Any, environment: ActivityEnvironment
) -> None:
    report(1)
    heartbeats: list[str] = []
    wanted = "Deployment test/redis: 1 of 2 updated replicas are available"
    recover = threading.Thread(target=report, args=(2,))

    def on_heartbeat(text: str) -> None:
        heartbeats.append(text)
        if text == wanted and not recover.ident:
            recover.start()

    environment.on_heartbeat = on_heartbeat
    environment.run(sync.await_health, command)
    recover.join()
    assert wanted in heartbeats


def test_the_syncs_time_is_up_though_the_step_is_retried(
    sync: SyncActivities, command: SyncCommand, report: Any, late_environment: ActivityEnvironment
) -> None:
    report(1)
    wanted = (
        "Deployment test/redis in cluster mesh02 did not become healthy in time; "
        "it is Progressing: 1 of 2 updated replicas are available"
    )
    with pytest.raises(ApplicationError, match=wanted) as caught:
        late_environment.run(sync.await_health, command)
    assert (caught.value.type, caught.value.non_retryable) == ("ReleaseFailed", True)


def test_an_object_that_stays_degraded_fails_the_release(
    sync: SyncActivities,
    command: SyncCommand,
    report: Any,
    environment: ActivityEnvironment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sync_health, "DEGRADED_SECONDS", 0)
    report(1, NEVER_AVAILABLE)
    wanted = "Deployment test/redis in cluster mesh02 is Degraded: exceeded its progress deadline"
    with pytest.raises(ApplicationError, match=wanted):
        environment.run(sync.await_health, command)


def test_an_object_that_recovers_from_degraded_is_waited_for(
    sync: SyncActivities, command: SyncCommand, report: Any, environment: ActivityEnvironment
) -> None:
    report(1, NEVER_AVAILABLE)
    recovered: list[None] = []

    def on_heartbeat(text: str) -> None:
        if "progress deadline" in text and not recovered:
            recovered.append(report(2))

    environment.on_heartbeat = on_heartbeat
    environment.run(sync.await_health, command)
    assert recovered


def test_a_paused_deployment_counts_as_done(
    sync: SyncActivities,
    command: SyncCommand,
    application: Any,
    environment: ActivityEnvironment,
) -> None:
    spec = {"paused": True, "selector": {"matchLabels": LABELS}, "template": POD}
    application.manifests = [DEPLOYMENT | {"spec": spec}]
    environment.run(sync.apply, command)
    found = environment.run(sync.await_health, command)
    assert [each.action for each in found.objects] == ["Suspended"]


def test_a_later_wave_waits_for_the_one_before(
    sync: SyncActivities,
    command: SyncCommand,
    application: Any,
    report: Any,
    mesh02: Cluster,
    environment: ActivityEnvironment,
) -> None:
    metadata = {"name": "after", "annotations": {"argocd.argoproj.io/sync-wave": "1"}}
    application.manifests = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}, DEPLOYMENT]
    before: list[Manifest | None] = []

    def on_heartbeat(text: str) -> None:
        if "redis: " in text and not before:
            before.append(mesh02.get("v1", "ConfigMap", "test", "after"))
            report(2)

    environment.on_heartbeat = on_heartbeat
    environment.run(sync.apply, command)
    assert before == [None]
    assert mesh02.get("v1", "ConfigMap", "test", "after") is not None


def test_a_cancellation_gets_through_while_it_waits(
    sync: SyncActivities, command: SyncCommand, report: Any, environment: ActivityEnvironment
) -> None:
    report(1)

    def on_heartbeat(text: str) -> None:
        environment.cancel()

    environment.on_heartbeat = on_heartbeat
    with pytest.raises(CancelledError):
        environment.run(sync.await_health, command)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("watch")]

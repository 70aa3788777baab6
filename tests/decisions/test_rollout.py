"""How far a rollout is, told from the object alone."""

from typing import Any

import pytest

from tidegate.decisions.rollout import (
    Progress,
    is_behind_service,
    rollout_of,
    running_replicas,
    troubles,
    wanted_replicas,
    workload_of,
)


def deployment(wanted: int | None = 2, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"generation": 3},
        "spec": {"replicas": wanted},
        "status": {"observedGeneration": 3} | status,
    }


def daemons(wanted: int, updated: int, available: int, **more: Any) -> dict[str, Any]:
    """`nodes` is its node selector."""
    template = {"spec": {"nodeSelector": more.pop("nodes", {})}}
    status = {"desiredNumberScheduled": wanted, "updatedNumberScheduled": updated}
    return {
        "kind": "DaemonSet",
        "metadata": {"generation": 3},
        "spec": {"template": template},
        "status": {"observedGeneration": 3, "numberAvailable": available} | status | more,
    }


NOWHERE = {"flagger.app/scale-to-zero": "true"}
EXCEEDED = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


@pytest.mark.parametrize(
    ("live", "percent", "progress", "reason"),
    [
        (
            daemons(2, 2, 2, observedGeneration=2),
            100,
            Progress.UNDER_WAY,
            "its controller has not seen the new spec yet",
        ),
        (daemons(2, 1, 1), 100, Progress.UNDER_WAY, "1 of 2 pods are updated"),
        (daemons(2, 2, 1), 100, Progress.UNDER_WAY, "1 of 2 pods are available"),
        (daemons(2, 2, 1), 50, Progress.DONE, "1 of 2 replicas are available, and 50% are enough"),
        (daemons(2, 2, 0), 0, Progress.UNDER_WAY, "0 of 2 pods are available"),
        (daemons(2, 2, 2), 100, Progress.DONE, "all replicas are available"),
        (daemons(2, 2, 2, numberMisscheduled=1), 100, Progress.DONE, "all replicas are available"),
        (daemons(0, 0, 0, nodes=NOWHERE), 50, Progress.UNDER_WAY, "it is scaled to 0"),
        (
            daemons(0, 0, 0),
            100,
            Progress.UNDER_WAY,
            "no node takes its pods; see to its node selector, affinity and tolerations",
        ),
    ],
)
def test_a_daemon_sets_rollout_is_done_when_every_node_has_its_pod(
    live: Any, percent: int, progress: Progress, reason: str
) -> None:
    assert rollout_of(live, percent) == (progress, reason)


def counts(updated: int, total: int, available: int) -> dict[str, int]:
    return {"updatedReplicas": updated, "replicas": total, "availableReplicas": available}


@pytest.mark.parametrize(
    ("live", "progress", "reason"),
    [
        (None, Progress.UNDER_WAY, "it does not exist"),
        (
            deployment(observedGeneration=2),
            Progress.UNDER_WAY,
            "its controller has not seen the new spec yet",
        ),
        (deployment(**counts(1, 1, 1)), Progress.UNDER_WAY, "1 of 2 replicas are updated"),
        (deployment(**counts(2, 3, 3)), Progress.UNDER_WAY, "1 old replicas are still to end"),
        (deployment(**counts(2, 2, 1)), Progress.UNDER_WAY, "1 of 2 updated replicas are available"),
        (deployment(**counts(2, 2, 2)), Progress.DONE, "all replicas are available"),
        (deployment(None, **counts(1, 1, 1)), Progress.DONE, "all replicas are available"),
        (deployment(0), Progress.UNDER_WAY, "it is scaled to 0"),
        (deployment(0, **counts(2, 2, 2), observedGeneration=2), Progress.UNDER_WAY, "it is scaled to 0"),
        (
            deployment(conditions=[EXCEEDED]),
            Progress.STUCK,
            "exceeded its progress deadline: 0 of 2 replicas are updated",
        ),
        (
            deployment(observedGeneration=2, conditions=[EXCEEDED]),
            Progress.UNDER_WAY,
            "its controller has not seen the new spec yet",
        ),
    ],
)
def test_a_rollout_is_done_when_all_its_pods_are(live: Any, progress: Progress, reason: str) -> None:
    assert rollout_of(live) == (progress, reason)


@pytest.mark.parametrize(
    ("live", "percent", "progress", "reason"),
    [
        (
            deployment(4, **counts(4, 4, 3)),
            75,
            Progress.DONE,
            "3 of 4 replicas are available, and 75% are enough",
        ),
        (deployment(4, **counts(4, 4, 3)), 76, Progress.UNDER_WAY, "3 of 4 updated replicas are available"),
        (deployment(4, **counts(4, 4, 4)), 75, Progress.DONE, "all replicas are available"),
        (deployment(4, **counts(4, 5, 4)), 50, Progress.UNDER_WAY, "1 old replicas are still to end"),
        (deployment(4, **counts(3, 3, 3)), 50, Progress.UNDER_WAY, "3 of 4 replicas are updated"),
        (deployment(4, **counts(4, 4, 0)), 0, Progress.UNDER_WAY, "0 of 4 updated replicas are available"),
        (
            deployment(4, **counts(4, 4, 1), conditions=[EXCEEDED]),
            0,
            Progress.DONE,
            "1 of 4 replicas are available, and 0% are enough",
        ),
        (
            deployment(4, **counts(4, 4, 3), observedGeneration=2),
            50,
            Progress.UNDER_WAY,
            "its controller has not seen the new spec yet",
        ),
        (deployment(0, **counts(0, 0, 0)), 0, Progress.UNDER_WAY, "it is scaled to 0"),
    ],
)
def test_a_ready_threshold_is_the_percent_of_pods_that_have_to_be_available(
    live: Any, percent: int, progress: Progress, reason: str
) -> None:
    assert rollout_of(live, percent) == (progress, reason)


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"status": {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}}]}}


UNSCHEDULABLE = {
    "status": {
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes fit"}
        ]
    }
}
READY = {
    "status": {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"state": {}}]}
}
NOT_READY = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
EXITED = {"status": {"initContainerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}}


@pytest.mark.parametrize(
    ("pods", "text"),
    [
        ([], ""),
        ([READY, waiting("ContainerCreating")], ""),
        (
            [waiting("ErrImagePull", "no such\n image"), waiting("ErrImagePull")],
            "2 pods ErrImagePull: no such image",
        ),
        (
            [waiting("CrashLoopBackOff"), UNSCHEDULABLE, READY],
            "1 pod CrashLoopBackOff; 1 pod Unschedulable: 0/3 nodes fit",
        ),
        ([NOT_READY, NOT_READY, EXITED], "2 pods not ready; 1 pod exited with 3"),
        ([waiting("Failed", "x" * 200)], f"1 pod Failed: {'x' * 157}..."),
    ],
)
def test_troubles_are_counted_by_reason(pods: Any, text: str) -> None:
    assert troubles(pods) == text


def test_missing_replicas_mean_one() -> None:
    assert (wanted_replicas(deployment(None)), wanted_replicas(deployment(0))) == (1, 0)


def test_running_pods_are_known_only_once_the_change_was_observed() -> None:
    assert running_replicas(deployment(0, replicas=2)) == 2
    assert running_replicas(deployment(0)) == 0
    assert running_replicas(deployment(0, observedGeneration=2)) is None


@pytest.mark.parametrize(
    ("endpoints", "known"),
    [
        (None, False),
        ([], False),
        ([{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}], False),
        ([{"addresses": [], "conditions": {"ready": True}}], False),
        ([{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}], True),
        ([{"addresses": ["10.0.0.1"]}], True),
        ([{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}, {"addresses": ["10.0.0.2"]}], True),
    ],
)
def test_a_service_knows_its_pods_once_one_is_ready(endpoints: Any, known: bool) -> None:
    assert is_behind_service({"endpoints": endpoints}) is known


@pytest.mark.parametrize(
    ("owners", "labels", "name"),
    [
        ([], {}, "web-x"),
        (
            [{"kind": "ReplicaSet", "name": "web-5d9c", "controller": True}],
            {"pod-template-hash": "5d9c"},
            "web",
        ),
        ([{"kind": "DaemonSet", "name": "web", "controller": True}], {}, "web"),
        ([{"kind": "Other", "name": "other"}], {}, "web-x"),
    ],
)
def test_a_pods_workload_has_the_name_by_which_istio_knows_it(owners: Any, labels: Any, name: str) -> None:
    metadata = {"name": "web-x", "labels": labels, "ownerReferences": owners}
    assert workload_of({"metadata": metadata}) == name

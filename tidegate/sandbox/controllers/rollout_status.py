"""A Deployment's status, as Kubernetes' own controller reports it: counts, Available and Progressing."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.sandbox.client import Object
from tidegate.sandbox.controllers.objects import (
    condition,
    field,
    now,
    seconds_since,
    timestamp,
    total,
)
from tidegate.sandbox.controllers.rollout import bounds_of, desired_replicas

NO_DEADLINE = 2**31 - 1
COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")


def deployment_status(deployment: Object, new: Object | None, old: Sequence[Object]) -> Object:
    """The status to report for the Deployment with these ReplicaSets."""
    status = _counts(deployment, new, old)
    conditions = {entry["type"]: entry for entry in deployment.get("status", {}).get("conditions") or []}
    conditions["Available"] = _changed(conditions.get("Available"), _available(deployment, status))
    progressing = _progressing(deployment, status, new)
    if progressing is None:
        conditions.pop("Progressing", None)
    else:
        conditions["Progressing"] = progressing
    status["conditions"] = list(conditions.values())
    return status


def seconds_to_deadline(deployment: Object, status: Object) -> float | None:
    """Seconds until the rollout counts as stuck; None when it cannot become so."""
    deadline = _deadline(deployment)
    progressing = condition({"status": status}, "Progressing")
    if deadline is None or progressing is None or deployment["spec"].get("paused"):
        return None
    if progressing["reason"] in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded"):
        return None
    return max(0.0, deadline - seconds_since(progressing["lastUpdateTime"]))


def is_complete(deployment: Object, status: Object) -> bool:
    """All replicas are updated and available, no old ones are left, and the spec has been seen."""
    wanted = desired_replicas(deployment)
    return (
        all(field(status, name) == wanted for name in ("updatedReplicas", "replicas", "availableReplicas"))
        and field(status, "observedGeneration") >= deployment["metadata"]["generation"]
    )


def _counts(deployment: Object, new: Object | None, old: Sequence[Object]) -> Object:
    every = [*old, *([new] if new else [])]
    available = total(every, "status", "availableReplicas")
    wanted = sum(map(desired_replicas, every))
    counts = {
        "replicas": total(every, "status", "replicas"),
        "updatedReplicas": field(new or {}, "status", "replicas"),
        "readyReplicas": total(every, "status", "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
    }
    status: Object = {"observedGeneration": deployment["metadata"]["generation"]}
    status.update({name: count for name, count in counts.items() if count})
    return status


def _available(deployment: Object, status: Object) -> Object:
    if field(status, "availableReplicas") >= bounds_of(deployment).fewest_available:
        return _condition(
            "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."
        )
    return _condition(
        "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
    )


def _progressing(deployment: Object, status: Object, new: Object | None) -> Object | None:
    """The Progressing condition; its lastUpdateTime is that of the last step forward."""
    before = condition(deployment, "Progressing")
    deadline = _deadline(deployment)
    if deadline is None:
        return None
    if deployment["spec"].get("paused"):
        return _changed(
            before, _condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
        )
    reason = _reason(deployment, status, new, before, deadline)
    if before is not None and reason is None:
        return before
    return _changed(before, _progress_condition(deployment, new, reason or "NewReplicaSetCreated"))


def _reason(
    deployment: Object, status: Object, new: Object | None, before: Object | None, deadline: int
) -> str | None:
    """The reason to report anew; None when nothing has moved and the deadline is not over."""
    name = new["metadata"]["name"] if new else ""
    same_set = before is not None and f'"{name}"' in before["message"]
    if before is None or before["reason"] == "DeploymentPaused" or not same_set:
        return "NewReplicaSetCreated"
    settled = before["reason"] == "NewReplicaSetAvailable"
    if settled and field(status, "replicas") == field(status, "updatedReplicas"):
        return None
    if is_complete(deployment, status):
        return "NewReplicaSetAvailable"
    if _moved_forward(deployment.get("status", {}), status):
        return "ReplicaSetUpdated"
    if not settled and seconds_since(before["lastUpdateTime"]) >= deadline:
        return "ProgressDeadlineExceeded"
    return None


def _moved_forward(before: Object, after: Object) -> bool:
    def old_replicas(status: Object) -> int:
        return field(status, "replicas") - field(status, "updatedReplicas")

    grown = any(
        field(after, name) > field(before, name)
        for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    return grown or old_replicas(after) < old_replicas(before)


def _progress_condition(deployment: Object, new: Object | None, reason: str) -> Object:
    name = new["metadata"]["name"] if new else ""
    who = f'ReplicaSet "{name}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    message = {
        "NewReplicaSetCreated": f'Created new replica set "{name}"',
        "ReplicaSetUpdated": f"{who} is progressing.",
        "NewReplicaSetAvailable": f"{who} has successfully progressed.",
        "ProgressDeadlineExceeded": f"{who} has timed out progressing.",
    }[reason]
    return _condition("Progressing", str(reason != "ProgressDeadlineExceeded"), reason, message)


def _condition(kind: str, status: str, reason: str, message: str) -> Object:
    moment = timestamp(now())
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": moment,
        "lastTransitionTime": moment,
    }


def _changed(before: Object | None, after: Object) -> Object:
    """`after`, keeping the transition time when the status stays; availability keeps its update time too."""
    if before is None or before["status"] != after["status"]:
        return after
    kept = {"lastTransitionTime": before["lastTransitionTime"]}
    if (
        before["reason"] == after["reason"]
        and before["message"] == after["message"]
        and after["reason"] != "ReplicaSetUpdated"
    ):
        kept["lastUpdateTime"] = before["lastUpdateTime"]
    return {**after, **kept}


def _deadline(deployment: Object) -> int | None:
    seconds = int(deployment["spec"].get("progressDeadlineSeconds", 600))
    return None if seconds == NO_DEADLINE else seconds

"""How far a Deployment's rollout is, and what holds its pods up, in words."""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from tidegate.decisions.health.deployment import health
from tidegate.decisions.health.status import Status, number, observed
from tidegate.domain.manifest import Manifest, dig

ALL_AVAILABLE = "all replicas are available"
_STARTING = {"ContainerCreating", "PodInitializing"}


class Progress(StrEnum):
    """Where a rollout stands. Stuck: Kubernetes itself gave up on it."""

    DONE = "done"
    UNDER_WAY = "under way"
    STUCK = "stuck"


class Rollout(NamedTuple):
    """A rollout's progress, and the reason in words."""

    progress: Progress
    reason: str


def rollout_of(deployment: Manifest | None, ready_percent: int = 100) -> Rollout:
    """Done when all pods run the last spec and so many percent of them are available, one at least."""
    if deployment is None:
        return Rollout(Progress.UNDER_WAY, "it does not exist")
    if observed(deployment) and wanted_replicas(deployment) == 0:
        return Rollout(Progress.UNDER_WAY, "it is scaled to 0")
    status, message = health(deployment)
    if status is Status.HEALTHY:
        return Rollout(Progress.DONE, ALL_AVAILABLE)
    if ready_percent < 100 and (enough := _enough(deployment, ready_percent)):
        return Rollout(Progress.DONE, enough)
    return Rollout(Progress.STUCK if status is Status.DEGRADED else Progress.UNDER_WAY, message)


def _enough(deployment: Manifest, percent: int) -> str:
    """That enough pods are available, in words; empty where they are not, or old ones are left."""
    updated = number(deployment, "status", "updatedReplicas")
    available = number(deployment, "status", "availableReplicas")
    current = observed(deployment) and updated >= wanted_replicas(deployment)
    alone = number(deployment, "status", "replicas") <= updated
    if not (current and alone and available and 100 * available >= percent * updated):
        return ""
    return f"{available} of {updated} replicas are available, and {percent}% are enough"


def wanted_replicas(deployment: Manifest) -> int:
    """spec.replicas; Kubernetes takes 1 where it is missing."""
    return number(deployment, "spec", "replicas", default=1)


def running_replicas(deployment: Manifest) -> int | None:
    """The pods there are; None while the last change of the spec was not observed."""
    return number(deployment, "status", "replicas") if observed(deployment) else None


def troubles(pods: Iterable[Manifest]) -> str:
    """What holds pods up: "2 pods ErrImagePull: not found; 1 pod Unschedulable"; empty when nothing does."""
    counted: Counter[str] = Counter()
    messages: dict[str, str] = {}
    for pod in pods:
        reason, message = next(_troubles_of(pod), ("", ""))
        counted[reason] += 1
        messages.setdefault(reason, message)
    return "; ".join(
        _counted(count, reason, messages[reason]) for reason, count in counted.most_common() if reason
    )


def _counted(count: int, reason: str, message: str) -> str:
    return f"{count} pod{'' if count == 1 else 's'} {reason}{f': {message}' if message else ''}"


def _troubles_of(pod: Manifest) -> Iterator[tuple[str, str]]:
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = dig(container, "state", "waiting") or {}
        if waiting.get("reason") and waiting["reason"] not in _STARTING:
            yield waiting["reason"], _line(waiting.get("message"))
        if code := dig(container, "state", "terminated", "exitCode"):
            yield f"exited with {code}", _line(dig(container, "state", "terminated", "message"))
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield condition.get("reason") or "Unschedulable", _line(condition.get("message"))
        if condition.get("type") == "Ready" and condition.get("status") == "False":
            yield "not ready", _line(condition.get("message"))


def _line(text: object) -> str:
    """A pod's message on one line of bounded length."""
    line = " ".join(str(text or "").split())
    return line if len(line) <= 160 else f"{line[:157]}..."


def is_behind_service(endpoint_slice: Manifest) -> bool:
    """Whether an EndpointSlice has a ready address; who says nothing of being ready is, as for Kubernetes."""
    endpoints = endpoint_slice.get("endpoints") or ()
    return any(dig(each, "conditions", "ready") is not False and each.get("addresses") for each in endpoints)


def pods_behind(endpoint_slice: Manifest) -> frozenset[str]:
    """The names of the ready pods that an EndpointSlice leads to; none where it has no port."""
    endpoints = (endpoint_slice.get("endpoints") or ()) if endpoint_slice.get("ports") else ()
    return frozenset(
        str(dig(each, "targetRef", "name"))
        for each in endpoints
        if dig(each, "targetRef", "kind") == "Pod" and dig(each, "conditions", "ready") is not False
    )


def is_ready(pod: Manifest) -> bool:
    """Whether a pod takes requests, and is not about to end."""
    conditions = dig(pod, "status", "conditions") or ()
    said = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
    return said and dig(pod, "metadata", "deletionTimestamp") is None

"""How far a workload's rollout is, and what holds its pods up, in words."""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from tidegate.decisions.health import daemon_set, deployment
from tidegate.decisions.health.status import Status, observed
from tidegate.domain.manifest import Manifest, dig, name_of
from tidegate.domain.workload import DAEMON_SET, DEPLOYMENT, kind_of

ALL_AVAILABLE = "all replicas are available"
_HEALTH = {DEPLOYMENT.name: deployment.health, DAEMON_SET.name: daemon_set.health}
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


_NO_NODE = "no node takes its pods; see to its node selector, affinity and tolerations"


def rollout_of(workload: Manifest | None, ready_percent: int = 100) -> Rollout:
    """Done when all pods run the last spec and so many percent of them are available, one at least."""
    if workload is None:
        return Rollout(Progress.UNDER_WAY, "it does not exist")
    if kind_of(workload).is_down(workload):
        return Rollout(Progress.UNDER_WAY, "it is scaled to 0")
    if observed(workload) and wanted_replicas(workload) == 0:
        return Rollout(Progress.UNDER_WAY, _NO_NODE)
    status, message = _HEALTH[kind_of(workload).name](workload)
    if status is Status.HEALTHY:
        return Rollout(Progress.DONE, ALL_AVAILABLE)
    if ready_percent < 100 and (enough := _enough(workload, ready_percent)):
        return Rollout(Progress.DONE, enough)
    return Rollout(Progress.STUCK if status is Status.DEGRADED else Progress.UNDER_WAY, message)


def _enough(workload: Manifest, percent: int) -> str:
    """That enough pods are available, in words; empty where they are not, or old ones are left."""
    known = kind_of(workload).counts(workload)
    current = observed(workload) and known.updated >= known.wanted and not known.outdated
    if not (current and known.available and 100 * known.available >= percent * known.updated):
        return ""
    return f"{known.available} of {known.updated} replicas are available, and {percent}% are enough"


def wanted_replicas(workload: Manifest) -> int:
    """The pods that it is to have: spec.replicas, or the nodes that are to have one."""
    return kind_of(workload).counts(workload).wanted


def available_replicas(workload: Manifest) -> int:
    """The pods that have been ready for long enough."""
    return kind_of(workload).counts(workload).available


def running_replicas(workload: Manifest) -> int | None:
    """The pods there are; None while the last change of the spec was not observed."""
    return kind_of(workload).counts(workload).present if observed(workload) else None


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


def workload_of(pod: Manifest) -> str:
    """The name by which Istio knows a pod's workload: its Deployment's, another controller's, or its own."""
    owners = dig(pod, "metadata", "ownerReferences") or ()
    owner = next((each for each in owners if each.get("controller")), None)
    if owner is None:
        return name_of(pod)
    version = dig(pod, "metadata", "labels", "pod-template-hash")
    return str(owner["name"]).removesuffix(f"-{version}") if version else str(owner["name"])

"""Health of a Pod, by its restart policy: one that serves has to be ready, one that runs once has to end."""

from tidegate.decisions.health.status import (
    Health,
    Object,
    condition,
    degraded,
    healthy,
    progressing,
)
from tidegate.domain.manifest import dig


def health(obj: Object) -> Health:
    """A serving pod is healthy when ready, a pod of one run when it succeeded."""
    phase = dig(obj, "status", "phase")
    if phase == "Failed":
        return degraded(_reason(obj) or "the pod failed")
    if phase == "Succeeded":
        return healthy()
    if (dig(obj, "spec", "restartPolicy") or "Always") != "Always":
        return progressing("the pod has not ended yet")
    return _serving(obj)


def _serving(obj: Object) -> Health:
    for container in _containers(obj):
        waiting = dig(container, "state", "waiting") or {}
        if _is_failure(str(waiting.get("reason") or "")):
            detail = waiting.get("message") or waiting["reason"]
            return degraded(f"container {container.get('name')}: {detail}")
    if condition(obj, "Ready").get("status") == "True":
        return healthy()
    for container in _containers(obj):
        if ended := dig(container, "lastState", "terminated"):
            return degraded(f"container {container.get('name')} ended with code {ended.get('exitCode')}")
    return progressing("the pod is not ready yet")


def _containers(obj: Object) -> list[Object]:
    return list(dig(obj, "status", "containerStatuses") or ())


def _is_failure(reason: str) -> bool:
    return reason.startswith("Err") or reason.endswith(("Error", "BackOff"))


def _reason(obj: Object) -> str:
    ended = [dig(each, "state", "terminated") or {} for each in _containers(obj)]
    texts = [str(each.get("message") or each.get("reason") or "") for each in ended if each.get("exitCode")]
    return str(dig(obj, "status", "message") or "") or next(iter(texts), "")

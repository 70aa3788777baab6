"""Health of a HorizontalPodAutoscaler."""

from tidegate.decisions.health.status import Health, Object, condition, degraded, healthy, progressing

_FAILURES = {
    "AbleToScale": ("FailedGetScale", "FailedUpdateScale"),
    "ScalingActive": (
        "FailedComputeMetricsReplicas",
        "FailedGetContainerResourceMetric",
        "FailedGetExternalMetric",
        "FailedGetObjectMetric",
        "FailedGetPodsMetric",
        "FailedGetResourceMetric",
        "InvalidSelector",
    ),
}
"""Condition's type -> reasons that mean it cannot do its work."""


def health(obj: Object) -> Health:
    """Healthy once it scales, or is held at a bound of its range."""
    for kind, reasons in _FAILURES.items():
        found = condition(obj, kind)
        if found.get("reason") in reasons:
            return degraded(str(found.get("message") or found["reason"]))
    if any(condition(obj, kind).get("status") == "True" for kind in ("AbleToScale", "ScalingLimited")):
        return healthy()
    return progressing("waits for its first metrics")

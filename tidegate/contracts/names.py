"""Names that cross a process border: workflows, signals, search attributes, field managers."""

from datetime import timedelta

RELEASE_WORKFLOW = "Release"
CANARY_WORKFLOW = "Canary"

PAUSE, RESUME, PROMOTE, APPROVE, ABORT = "pause", "resume", "promote", "approve", "abort"
"""Signals of both workflows; each works without arguments.

`abort` takes an AbortRequest, `approve` an ApproveRequest.
"""

REPORT, DIRECTIVE = "report", "directive"
"""Signals between a Release and its coordinated Canaries; nobody else sends them."""

STATUS = "status"
"""Query: ReleaseStatus of a Release, CanaryStatus of a Canary."""

SUBMIT = "submit"
"""Update of a Release, sent together with its start: Submission."""

TASK_TIMEOUT = timedelta(seconds=5)
"""So long a workflow stands still whose worker died in the middle of its decision; Temporal's own is 10 s."""

APPLICATION_ATTRIBUTE = "TidegateApplication"
CLUSTER_ATTRIBUTE = "TidegateCluster"
NAMESPACE_ATTRIBUTE = "TidegateNamespace"
REVISION_ATTRIBUTE = "TidegateRevision"
PHASE_ATTRIBUTE = "TidegatePhase"
SEARCH_ATTRIBUTES = (
    APPLICATION_ATTRIBUTE,
    CLUSTER_ATTRIBUTE,
    NAMESPACE_ATTRIBUTE,
    REVISION_ATTRIBUTE,
    PHASE_ATTRIBUTE,
)
"""All of type Keyword."""

FIELD_MANAGER = "tidegate"
"""Field manager of what Git describes."""

CANARY_FIELD_MANAGER = "tidegate-canary"
"""Field manager of what a release makes: primary, services, routes, scales."""


def release_workflow_id(cluster: str, namespace: str, application: str) -> str:
    """release/<cluster>/<namespace>/<application>."""
    return f"release/{cluster}/{namespace}/{application}"


def canary_workflow_id(cluster: str, namespace: str, canary: str) -> str:
    """canary/<cluster>/<namespace>/<canary>."""
    return f"canary/{cluster}/{namespace}/{canary}"

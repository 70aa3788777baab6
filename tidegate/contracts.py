"""Names and models that cross a process border: CI, workers and the Temporal UI all speak these.

Every step receives references and tokens, never manifests: any worker renders them anew from
(repository, SHA, path), so that no history carries them.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from tidegate.domain.application import Application, Directory
from tidegate.domain.base import Model
from tidegate.domain.plan import Plan
from tidegate.domain.release import Outcome, Phase
from tidegate.domain.verdict import LoadReport, Verdict

RELEASE_WORKFLOW = "Release"
CANARY_WORKFLOW = "Canary"

PAUSE, RESUME, PROMOTE, ABORT = "pause", "resume", "promote", "abort"
"""Signals of both workflows; each works without arguments, and `abort` takes an AbortRequest."""

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

FENCE_ANNOTATION = "tidegate.dev/fence"
"""The last command's token that an object obeyed."""


class Mode(StrEnum):
    """What a run of the Release workflow is for: a release, or putting right what one left behind."""

    RELEASE = "release"
    RECOVER = "recover"


class OnConflict(StrEnum):
    """What to do when another revision of the application is being released."""

    SUPERSEDE = "supersede"
    QUEUE = "queue"
    REJECT = "reject"


class Disposition(StrEnum):
    """What became of a submission."""

    STARTED = "started"
    ATTACHED = "attached"
    SUPERSEDING = "superseding"
    QUEUED = "queued"
    REJECTED = "rejected"


class Fence(Model):
    """A command's place in time: later commands are greater, and an older one is refused.

    `epoch` is the start of the run that gives the command, in milliseconds; `sequence` counts its commands.
    """

    epoch: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.sequence}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """The token of an annotation; None when absent or not ours."""
        epoch, _, sequence = (text or "").partition(".")
        if not all(part.isascii() and part.isdecimal() and len(part) < 20 for part in (epoch, sequence)):
            return None  # anybody may have written it
        return cls(epoch=int(epoch), sequence=int(sequence))

    def is_older_than(self, other: "Fence | None") -> bool:
        """Whether `other` was given later. A command is not older than itself: steps may run twice."""
        return other is not None and (self.epoch, self.sequence) < (other.epoch, other.sequence)


class SourceRef(Model):
    """One immutable set of manifests. `sha` is a full commit SHA."""

    repo_url: str
    sha: str
    path: str
    directory: Directory = Directory()


class ApplicationRef(Model):
    """An application's manifests and where they go. `cluster` is a name of the settings."""

    application: str
    cluster: str
    namespace: str
    create_namespace: bool = False
    source: SourceRef


class CanaryRef(Model):
    """One Canary manifest among an application's manifests.

    `service` is the name of its apex service, and so of its VirtualService; `target` and `primary` are the
    Deployments' names: with them, the whole way back is found even when the manifests are out of reach.
    """

    owner: ApplicationRef
    namespace: str
    name: str
    service: str = ""
    target: str = ""
    primary: str = ""

    @property
    def full_name(self) -> str:
        """The name in messages, as Flagger writes it: podinfo.test."""
        return f"{self.name}.{self.namespace}"


class Limits(Model):
    """Durations from the worker's settings that the workflows obey, in seconds."""

    drain_seconds: float = 5.0
    outage_budget_seconds: float = 300.0
    sync_timeout_seconds: float = 600.0
    search_attributes: bool = False
    """Whether Temporal knows Tidegate's search attributes; a workflow that upserts unknown ones is stuck."""
    clearing_seconds: float = 900.0
    """How long each step of the way back that follows the routing is tried, all attempts together."""
    signals_per_run: int = Field(default=250, ge=1)
    """A count. After so many signals a run hands over to a fresh one: Temporal takes 10,000 for a run."""


# The Release workflow.


class ReleaseRequest(Model):
    """Bring one application at one revision to its destination.

    In the mode `recover`, bring its canaries back to the old side; `revision` then only says what was last
    released.
    """

    application: Application
    cluster: str = Field(min_length=1)
    revision: str
    on_conflict: OnConflict = OnConflict.SUPERSEDE
    started_by: str = ""
    mode: Mode = Mode.RELEASE
    previous: "ReleaseOutcome | None" = None
    """How the run before this one ended, when it handed over by continuing as new."""
    held: bool = False
    """Whether the run before this one was paused before its sync when it handed over to this one."""
    promoted: bool = False
    """Whether somebody had asked that run to skip the analysis."""
    queued: tuple["ReleaseRequest", ...] = ()
    """Requests to hand over to, in order, when this one has ended."""
    dropped: tuple[str, ...] = ()
    """Revisions that were queued and will not be released, since this one superseded them."""

    @property
    def wanted_revision(self) -> str:
        """What the user asked for: the revision given, else the application's own."""
        return self.revision or self.application.spec.source.target_revision

    @property
    def workflow_id(self) -> str:
        """One release at a time for an application at a destination."""
        return release_workflow_id(
            self.cluster, self.application.spec.destination.namespace, self.application.name
        )

    def owner_at(self, sha: str) -> ApplicationRef:
        """The application's manifests at a commit, and where they go."""
        spec = self.application.spec
        return ApplicationRef(
            application=self.application.name,
            cluster=self.cluster,
            namespace=spec.destination.namespace,
            create_namespace=spec.sync_policy.create_namespace,
            source=SourceRef(
                repo_url=spec.source.repo_url, sha=sha, path=spec.source.path, directory=spec.source.directory
            ),
        )


class Submission(Model):
    """The running release's answer to a start. `revision` is what it releases now, a SHA once resolved."""

    disposition: Disposition
    revision: str
    run_id: str
    reason: str = ""
    wanted: str = ""
    """The submitted revision, as a SHA once resolved: what to follow when it does not run yet."""


class AbortRequest(Model):
    """Why a person or a pipeline aborts."""

    reason: str = ""
    superseded: bool = False

    @classmethod
    def read(cls, argument: object) -> Self:
        """A request from whatever somebody typed into the UI: an abort is never lost to a wrong argument."""
        if isinstance(argument, cls):
            return argument
        if isinstance(argument, dict):
            superseded = argument.get("superseded") is True
            return cls(reason=str(argument.get("reason") or ""), superseded=superseded)
        return cls(reason=str(argument or ""))


class Note(Model):
    """One line of what a release did."""

    at: datetime
    text: str
    warning: bool = False


class ObjectOutcome(Model):
    """What the sync did to one object: created, configured, unchanged or read (not applied)."""

    object: str
    cluster: str
    action: str


class CanaryOutcome(Model):
    """How one canary ended."""

    canary: str
    outcome: Outcome
    reason: str
    verdicts: tuple[Verdict, ...] = ()
    load: LoadReport | None = None
    failed_checks: int = 0
    seconds: float = 0.0
    stages: tuple["StageTiming", ...] = ()
    notes: tuple[Note, ...] = ()


class StageTiming(Model):
    """What one stage cost, in seconds."""

    stage: str
    seconds: float


class ReleaseOutcome(Model):
    """How a release ended: the result of the Release workflow."""

    application: str
    outcome: Outcome
    reason: str
    revision: str
    sha: str = ""
    canaries: tuple[CanaryOutcome, ...] = ()
    objects: tuple[ObjectOutcome, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0


class ReleaseStatus(Model):
    """Answer of a Release's status query."""

    application: str
    cluster: str
    namespace: str
    revision: str
    sha: str = ""
    phase: Phase
    paused: bool = False
    waiting_for: str = ""
    canaries: tuple[str, ...] = ()
    """Workflow ids of the canaries of this release."""
    queued: tuple[str, ...] = ()
    """Revisions that wait for this release's end."""
    warnings: tuple[str, ...] = ()
    outcome: ReleaseOutcome | None = None


# The Canary workflow.


class CanaryRequest(Model):
    """Release one canary."""

    ref: CanaryRef
    limits: Limits = Limits()
    revision: str
    progress: "CanaryProgress | None" = None
    """Where the run before this one stood when it handed over by continuing as new."""
    epoch: int = 0
    """Of its fences: later than those of all runs before it. 0: the start of its own run."""


class CanaryStatus(Model):
    """Answer of a Canary's status query. `weight` is the canary's share of the traffic in percent."""

    canary: str
    cluster: str
    revision: str
    phase: Phase
    weight: int = 0
    stage: int = 0
    stages: int = 0
    doing: str = ""
    waiting_for: str = ""
    paused: bool = False
    verdicts: tuple[Verdict, ...] = ()
    load: LoadReport | None = None
    failed_checks: int = 0
    threshold: int = 0
    notes: tuple[Note, ...] = ()
    outcome: CanaryOutcome | None = None


class CanaryProgress(Model):
    """All that a canary's run knows when it hands over to the next, before its promotion.

    `stage` is the index of the stage to go on with. `fence` is the last command's token: the next run counts
    on from it. `started` is when the first run began, `stage_started` when the open stage was entered.
    """

    plan: Plan
    target: str
    reason: str
    """Why the plan is walked."""
    stage: int
    remaining_seconds: float | None = None
    """What is left of the bake under way; None when none is."""
    weight: int | None = None
    fence: Fence
    paused: bool = False
    promoted: bool = False
    skipped_from: int | None = None
    """The weight at which a person ended the analysis."""
    status: CanaryStatus
    timings: tuple[StageTiming, ...] = ()
    started: datetime
    stage_started: datetime | None = None


# Inputs and results of activities.


class ResolveCommand(Model):
    """git.resolve: what does this revision name now?"""

    request: ReleaseRequest


class Resolved(Model):
    """A revision, fixed. `ref` says what it was: "branch latest", "tag v1.2.0", "commit"."""

    owner: ApplicationRef
    ref: str
    limits: Limits = Limits()


class Survey(Model):
    """What an application's manifests hold; they were rendered and validated, nothing was changed."""

    canaries: tuple[CanaryRef, ...] = ()
    objects: int = 0
    warnings: tuple[str, ...] = ()
    epoch: int = 0
    """The latest epoch of a fence that any of the live objects obeyed; 0 where none has one."""


class FindCommand(Model):
    """recovery.find, find_traffic: what is there of this application's last release?

    `by_marks_alone`: Git is not asked, and what bears no marks not seen.
    """

    request: ReleaseRequest
    by_marks_alone: bool = False


class Remains(Model):
    """One canary as it was found. `faults` say what is not as between two releases; none: all is well."""

    ref: CanaryRef
    faults: tuple[str, ...] = ()


class Findings(Model):
    """All canaries of an application that are known to its clusters; `epoch` as in a Survey."""

    canaries: tuple[Remains, ...] = ()
    epoch: int = 0
    limits: Limits = Limits()
    warnings: tuple[str, ...] = ()
    """What could not be looked at."""


class SyncCommand(Model):
    """sync.apply, sync.await_health."""

    owner: ApplicationRef
    fence: Fence


class SyncReport(Model):
    """What the sync did, in its order."""

    objects: tuple[ObjectOutcome, ...] = ()


class PlanResult(Model):
    """A canary's plan against the cluster as it is. `target` is the Deployment's name."""

    plan: Plan
    target: str
    reason: str
    warnings: tuple[str, ...] = ()


class CanaryCommand(Model):
    """A mutating step of a canary: workload.prepare, scale_up, promote, restore, scale_down."""

    ref: CanaryRef
    fence: Fence
    deadline_seconds: float = 600.0
    turning_back: bool = False
    """scale_down: whether the release did not stand, so that a promotion not undone yet stays undoable."""
    copy_epoch: int = 0
    """restore: the epoch of the release that is undone: its copy of the primary may be put back, no other."""


class StepReport(Model):
    """What a mutating step did, in lines that a person reads; `warnings` say what it had to put right."""

    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    revision: str = ""
    """restore: the commit that the primary runs, as far as it says so."""


Weight = Annotated[int, Field(ge=0, le=100)]


class RouteCommand(Model):
    """traffic.route: the canary's share in percent; `expected` is the share that was set before.

    `turning_back`: the live routes are put to 100/0 as they are, for which no manifest is needed.
    """

    ref: CanaryRef
    fence: Fence
    canary_weight: Weight
    expected: Weight | None = None
    turning_back: bool = False


class BakeCommand(Model):
    """load_test.run: put the canary under load for `seconds`, and run its rollout hooks."""

    ref: CanaryRef
    seconds: float
    phase: Phase = Phase.PROGRESSING


class BakeReport(Model):
    """What the load test and the hooks came to; a hook that failed is a failed check."""

    load: LoadReport | None = None
    verdicts: tuple[Verdict, ...] = ()


class JudgeCommand(Model):
    """metrics.judge: ask every check of the canary once."""

    ref: CanaryRef


class Judgement(Model):
    """A verdict for every check, in the manifest's order."""

    verdicts: tuple[Verdict, ...] = ()


# These name models that come after them, and are completed here: a worker's first tasks, in many threads at
# once, would each try to, and some see the others' half-made models.
for _model in (ReleaseRequest, CanaryOutcome, CanaryRequest):
    _model.model_rebuild()


def release_workflow_id(cluster: str, namespace: str, application: str) -> str:
    """release/<cluster>/<namespace>/<application>."""
    return f"release/{cluster}/{namespace}/{application}"


def canary_workflow_id(cluster: str, namespace: str, canary: str) -> str:
    """canary/<cluster>/<namespace>/<canary>."""
    return f"canary/{cluster}/{namespace}/{canary}"
